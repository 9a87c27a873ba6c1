def area(width, height):
    if width < 0 or height < 0:
        raise ValueError("negative")
    if width == height:
        return width**2
    return width * height


def never_called():
    return "missed"
