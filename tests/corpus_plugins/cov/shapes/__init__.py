from shapes.area import area

__all__ = ["area"]
