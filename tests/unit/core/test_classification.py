"""A test belongs to exactly one category: marker, then path or keyword, then directory, then unit."""

from __future__ import annotations

import time

import pytest

from test_framework.core.classification import Classifier
from test_framework.core.settings_mapping import settings_from_mapping
from test_framework.model.plan import TestInfo

MAPPING = {
    "layers": {"l": {"categories": [{"name": "own"}]}},
    "categories": {
        "smoke": {"priority": "CRITICAL"},
        "unit": {"priority": "HIGH"},
        "database": {"priority": "HIGH", "markers": ["db", "slow"]},
        "api": {"priority": "MEDIUM"},
        "integration": {"priority": "MEDIUM", "markers": ["slow"]},
        "contracts": {
            "priority": "LOW",
            "paths": ["tests/api/contracts", "**/test_contract_*.py", "spec/*/x"],
        },
        "pay": {"priority": "LOW", "keywords": ["billing", "credit_card", "TaxRate"]},
    },
}


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(settings_from_mapping(MAPPING, "test"))


@pytest.mark.parametrize(
    ("marks", "file", "test_id", "category"),
    [
        ("", "tests/test_a.py", "", "unit"),
        ("", "test_a.py", "", "unit"),
        ("", "tests/database/test_a.py", "", "database"),
        ("", "tests/api/database/test_a.py", "", "database"),
        ("", "tests/database/api/deep/test_a.py", "", "api"),
        ("", "tests/databases/test_a.py", "", "unit"),
        ("", "tests/database.py", "", "unit"),
        ("", "tests/own/test_a.py", "", "own"),
        ("smoke", "tests/database/test_a.py", "", "smoke"),
        ("api unit", "tests/database/test_a.py", "", "unit"),
        ("unit smoke parametrize", "test_a.py", "", "smoke"),
        ("db", "tests/api/test_a.py", "", "database"),
        ("slow", "test_a.py", "", "database"),
        ("skip", "tests/api/test_a.py", "", "api"),
        ("", "tests/api/contracts/test_a.py", "", "contracts"),
        ("", "tests/api/contractsx/test_a.py", "", "api"),
        ("", "tests/api/test_contract_a.py", "", "contracts"),
        ("", "test_contract_a.py", "", "contracts"),
        ("", "spec/any/x/test_a.py", "", "contracts"),
        ("", "spec/any/more/x/test_a.py", "", "unit"),
        ("api", "tests/api/contracts/test_a.py", "", "api"),
        ("", "tests/api/test_a.py", "tests/api/test_a.py::test_billing_works", "pay"),
        ("", "tests/api/test_a.py", "tests/api/test_a.py::TestBilling::test_b", "pay"),
        ("", "tests/api/test_billing.py", "tests/api/test_billing.py::test_b", "pay"),
        ("", "tests/api/test_a.py", "tests/api/test_a.py::test_rebilling", "api"),
        ("", "tests/api/test_a.py", "tests/api/test_a.py::test_b[billing]", "api"),
        ("", "tests/billing/test_a.py", "tests/billing/test_a.py::test_b", "unit"),
        ("", "test_a.py", "test_a.py::test_credit_card", "pay"),
        ("", "test_a.py", "test_a.py::test_tax_rate", "pay"),
        ("smoke", "test_a.py", "test_a.py::test_billing", "smoke"),
    ],
)
def test_the_first_rule_that_says_something_decides(classifier, marks, file, test_id, category) -> None:
    found = frozenset(marks.split())
    assert classifier.classify(found, file, test_id) == category
    assert classifier.classify(found, file, test_id) == category, "the second answer comes from memory"
    assert (
        classifier.category_of(TestInfo(id=test_id, index=0, file=file, line=1, chain="", marks=found))
        == category
    )


def test_tests_of_one_directory_do_not_take_each_other_s_answer(classifier) -> None:
    place = "tests/api/test_z.py"
    assert classifier.classify(frozenset(), place, f"{place}::test_billing") == "pay"
    assert classifier.classify(frozenset(), place, f"{place}::test_other") == "api"
    assert classifier.classify(frozenset({"smoke"}), place, f"{place}::test_billing") == "smoke"
    assert classifier.classify(frozenset(), "tests/api/test_contract_z.py") == "contracts"


def test_a_hundred_thousand_tests_are_classified_without_recomputing() -> None:
    classifier = Classifier(settings_from_mapping({**MAPPING, "categories": {"unit": {}, "api": {}}}, "test"))
    marks = [frozenset({"parametrize", f"m{index}"}) for index in range(7)]
    start = time.process_time()
    for index in range(100_000):
        classifier.classify(marks[index % 7], f"tests/area{index % 300}/api/test_{index % 2000}.py")
    assert time.process_time() - start < 3
