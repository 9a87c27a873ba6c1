from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

quick = settings(max_examples=25, derandomize=True, deadline=None, database=None)


@quick
@given(st.lists(st.integers()))
def test_reversing_twice(numbers):
    assert list(reversed(list(reversed(numbers)))) == numbers


@quick
@given(st.integers(min_value=0))
def test_finds_a_counterexample(number):
    assert number < 10


@quick
@given(st.integers())
def test_unsatisfiable(number):
    assume(False)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_with_fixture(tmp_path, text):
    assert tmp_path.is_dir()
