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


ADMISSION = "core/admission.py"
BUDGETS = "core/budgets.py"
CHAINS = "core/chains.py"
CHOICE = "core/choice.py"
COURSE = "core/course.py"
EXPECTATION = "core/expectation.py"
FAIL_FAST = "core/fail_fast.py"
FEEDING = "core/feeding.py"
LANES = "core/lanes.py"
LEAVING_OUT = "core/leaving_out.py"
ORDERING = "core/ordering.py"
PATTERN = "core/pattern.py"
PLANNING = "core/planning.py"
PRESSURE = "core/pressure.py"
RANKING = "core/ranking.py"
SCHEDULER = "core/scheduler.py"
SELECTION = "core/selection.py"
SHARDING = "core/sharding.py"
SPLITTING = "core/splitting.py"
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
        "if (ends or cost >= seconds or index >= most) and not self.linked(index):",
        "if ends or cost >= seconds or index >= most:",
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
    Fault("a layer may use one lane too many", FEEDING, "len(users) >= most", "len(users) > most"),
    Fault("a category may use one lane too many", FEEDING, "len(users) < category", "len(users) <= category"),
    Fault(
        "units start beside an exclusive one",
        FEEDING,
        "        if self._exclusive_runs():\n            return\n        busy",
        "        busy",
    ),
    Fault("an exclusive unit starts beside others", FEEDING, "if not queued and not busy:", "if not queued:"),
    Fault("a lane is held only once", FEEDING, "        lane.held = False\n", ""),
    Fault("lanes are never closed", FEEDING, "            if leaves:\n", "            if False:\n"),
    Fault(
        "a lane that ran long enough goes on",
        FEEDING,
        "may_take(queued) and not self._is_spent(lane, now)",
        "may_take(queued)",
    ),
    Fault(
        "a lane without more to do is not replaced",
        FEEDING,
        "(not lane.units and self._is_spent(lane, now))",
        "False",
    ),
    Fault(
        "a kept lane is replaced",
        FEEDING,
        "if lane.kept or not (aged or lane.spent)",
        "if not (aged or lane.spent)",
    ),
    Fault("a spoiled process goes on", SCHEDULER, "if held.ends_lane and not lane.kept:", "if False:"),
    Fault("a unit goes on after a test that spoils", CHAINS, "if (ends or cost", "if (cost"),
    Fault("a retry has the same process", FEEDING, "not (aged or lane.spent)", "not aged"),
    Fault(
        "a test is retried for ever",
        STAGES,
        "self.tries.get(test, 0) >= self.plan.retries or",
        "not self.plan.retries or",
    ),
    Fault("a test is never retried", STAGES, "self.tries.get(test, 0) >= self.plan.retries", "True"),
    Fault("a retry that never came is owed", COURSE, "if test in category.retrying:", "if False:"),
    Fault("a passing test is retried", SCHEDULER, "if fact.outcome not in BAD or self.stop", "if self.stop"),
    Fault(
        "a failure counts before its retry",
        SCHEDULER,
        "        lane.reported += 1\n        lane.spent",
        "        held.category.bad += 1\n        lane.spent",
    ),
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
        "        if not reason:\n",
        "        if not reason or self._stop is None:\n",
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
    Fault(
        "any share of failures is tolerated",
        STAGES,
        "1 - bad / (executed + self.plan.proven) >= rate",
        "True",
    ),
    Fault(
        "proven tests do not count as passed", STAGES, "bad / (executed + self.plan.proven)", "bad / executed"
    ),
    Fault(
        "a layer of proven tests was empty",
        STAGES,
        "if executed or self.plan.proven else",
        "if executed else",
    ),
    # fail-fast
    Fault("one failure too many is allowed", FAIL_FAST, "self._bad >= self._max", "self._bad > self._max"),
    Fault(
        "passes do not end a row of failures",
        FAIL_FAST,
        "self._in_a_row + 1 if bad else 0",
        "self._in_a_row + bad",
    ),
    Fault(
        "errors and crashes are no failures", FAIL_FAST, "fact.outcome in BAD", 'fact.outcome in {"failed"}'
    ),
    Fault(
        "known flaky tests count in every mode",
        FAIL_FAST,
        'if plan.fail_fast_mode == "smart_adaptive" else frozenset()',
        "if not plan else frozenset()",
    ),
    Fault(
        "known flaky tests count in no mode",
        FAIL_FAST,
        'plan.flaky if plan.fail_fast_mode == "smart_adaptive" else frozenset()',
        "plan.flaky",
    ),
    Fault(
        "a failure of any category is critical",
        FAIL_FAST,
        'case "critical_failure" if category.plan.critical:',
        'case "critical_failure":',
    ),
    Fault(
        "the first failure waits for the tests that run",
        FAIL_FAST,
        'f"first failure: {fact.test}", at_once=True)',
        'f"first failure: {fact.test}")',
    ),
    Fault(
        "what depends on a failed category starts",
        FAIL_FAST,
        "            if other.name in category.plan.depends_on and other.ended:\n",
        "            if other.name in category.plan.depends_on and not other.ended:\n",
    ),
    Fault(
        "a category that was kept from starting keeps nobody",
        FAIL_FAST,
        "        if category.kept:\n",
        "        if category.kept and category.open:\n",
    ),
    Fault(
        "dependency_aware minds what was stopped for another reason",
        FAIL_FAST,
        'if category.owed and self._mode != "dependency_aware" else',
        "if category.owed else",
    ),
    Fault(
        "a strategy of one layer holds in all",
        FAIL_FAST,
        'self._mode == "layers" and self._strategies.get(category.layer) != "category"',
        'self._mode == "layers" and "category" not in self._strategies.values()',
    ),
    Fault(
        "nothing is decided after a layer",
        FAIL_FAST,
        'layer.status == "failed" and',
        'layer.status == "never" and',
    ),
    Fault(
        "a failure that interrupts leaves no time for fixtures",
        PRESSURE,
        "if reason not in (StopReason.INTERRUPT, StopReason.FAILURES):",
        "if reason not in (StopReason.INTERRUPT,):",
    ),
    # admission
    Fault(
        "a layer opens at the moment at which it is blocked",
        COURSE,
        "progressed = progressed or self._open_what_may(now)",
        "progressed |= self._open_what_may(now)",
    ),
    Fault(
        "a layer does not wait for those before it",
        ADMISSION,
        "needs = layer.plan.depends_on | layer.plan.after",
        "needs = layer.plan.depends_on",
    ),
    Fault(
        "one layer too many is open",
        ADMISSION,
        "if len(running) >= max(1, self._plan.max_parallel_layers):",
        "if len(running) > max(1, self._plan.max_parallel_layers):",
    ),
    Fault(
        "a conflict of layers holds in one direction only",
        ADMISSION,
        "return other.id in one.plan.conflicts or one.id in other.plan.conflicts",
        "return other.id in one.plan.conflicts",
    ),
    Fault(
        "a conflict of categories holds in one direction only",
        ADMISSION,
        "b.name in a.conflicts or a.name in b.conflicts",
        "b.name in a.conflicts",
    ),
    Fault("a category runs beside one that runs alone", ADMISSION, "a.alone or b.alone or", "a.alone or"),
    Fault(
        "there is no pause between layers",
        ADMISSION,
        "now + self._plan.layer_delay_seconds",
        "now",
    ),
    Fault(
        "nobody wakes after a pause",
        ADMISSION,
        "            self.opens_at = self._pause_until\n",
        "",
    ),
    Fault(
        "the most urgent layer goes last",
        ADMISSION,
        "                return (layer.plan.priority, place)\n",
        "                return (-layer.plan.priority, place)\n",
    ),
    Fault(
        "who comes first is not served first",
        ADMISSION,
        "category.ready_since = min(category.ready_since, now)",
        "category.ready_since = now",
    ),
    Fault(
        "layers do not take turns",
        ADMISSION,
        "        return (layer.begun, home, place)\n",
        "        return (home, place)\n",
    ),
    Fault(
        "layers that wait for each other hang the run",
        ADMISSION,
        "        if not free and not running:\n",
        "        if False:\n",
    ),
    Fault(
        "critical tests may fail within a layer's limits",
        STAGES,
        "if critical and self.plan.critical_tests_must_pass:",
        "if False:",
    ),
    Fault(
        "a lane leaves the chain that it is in for another category",
        FEEDING,
        "(not each.pool.held_by(lane.number), users[each])",
        "(users[each],)",
    ),
    Fault(
        "lanes all work for the first category",
        FEEDING,
        "(not each.pool.held_by(lane.number), users[each])",
        "(not each.pool.held_by(lane.number),)",
    ),
    # choosing and planning
    Fault("a mode has a layer too few", SELECTION, '"ci": _LAYERS[:3]', '"ci": _LAYERS[:2]'),
    Fault(
        "a legacy run leaves out the parts of a category",
        SELECTION,
        "            visit(part)\n",
        "            pass\n",
    ),
    Fault(
        "modes of the background run in the foreground",
        SELECTION,
        "    if mode in LATER_MODES:\n",
        "    if mode == '':\n",
    ),
    Fault(
        "all forgets the categories of no layer",
        SELECTION,
        "if settings.layer_of(name) is None)",
        "if settings.layer_of(name) == '')",
    ),
    Fault("tests that are owed run too", LEAVING_OUT, "if test.id not in gone]", "if test.id]"),
    Fault(
        "what is left out is not counted", LEAVING_OUT, "self.deselected += len(tests) - len(kept)", "pass"
    ),
    Fault(
        "what failed before the point of resuming is taken for passed",
        LEAVING_OUT,
        "lambda test: not passed(test.id)",
        "lambda test: False",
    ),
    Fault(
        "the category to resume from is not run",
        LEAVING_OUT,
        "        if name == first:\n            break\n",
        "        if list(homes).index(name) > list(homes).index(first):\n            break\n",
    ),
    Fault(
        "an environment is excluded by one of its names only",
        LEAVING_OUT,
        "found.add(ENVIRONMENT_NAMES[word.lower()])",
        "found.add(word.lower())",
    ),
    Fault(
        "categories run in environments that they do not allow",
        LEAVING_OUT,
        "settings.environment not in wanted",
        "settings.environment == ''",
    ),
    Fault(
        "a shipped filter drops tests",
        LEAVING_OUT,
        "    if not layer.project_written:\n        return lambda",
        "    if not layer.id:\n        return lambda",
    ),
    Fault(
        "real language models are never asked for",
        LEAVING_OUT,
        'if not requires or layer.llm.mode == "mock" or',
        'if not requires or layer.llm.mode != "never" or',
    ),
    Fault(
        "named paths are owed for their category's environment",
        PLANNING,
        "    if not wish.explicit_paths:\n        where",
        "    if wish.lanes:\n        where",
    ),
    Fault(
        "named paths wait for the dependencies of their categories",
        PLANNING,
        "    if chosen.layers or not wish.explicit_paths:\n        layers",
        "    if chosen or not wish.explicit_paths:\n        layers",
    ),
    Fault(
        "more tests run at once than the configuration allows",
        PLANNING,
        "least(wish.lanes, execution.max_global_parallel_tests) or 1",
        "wish.lanes or 1",
    ),
    Fault(
        "a part has no conflicts of the whole",
        ORDERING,
        "for part in line if part in categories for",
        "for part in line[:1] if part in categories for",
    ),
    Fault(
        "steps of a waterfall overlap",
        ORDERING,
        "if steps[each.id] < steps[layer.id]}",
        "if steps[each.id] < steps[layer.id] - 1}",
    ),
    Fault(
        "a dependency through an absent category is forgotten",
        ORDERING,
        "                todo.append(needed)\n",
        "                pass\n",
    ),
    Fault(
        "layers wait for later ones that hold what they need",
        ORDERING,
        "if place.get(each, 0) < place[layer.id]}",
        "if place.get(each, 0) != place[layer.id]}",
    ),
    Fault("a pattern's pieces may overlap", PATTERN, "at = found.end()", "at = found.start()"),
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
        "index = held.open.pop(lane.test)",
        "index = held.open[lane.test]",
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
    # choice and order
    Fault("a budget holds whatever is long enough", CHOICE, "if one.lane_seconds <= left:", "if True:"),
    Fault(
        "what must run is chosen like everything else",
        CHOICE,
        "    chosen = must | {one",
        "    chosen = {one",
    ),
    Fault("the most likely test alone is never chosen", CHOICE, "if single is not None and", "if False and"),
    Fault("a serial test takes one lane of its budget", BUDGETS, "load=lanes if", "load=1 if"),
    Fault("a serial category takes one lane of its layer's budget", BUDGETS, "lanes / min(", "1 / min("),
    Fault("what a failure took is believed", BUDGETS, "in costs.bad else", "in () else"),
    Fault(
        "each layer may take the whole time of the run",
        BUDGETS,
        "        self._left = max(0.0, self._left -",
        "        self._unused = max(0.0, self._left -",
    ),
    Fault(
        "a flaky test's failures count",
        RANKING,
        "failures = 0 if self.flaky else self.failures",
        "failures = self.failures",
    ),
    Fault("shared code says as much as own code", RANKING, " / math.sqrt(sharing[block])", ""),
    Fault(
        "what was executed earlier in the file is forgotten",
        RANKING,
        "            blocks |= ",
        "            blocks = ",
    ),
    Fault("proven tests have a chance", RANKING, "if isinstance(decisions.get(test), ToRun):", "if True:"),
    Fault("linked tests are divided between parts", SHARDING, " and not chain[place].linked", ""),
    Fault(
        "a part is what its machine collected first", SHARDING, "(-len(piece), piece[0].id)", "-len(piece)"
    ),
    Fault("linked tests are expected on many lanes", EXPECTATION, "any(chain.links) or ", ""),
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
    # splitting
    Fault(
        "steps that build on one another are taken apart by time",
        SPLITTING,
        "test.linked and STEPS in test.marks for test",
        "False for _",
    ),
    Fault(
        "a group is taken apart by time",
        SPLITTING,
        'startswith(("group:", "serial:"))',
        'startswith("serial:")',
    ),
    Fault(
        "what nothing is recorded of weighs nothing",
        SPLITTING,
        "complexity.get(test.id, mean)",
        "complexity.get(test.id, 0)",
    ),
)
