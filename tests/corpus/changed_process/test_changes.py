import asyncio
import builtins
import locale
import os
import resource
import sys

import pytest


class Policy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self):
        raise RuntimeError("no loops here")


def clear_environment():
    os.environ.clear()


def clear_sys_path():
    sys.path.clear()


def forget_modules():
    for name in ("json", "socket", "select", "traceback"):
        sys.modules.pop(name, None)


def hide_files():
    os.umask(0o777)


def allow_no_more_files():
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 1, 4096))


def allow_no_big_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, resource.RLIM_INFINITY))


def set_locale():
    locale.setlocale(locale.LC_ALL, "C")


def set_policy():
    asyncio.set_event_loop_policy(Policy())



def break_print():
    builtins.print = None


CHANGES = [
    clear_environment,
    clear_sys_path,
    forget_modules,
    hide_files,
    allow_no_more_files,
    allow_no_big_files,
    set_locale,
    set_policy,
    break_print,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_changes_its_process_for_good(change):
    change()


def test_sees_what_was_changed():
    assert os.umask(0o777) == 0o777
    assert builtins.print is None
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == 1 << 16
    assert "HOME" not in os.environ


def test_fails_all_the_same():
    assert len(sys.path) > 100
