"""The live foot of a terminal: lines that are painted over, below text that scrolls up and stays.

Rules: makes text, writes nothing; every frame is one string, so that one write shows it; the cursor rests
below the foot and is never hidden, so a killed run leaves a usable terminal. A terminal that became narrower
has wrapped the old foot: its rows are counted anew at the present width.
"""

from __future__ import annotations

from test_framework.sinks.ink import Line, render, width_of

_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
"""synchronised output: terminals that know it show a frame at once, others ignore it"""


class Screen:
    """Remembers what stands at the foot."""

    def __init__(self, colour: bool) -> None:
        self._colour = colour
        self._foot: list[str] = []
        self._widths: list[int] = []

    def frame(self, above: str, foot: list[Line], columns: int) -> str:
        """Text that puts `above` (whole lines, safe already) over the foot and repaints it; "": no change."""
        painted = [render(line, self._colour) for line in foot]
        if not above and painted == self._foot:
            return ""
        up = self._up(columns)
        self._foot, self._widths = painted, [width_of(line) for line in foot]
        if above:
            up += "\x1b[J" if up else ""
            return f"{_BEGIN}{up}{above}{''.join(line + chr(10) for line in painted)}{_END}"
        return f"{_BEGIN}{up}{''.join(line + chr(27) + '[K' + chr(10) for line in painted)}\x1b[J{_END}"

    def clear(self, columns: int) -> str:
        """Text that takes the foot away."""
        up = self._up(columns)
        self._foot, self._widths = [], []
        return f"{up}\x1b[J" if up else ""

    def _up(self, columns: int) -> str:
        rows = sum(max(1, -(-width // max(columns, 1))) for width in self._widths)
        return f"\r\x1b[{rows}A" if rows else ""
