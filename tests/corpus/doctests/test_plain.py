def test_plain():
    """
    >>> 1
    1
    """
    assert True
