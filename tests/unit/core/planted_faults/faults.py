"""Small faults planted in the core, one at a time, to test its tests: every one of them must be caught.

Rules: `old` stands exactly once in `file` (relative to the package) and is replaced by `new`; a fault is one
that a tired person could make, and changes what the core does, not only how it says it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    file: str
    old: str
    new: str


CHAINS = "core/chains.py"
COURSE = "core/course.py"
FAIL_FAST = "core/fail_fast.py"
FEEDING = "core/feeding.py"
LANES = "core/lanes.py"
PRESSURE = "core/pressure.py"
SCHEDULER = "core/scheduler.py"
STAGES = "core/stages.py"
STATE = "core/run_state.py"
VERDICT = "core/verdict.py"
WINDOWS = "core/windows.py"
WIRE = "model/wire.py"

FAULTS = (
    # chains
    Fault(
        "a unit may end between linked tests",
        CHAINS,
        "if (cost >= seconds or index >= most) and not self.linked(index):",
        "if cost >= seconds or index >= most:",
    ),
    Fault(
        "a chain may be divided between linked tests",
        CHAINS,
        "if not self.linked(index) and (best is None",
        "if (best is None",
    ),
    Fault("the first half keeps its tail too", CHAINS, "        self.tail = index\n", ""),
    Fault(
        "chains of a lost lane stay with it",
        CHAINS,
        "            if chain.holder == lane:\n                chain.holder = None\n",
        "            if chain.holder == lane:\n                continue\n",
    ),
    Fault("what came back does not rejoin its chain", CHAINS, "opened.head == tail:", "opened.head == head:"),
    Fault(
        "exclusive chains do not wait for shared ones",
        CHAINS,
        "if self.exclusive and not self.shared else None",
        "if self.exclusive else None",
    ),
    Fault(
        "an idle lane does not take over a long test",
        CHAINS,
        "            if chain.worth_taking:\n                return chain\n",
        "",
    ),
    Fault(
        "tests that are given up are forgotten when nobody began them",
        CHAINS,
        "left = [*self.begun, *reversed(self.fresh), *reversed(self.exclusive)]",
        "left = [*self.begun, *reversed(self.exclusive)]",
    ),
    # feeding
    Fault(
        "a unit waits behind another however long that is",
        FEEDING,
        "if not queued or self._worth_waiting(lane, category, cost):",
        "if True:",
    ),
    Fault("a category may use one lane too many", FEEDING, "len(users) < category", "len(users) <= category"),
    Fault(
        "units start beside an exclusive one",
        FEEDING,
        "        if self._exclusive_runs():\n            return\n        busy",
        "        busy",
    ),
    Fault("an exclusive unit starts beside others", FEEDING, "if not queued and not busy:", "if not queued:"),
    Fault("a lane is held only once", FEEDING, "        lane.held = False\n", ""),
    Fault("lanes are never closed", FEEDING, "            if not more:\n", "            if False:\n"),
    Fault(
        "lanes are closed while more may come",
        FEEDING,
        "more = any(category.may_come for category in self._categories)",
        "more = any(category.may_start for category in self._categories)",
    ),
    Fault(
        "lanes that die at birth are opened for ever",
        FEEDING,
        "self._losses[lane.number] + 1 if lost else 0",
        "0",
    ),
    Fault(
        "vacant lanes are not opened again",
        FEEDING,
        "            if offers <= idle:\n",
        "            if offers <= idle or self._units:\n",
    ),
    Fault(
        "the estimate of a unit ignores what is left",
        FEEDING,
        "return min(max(share, SMALLEST_UNIT_SECONDS), LARGEST_UNIT_SECONDS)",
        "return category.pool.seconds + SMALLEST_UNIT_SECONDS + LARGEST_UNIT_SECONDS",
    ),
    # lanes and pressure
    Fault("force may fall", LANES, "force <= self.force:", "force == self.force:"),
    Fault(
        "the ladder has no rung after terminate",
        LANES,
        "        if self.force is Force.KILL:\n",
        "        if self.force >= Force.TERMINATE:\n",
    ),
    Fault("no grace between the rungs", LANES, "else self.rung_seconds)", "else 0.0)"),
    Fault(
        "a lane that cannot be killed is awaited for ever",
        LANES,
        "self.given_up, self.rung_at = True, math.inf",
        "self.rung_at = math.inf",
    ),
    Fault("a lane that ended its test in time is not released", LANES, "self.force, self.aim", "self.aim"),
    Fault(
        "nobody wakes for a silent lane",
        LANES,
        "return min(self.test_until, self.quiet_until, self.end_by)",
        "return min(self.test_until, self.end_by)",
    ),
    Fault("limits of tests are forgotten", PRESSURE, "now >= lane.test_until", "now > lane.test_until + 60"),
    Fault(
        "a second interrupt is no harder than the first",
        PRESSURE,
        "stop >= StopReason.SECOND_INTERRUPT:",
        "stop > StopReason.SECOND_INTERRUPT:",
    ),
    Fault(
        "failures interrupt running tests",
        PRESSURE,
        "halt.reason < StopReason.BUDGET and not halt.at_once",
        "halt.reason < StopReason.FAILURES and not halt.at_once",
    ),
    Fault(
        "every test that runs at a deadline is blamed",
        PRESSURE,
        "window.used_up_by(lane.test_started)",
        "window.end > 0",
    ),
    Fault(
        "an unborn lane is awaited for ever",
        PRESSURE,
        "if now >= lane.ready_by else None",
        "if False else None",
    ),
    Fault(
        "a lane may tear down beyond the budget",
        PRESSURE,
        "within = max(window.end - 2 * rung, now + rung)",
        "within = now + 100 * rung",
    ),
    Fault(
        "the rungs do not fit into the reserve",
        WINDOWS,
        "(self.end - self.work_until) / 3",
        "grace",
    ),
    Fault(
        "a child's deadline ignores its parent's",
        WINDOWS,
        "min(self.end, now + budget)",
        "now + budget",
    ),
    Fault("nothing is kept for teardown", WINDOWS, "return budget - reserve", "return budget"),
    # the course
    Fault(
        "a blocked layer starts all the same",
        COURSE,
        "                if blocked:\n",
        "                if blocked and self._stop is not None:\n",
    ),
    Fault(
        "deadlines of layers are not kept",
        COURSE,
        "if now >= layer.window.work_until and",
        "if False and",
    ),
    Fault(
        "deadlines of categories are not kept",
        COURSE,
        "if category.open and now >= window.work_until and",
        "if category.open and now > window.end and",
    ),
    Fault(
        "nobody wakes for deadlines",
        COURSE,
        "soonest = min(soonest, window.work_until)",
        "soonest = min(soonest, window.end)",
    ),
    Fault(
        "tests of a blocked layer are not owed",
        COURSE,
        '            self._abandon(category, f"not started: {reason}")\n',
        "",
    ),
    Fault(
        "the reason of a halt may fall",
        COURSE,
        "category.halt is None or category.halt.reason < halt.reason",
        "True",
    ),
    Fault("a category that never opened has no end", COURSE, "        self._record(blocked)\n", ""),
    Fault("what is owed is not counted", COURSE, "        category.owed += 1\n", ""),
    # stages
    Fault(
        "a category ends while its units still run",
        STAGES,
        "return not self.pool and self.busy == 0",
        "return not self.pool",
    ),
    Fault(
        "dependencies inside a layer are ignored",
        STAGES,
        "if each.plan.depends_on & inside <= ended]",
        "if each.plan.depends_on & inside <= inside]",
    ),
    Fault(
        "a layer that leaves tests owed has passed",
        STAGES,
        "        if owing is not None:\n            late",
        "        if False:\n            late",
    ),
    Fault("any share of failures is tolerated", STAGES, "1 - bad / executed >= rate", "True"),
    # fail-fast
    Fault("one failure too many is allowed", FAIL_FAST, "self._bad >= self._max", "self._bad > self._max"),
    Fault("passes do not end a row of failures", FAIL_FAST, "            self._in_a_row = 0\n", ""),
    Fault("errors and crashes are no failures", FAIL_FAST, "not in BAD:", 'not in {"failed"}:'),
    # scheduler
    Fault(
        "the reason to stop may fall",
        SCHEDULER,
        "and reason <= self.stop:",
        "and reason == self.stop:",
    ),
    Fault(
        "units start after a stop",
        COURSE,
        "        self._halt(self.categories, self._stop)\n",
        "",
    ),
    Fault(
        "what we stopped is called a crash",
        SCHEDULER,
        "lane.force >= Force.INTERRUPT:",
        "lane.force > Force.KILL:",
    ),
    Fault(
        "a crash after a gentle stop is called cancelled",
        SCHEDULER,
        "lane.force >= Force.INTERRUPT:",
        "lane.force >= Force.AFTER_TEST:",
    ),
    Fault(
        "an innocent test is blamed for the one before it",
        SCHEDULER,
        "lane.cause is Cause.LIMIT and lane.test == lane.aim:",
        "lane.cause is Cause.LIMIT:",
    ),
    Fault(
        "tests of a lost lane are forgotten",
        SCHEDULER,
        "            held.category.pool.give_back(held.chain, held.open.values())\n",
        "",
    ),
    Fault(
        "the test that killed its lane runs again",
        SCHEDULER,
        "        del held.open[lane.test]\n        self._record(fact)\n",
        "        self._record(fact)\n",
    ),
    Fault(
        "a crash blames nobody",
        SCHEDULER,
        "        if lane.test:\n            self._blame(event, lane, now)\n",
        "",
    ),
    Fault(
        "a test that takes long is taken for silence",
        SCHEDULER,
        "        lane.quiet_until = math.inf\n        limit",
        "        limit",
    ),
    Fault(
        "tests that a unit did not report are forgotten",
        SCHEDULER,
        "        for test in held.open:\n            self._course.owe(",
        "        for test in ():\n            self._course.owe(",
    ),
    Fault(
        "the run finishes while lanes live",
        SCHEDULER,
        "if not self._lanes and self._course.over:",
        "if self._course.over:",
    ),
    Fault("a failure stops nothing", SCHEDULER, "        if scope is None or", "        if True or"),
    Fault(
        "a cancelled test counts as decided",
        SCHEDULER,
        "        if fact.outcome in UNPROVEN:\n            self._course",
        "        if fact.outcome in ():\n            self._course",
    ),
    Fault(
        "a closed lane that dies with its unit is opened for ever",
        SCHEDULER,
        "(lane.closed and not lane.units)",
        "lane.closed",
    ),
    # state and verdict
    Fault("a repeated test counts twice", STATE, "            self.outcomes[before] -= 1\n", ""),
    Fault(
        "a failure stays after a pass",
        STATE,
        "            del self.failures[fact.test]\n",
        "            pass\n",
    ),
    Fault(
        "cancelled tests count as executed",
        STATE,
        " - sum(self.outcomes[outcome] for",
        " - sum(0 for",
    ),
    Fault("a stopped layer stops the run", STATE, 'if fact.scope != "run":', 'if fact.scope == "":'),
    Fault(
        "owed tests of a strict layer are green",
        VERDICT,
        "    if strict:\n",
        "    if strict and state.bad:\n",
    ),
    Fault("an unbalanced ledger is green", VERDICT, "not state.ledger().balances()", "False"),
    Fault("lost tests are green", VERDICT, "if state.outcomes[Outcome.LOST]:", "if state.bad > 9:"),
    Fault("a broken session is green", VERDICT, "    _judge_session(state, add)\n", ""),
    # wire
    Fault("the checksum is not compared", WIRE, "!= tail[:8]:", "== b'':"),
    Fault("tuples come back as lists", WIRE, "return tuple(_tuples(item)", "return list(_tuples(item)"),
)
