import threading


def test_leaves_a_thread_that_never_ends():
    threading.Thread(target=threading.Event().wait).start()
    assert threading.active_count() > 1


def test_after():
    assert True
