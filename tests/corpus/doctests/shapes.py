"""Shapes.

>>> area(2, 3)
6
"""


def area(width, height):
    """
    >>> area(1, 1)
    1
    >>> area(2, 2)
    5
    """
    return width * height


def skipped():
    """
    >>> 1 + 1  # doctest: +SKIP
    3
    """


def shows():
    """
    >>> print("a long line of text")
    a ... text
    """
