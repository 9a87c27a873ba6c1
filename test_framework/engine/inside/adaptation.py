"""What a fork or a lane needs from plug-ins' and Python's own state, one function a matter.

Rules: each function names the part that it knows; where that part is absent or has changed shape it does nothing.
No project is special here.
"""

from __future__ import annotations

import atexit
import os
import random
import sys
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .terminal import Summary


def xdist_off(option: Any) -> None:
    """`-n N` in a project's own options becomes `-n0`: lanes replace xdist (pytest-xdist)."""
    for name, value in (("numprocesses", None), ("tx", []), ("dist", "no"), ("looponfail", False)):
        if hasattr(option, name):
            setattr(option, name, value)


def coverage_off(option: Any) -> None:
    """What `--no-cov` means to pytest-cov, also where the project's own options ask for coverage."""
    if hasattr(option, "no_cov"):
        option.no_cov = True


def looked_for_tests(config: Any) -> dict[str, Any]:
    """Where and by what names the session looked for tests, and whether it measures coverage (pytest-cov)."""
    return {
        "roots": None if getattr(config.option, "pyargs", False) else [str(each) for each in config.args],
        "names": [str(each) for each in config.getini("python_files")],
        "covers": config.pluginmanager.hasplugin("_cov"),
    }


def basetemp(config: Any) -> str:
    """The session's directory for temporary files, made if need be; '' where there is none."""
    factory = getattr(config, "_tmp_path_factory", None)
    if factory is None or config.option.collectonly:
        return ""
    try:
        return str(factory.getbasetemp())
    except OSError:
        return ""  # the test that asks for it will say so


def own_basetemp(config: Any, worker: str) -> None:
    """Each lane has a temporary directory of its own below the session's, named as xdist names it."""
    above = basetemp(config)
    if above:
        base = Path(above) / f"popen-{worker}"
        base.mkdir(exist_ok=True, mode=0o700)
        config._tmp_path_factory._basetemp = base


def for_spawned_lanes(config: Any) -> dict[str, Any]:
    """What a lane that is a session of its own must have in common with this one (see `be_spawned`)."""
    seed = getattr(config.option, "randomly_seed", None)  # pytest-randomly draws it anew in every process
    return {"basetemp": basetemp(config), "randomly_seed": seed if isinstance(seed, int) else None}


def be_spawned(option: Any, worker: Mapping[str, Any]) -> None:
    """Before a spawned lane's plug-ins look at their options: take over what `for_spawned_lanes` told."""
    above = worker.get("basetemp")
    if above and hasattr(option, "basetemp"):  # pytest would empty the directory that all share
        os.makedirs(above, mode=0o700, exist_ok=True)
        option.basetemp = os.path.join(above, f"popen-{worker['name']}")
    if worker.get("randomly_seed") is not None and hasattr(option, "randomly_seed"):
        option.randomly_seed = worker["randomly_seed"]
    if hasattr(option, "cov_append"):  # pytest-cov would erase what other lanes have saved
        option.cov_append = True


def reseed(seeded: bool) -> None:
    """Lanes must not draw the same numbers, unless the project seeded them on purpose."""
    if not seeded:
        random.seed()


def forget_exit_handlers() -> None:
    """Exit handlers registered before the fork belong to the zygote."""
    atexit._clear()
    finalize: Any = weakref.finalize
    for finalizer in list(finalize._registry):
        finalizer.atexit = False
    if finalize._registered_with_atexit:
        atexit.register(finalize._exitfunc)
    logging = sys.modules.get("logging")
    if logging is not None:
        atexit.register(logging.shutdown)


def restart_coverage(config: Any) -> None:
    """Coverage measured by pytest-cov starts anew in a lane, into a data file that the zygote combines at the end."""
    plugin = config.pluginmanager.getplugin("_cov")
    controller = getattr(plugin, "cov_controller", None)
    running = getattr(controller, "cov", None)
    if controller is None or running is None or not controller.started:
        return
    coverage: Any = sys.modules["coverage"]
    running.stop()
    measuring = coverage.Coverage(
        source=controller.cov_source,
        branch=controller.cov_branch,
        data_suffix=True,
        data_file=os.path.abspath(running.config.data_file),
        config_file=controller.cov_config,
    )
    measuring._warn_no_data = False
    measuring._warn_unimported_source = False
    measuring._warn_preimported_source = False

    def finish() -> None:
        measuring.stop()
        measuring.save()
        controller.started = False

    measuring.start()
    controller.cov = measuring
    controller.finish = finish


def show_reruns() -> None:
    """pytest-rerunfailures keeps reruns to itself in a worker whose xdist it does not find: here they are wanted."""
    module: Any = sys.modules.get("pytest_rerunfailures")
    if hasattr(module, "works_with_current_xdist"):
        module.works_with_current_xdist = lambda: True


def benchmark_table(config: Any, summary: Summary) -> str:
    """What pytest-benchmark shows of the tests that this lane measured; '' where there is nothing."""
    measured = getattr(config, "_benchmarksession", None)
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if measured is None or reporter is None or not getattr(measured, "benchmarks", None):
        return ""
    summary.keep = True
    measured.display(reporter)
    summary.keep = False
    return summary.text()


def look_like_a_worker(config: Any, worker: str, message: Mapping[str, Any]) -> None:
    """What plug-ins that know xdist look at."""
    os.environ.update(
        {
            "PYTEST_XDIST_WORKER": worker,
            "PYTEST_XDIST_WORKER_COUNT": str(message["lanes"]),
            "PYTEST_XDIST_TESTRUNUID": message["run"],
        }
    )
    if not hasattr(config, "workerinput"):
        config.workerinput = {
            "workerid": worker,
            "workercount": message["lanes"],
            "testrunuid": message["run"],
            "mainargv": list(sys.argv),
        }
        config.workeroutput = {}
