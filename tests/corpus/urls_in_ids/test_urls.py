import pytest


@pytest.mark.parametrize("url", ["http://me:first1@host", "http://me:second2@host", "http://host"])
def test_is_valid(url):
    assert "//" in url
