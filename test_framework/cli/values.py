"""What a flag's value may look like: durations, counts, lanes, names.

Rules: each raises argparse's own error, which names the flag.
"""

from __future__ import annotations

import argparse

MOST_LANES = 256


def named(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("an empty name names nothing")
    return text


def seconds(text: str) -> float:
    """Seconds as a number, or with a unit: 90, 1.5, 90s, 2m, 1h."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1.0)
    try:
        value = float(number) * unit
    except ValueError:
        value = -1.0
    if not 0.0 < value < 1e7:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; 90, 1.5, 90s, 2m and 1h are")
    return value


def count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"{text!r} is no count")
    return int(text)


def positive(text: str) -> int:
    number = count(text)
    if number == 0:
        raise argparse.ArgumentTypeError("0 is too few; 1 is the least")
    return number


def lanes(text: str) -> str:
    if text == "auto" or (
        text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MOST_LANES
    ):
        return text
    raise argparse.ArgumentTypeError(f"takes a number from 1 to {MOST_LANES} or auto, not {text!r}")


def run_id(text: str) -> str:
    """The id of a run, as ours are."""
    if not (
        0 < len(text) <= 64
        and text.replace("-", "").replace("_", "").isascii()
        and text.replace("-", "").replace("_", "").isalnum()
    ):
        raise argparse.ArgumentTypeError(f"{text!r} is no id of a run")
    return text
