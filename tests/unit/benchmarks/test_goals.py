"""Goals are judged as stated, and a lost row misses them."""

from __future__ import annotations

from benchmarks.goals import Goal, Scores, goal_rows


def scores(suite: str = "one", **changes: float | None) -> Scores:
    figures: dict[str, float | None] = {
        "against_xdist": 1.6,
        "against_serial": 1.9,
        "against_split": 1.1,
        "first_against_xdist": 1.4,
        "distance": 1.05,
        "limit_against_xdist": 1.7,
        "serial_seconds": 8.0,
    }
    return Scores(suite=suite, **(figures | changes))


def missed(goals: list[Goal]) -> list[str]:
    return [goal.name for goal in goals if not goal.met]


def test_scores_that_meet_every_goal_miss_none() -> None:
    assert missed(goal_rows([scores("one"), scores("two")])) == []


def test_a_good_mean_does_not_hide_a_slow_suite() -> None:
    goals = goal_rows([scores("fast", against_xdist=3.0), scores("slow", against_xdist=1.1)])
    assert missed(goals) == ["xdist/ours, each suite"]
    assert any("slow is the least" in goal.measured for goal in goals)


def test_a_lost_row_misses_its_goals_even_among_good_ones() -> None:
    goals = goal_rows([scores("fast"), scores("lost", against_split=None)])
    assert missed(goals) == ["split/ours, each suite"]
    assert any("- (lost is the least)" in goal.measured for goal in goals)


def test_suites_of_few_seconds_may_be_further_from_the_limit() -> None:
    assert missed(goal_rows([scores("tiny", distance=1.29, serial_seconds=2.0)])) == []
    assert missed(goal_rows([scores("long", distance=1.29)])) == ["ours/limit, long"]
