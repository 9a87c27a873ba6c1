from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from test_framework.core.signatures import MOST_CHARACTERS, Signature, normalised, signature


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("object at 0x7f3a66 is gone", "object at 0x1122ff is gone"),
        ("waited 3.25 s for port 8012", "waited 11 s for port 9"),
        ("no file /tmp/pytest-of-me/pytest-3/a.txt", "no file /var/x/a.txt"),
        ("run 6f9619ff-8b86-d011-b42d-00cf4fc964ff", "run 00000000-8b86-d011-b42d-00cf4fc964fe"),
        ("at 2026-01-01T10:00:00.123Z", "at 2027-12-31 23:59:59"),
        ("commit 0123456789abcdef0123", "commit fedcba98765432100000"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("a  b\n c", "a b c"),
    ],
)
def test_what_differs_from_run_to_run_does_not_count(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("no file a.txt", "no file b.txt"), ("KeyError: 'a'", "KeyError: 'b'"), ("/x/a.py", "/x/b.py")],
)
def test_what_makes_a_failure_another_failure_counts(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


@settings(deadline=None)
@given(st.text())
def test_a_normalised_text_is_short_and_on_one_line(text: str) -> None:
    found = normalised(text)
    assert len(found) <= MOST_CHARACTERS
    assert "\n" not in found


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("failed", "assert 3 == 4"), Signature("AssertionError", "assert <n> == <n>")),
        (("failed", "ValueError: port 12 is bad"), Signature("ValueError", "port <n> is bad")),
        (("error", "requests.exceptions.Timeout"), Signature("requests.exceptions.Timeout", "")),
        (("timed_out", "took more than 3 s"), Signature("timed_out", "took more than <n> s")),
        (
            ("crashed", "killed by SIGSEGV", "", "tests/test_a.py:7"),
            Signature("crashed", "killed by SIGSEGV", "tests/test_a.py"),
        ),
        (
            ("failed", "KeyError: 'x'", "tests/test_a.py:3: in test_a\nsrc/deep/thing.py:9: KeyError\n"),
            Signature("KeyError", "'x'", "deep/thing.py"),
        ),
        (
            ("failed", "KeyError: 'x'", 'Traceback\n  File "/home/me/src/thing.py", line 9, in find\n    x\nKeyError'),
            Signature("KeyError", "'x'", "src/thing.py in find"),
        ),
    ],
)  # fmt: skip
def test_a_signature_has_a_kind_a_message_and_the_last_frame(
    arguments: tuple[str, ...], expected: Signature
) -> None:
    assert signature(*arguments) == expected
