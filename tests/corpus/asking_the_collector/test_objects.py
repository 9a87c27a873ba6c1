import gc


class Imported:
    """Made while collecting: its instance is known to the collector in every test."""


ONE = Imported()
HOLDER = {"one": ONE}


def test_an_object_made_while_collecting_is_found():
    assert [each for each in gc.get_objects() if type(each) is Imported] == [ONE]


def test_who_refers_to_it_is_found():
    assert any(each is HOLDER for each in gc.get_referrers(ONE))


def test_the_function_is_the_real_one():
    assert type(gc.get_referrers) is type(len)
    assert not hasattr(gc, "no_such_function")
