def used():
    return 1


def unused():
    first = 1
    second = 2
    return first + second
