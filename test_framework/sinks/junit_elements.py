"""One test of a run as a JUnit `<testcase>`: pure text, pytest's names and messages, Surefire's for retries.

Rules: characters that XML 1.0 does not know are written as pytest writes them (`#x1B`); a carriage return is
a reference, for parsers would drop it. Sources: _pytest/junitxml.py, the Surefire report schema 3.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from test_framework.model import facts as f
from test_framework.model.outcome import BAD, Outcome

_ILLEGAL = re.compile("[^\t\n\r\x20-\x7e\x80-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = re.compile("[^ !#-%'-;=?-~]")
_ATTRIBUTE = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "\t": "&#9;",
    "\n": "&#10;",
    "\r": "&#13;",
}
_TEXT = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_TO_ATTRIBUTE = str.maketrans(_ATTRIBUTE)
_TO_TEXT = str.maketrans(_TEXT)
_RAISED = re.compile(r"([A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning|Failed))(?::|$)")
_LOCATION = re.compile(r"(.+):(\d+)")

_TEARDOWN = "\n\nERROR at teardown:\n"
"""stands between the two texts of a failure with an error at teardown (engine/inside/reporter.py)"""

ERRORS = frozenset({Outcome.ERROR, Outcome.TIMED_OUT, Outcome.CRASHED, Outcome.OOM})
"""bad outcomes that JUnit calls errors; a failure is `failed` alone"""


def attribute(text: str) -> str:
    """Text for an attribute in double quotes."""
    if _SPECIAL.search(text) is None:
        return text
    return legal(text).translate(_TO_ATTRIBUTE)


def content(text: str) -> str:
    """Text between tags."""
    return legal(text).translate(_TO_TEXT)


def legal(text: str) -> str:
    """Text with every character that XML 1.0 cannot hold made visible."""
    return _ILLEGAL.sub(_number, text)


def _number(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"#x{code:02X}" if code <= 0xFF else f"#x{code:04X}"


def names(test: str) -> tuple[str, str]:
    """(classname, name) of a node id, as pytest mangles it."""
    path, bracket, params = test.partition("[")
    parts = path.split("::")
    parts[0] = parts[0].replace("/", ".").removesuffix(".py")
    parts[-1] += bracket + params
    return ".".join(parts[:-1]), parts[-1]


def identity(test: str) -> str:
    """The begin of a test's element, the same for all its attempts."""
    classname, name = names(test)
    return f'<testcase classname="{attribute(classname)}" name="{attribute(name)}"'


def opening(test: str, seconds: float, location: str = "") -> str:
    """`<testcase ...` without its end. `location`: file:line where known."""
    where = _LOCATION.fullmatch(location)
    path, line = (where[1], f' line="{where[2]}"') if where else (test.partition("::")[0], "")
    return f'{identity(test)} file="{attribute(path)}"{line} time="{seconds:.3f}"'


def case(fact: f.TestFinished, earlier: Sequence[f.TestFinished] = ()) -> str:
    """The element of a test whose latest attempt is `fact`. `earlier`: its bad attempts before that one."""
    parts = [_properties(fact.properties)]
    if fact.outcome in BAD:
        first, *rest = (*earlier, fact)
        parts += [_bad(first), _output(first.sections), *(_retry("rerun", each) for each in rest)]
    else:
        parts += [_not_bad(fact), *(_retry("flaky", each) for each in earlier), _output(fact.sections)]
    return element(opening(fact.test, fact.seconds, fact.location), parts)


def further_cases(fact: f.TestFinished, subtests: Iterable[f.SubtestFinished]) -> list[str]:
    """Elements beside a bad test's own: its failed subtests, and its error at teardown after a failure."""
    found = []
    for each in subtests:
        failure = f'<failure message="{attribute(each.message)}">{content(each.detail)}</failure>'
        found.append(
            element(opening(f"{fact.test} {each.description}", each.seconds, fact.location), [failure])
        )
    if fact.teardown:
        torn = error("", f'failed on teardown with "{fact.teardown}"', fact.detail.rpartition(_TEARDOWN)[2])
        found.append(element(opening(fact.test, 0.0, fact.location), [torn]))
    return found


def element(begin: str, parts: Iterable[str]) -> str:
    """A test's element from its opening and the elements within, on a line of its own."""
    inner = "".join(parts)
    return f"{begin}>{inner}</testcase>\n" if inner else f"{begin}/>\n"


def skipped(message: str, text: str = "", kind: str = "pytest.skip") -> str:
    return f'<skipped type="{kind}" message="{attribute(message)}">{content(text)}</skipped>'


def error(kind: str, message: str, detail: str) -> str:
    type_ = f' type="{kind}"' if kind else ""
    return f'<error{type_} message="{attribute(message)}">{content(detail)}</error>'


def _not_bad(fact: f.TestFinished) -> str:
    match fact.outcome:
        case Outcome.SKIPPED:
            reason = fact.message.removeprefix("Skipped: ")
            return skipped(reason, f"{fact.location}: {reason}" if fact.location else reason)
        case Outcome.XFAILED:
            return skipped(fact.message.removeprefix("reason: "), kind="pytest.xfail")
        case _:
            return ""


def _bad(fact: f.TestFinished) -> str:
    if fact.outcome is Outcome.FAILED:
        detail = fact.detail.rpartition(_TEARDOWN)[0] if fact.teardown else ""
        return f'<failure message="{attribute(fact.message)}">{content(detail or fact.detail)}</failure>'
    if fact.outcome is Outcome.ERROR:
        when = fact.phase if fact.phase in ("setup", "teardown") else "setup"
        return error("", f'failed on {when} with "{fact.message}"', fact.detail)
    return error(fact.outcome.value, fact.message, fact.detail)


def _retry(prefix: str, fact: f.TestFinished) -> str:
    tag = prefix + ("Error" if fact.outcome in ERRORS else "Failure")
    raised = _RAISED.match(fact.message)
    kind = fact.outcome.value if raised is None else raised[1]
    return (
        f'<{tag} message="{attribute(fact.message)}" type="{attribute(kind)}" time="{fact.seconds:.3f}">'
        f"<stackTrace>{content(fact.detail)}</stackTrace>{_output(fact.sections)}</{tag}>"
    )


def _properties(rows: Sequence[tuple[str, str]]) -> str:
    if not rows:
        return ""
    return f"<properties>{properties(rows)}</properties>"


def properties(rows: Iterable[tuple[str, str]]) -> str:
    return "".join(f'<property name="{attribute(name)}" value="{attribute(value)}"/>' for name, value in rows)


def _output(sections: Iterable[tuple[str, str]]) -> str:
    """Captured output: what stderr got as `system-err`, stdout and logs as `system-out`."""
    streams: dict[str, list[str]] = {"system-out": [], "system-err": []}
    for title, text in sections:
        tag = "system-err" if "stderr" in title else "system-out"
        streams[tag].append(f"{f' {title} '.center(80, '-')}\n{text}\n")
    return "".join(f"<{tag}>{content(''.join(texts))}</{tag}>" for tag, texts in streams.items() if texts)
