"""The list of planted faults fits the core as it is now; `scripts/planted_faults.py` plants them."""

from __future__ import annotations

from pathlib import Path

import pytest

import test_framework
from tests.unit.core.planted_faults.faults import FAULTS, Fault

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_fault_has_one_place_in_the_source_and_changes_it(fault: Fault) -> None:
    source = (Path(test_framework.__file__).parent / fault.file).read_text("utf-8")
    assert source.count(fault.old) == 1
    compile(source.replace(fault.old, fault.new), fault.file, "exec")
    assert fault.old != fault.new


def test_every_fault_has_a_name_of_its_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
