"""The services of one run: started before its tests are collected, watched while they run, stopped after them.

Rules: every step is a fact; a service that never comes keeps the layers that need it from running, or the whole run
where it has no layers; one that dies or falls silent makes failures of its layers a matter of the environment. What was
started is stopped in the opposite order, whatever happens.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from test_framework.core.service_needs import RECIPES, Needs, plug_in_of
from test_framework.core.settings import ServiceSettings
from test_framework.engine.daemon import launch
from test_framework.engine.journal import Journal
from test_framework.engine.redaction import Redactor
from test_framework.model import facts as f
from test_framework.model.errors import UserError
from test_framework.model.outcome import BAD, Blame, ExitCode, Outcome
from test_framework.orchestration.extensions import Extensions
from test_framework.orchestration.preparation import Preparation
from test_framework.records.places import is_alive
from test_framework.services.provider import Launch, Place, Program, Provider, Service, ServiceError

WATCH_EVERY_SECONDS = 1.0
SILENT_TIMES = 2
"""so many questions in a row without a good answer, and a service counts as lost"""
GRACE_SECONDS = 5.0
PROBE_SECONDS = 5.0
"""how long a plug-in may think about whether its service is well"""
DIRECTORY = "services"
"""of a run: what its services write, removed with them"""


def serving_of(
    preparation: Preparation,
    directory: Path | None,
    journal: Journal,
    redactor: Redactor,
    extensions: Extensions,
) -> Serving:
    """The services of a run, which work in its directory. Raises `UserError` for a provider that nobody offers."""
    environment = preparation.environment(journal.run)
    providers = {
        name: extensions.provider(name)
        for each in preparation.needs.services
        if (name := plug_in_of(each.provider))
    }
    return Serving(
        preparation.needs,
        preparation.project_root,
        directory,
        journal,
        redactor,
        launch,
        environment,
        providers,
    )


class Serving:
    """Starts, watches and stops what one run needs."""

    def __init__(
        self,
        needs: Needs,
        project_root: Path,
        directory: Path | None,
        journal: Journal,
        redactor: Redactor,
        launch: Launch,
        environment: Mapping[str, str],
        providers: Mapping[str, Provider] = MappingProxyType({}),
    ) -> None:
        self.needs = needs
        self.variables: dict[str, str] = {}
        """for the environment of the tests"""
        self.unserved: dict[str, str] = {}
        """layer -> why none of its tests is run"""
        self.problem = ""
        """why the whole run cannot be: a service that it needs never came"""
        self._project_root = project_root
        self._journal = journal
        self._redactor = redactor
        self._launch = launch
        self._environment = environment
        self._providers = providers
        self._services: dict[str, Service] = {}
        self._never: dict[str, str] = {}
        self._lost: dict[str, str] = {}
        self._directory = Path() if directory is None else directory / DIRECTORY
        self._watching: asyncio.Task[None] | None = None

    # -- the start --------------------------------------------------------------------------------------------

    async def open(self, cancelled: asyncio.Event) -> None:
        """Start everything in order; independent services side by side. Ends early when the run is cancelled."""
        if not self.needs.services:
            return
        try:
            await self._make_directory()
        except OSError as problem:
            self.problem = f"services cannot be started: {problem}"
            return
        await self._open_within(cancelled)

    async def _make_directory(self) -> None:
        if self._directory == Path():
            self._directory = Path(tempfile.mkdtemp(prefix="apex-services-"))
        else:
            await asyncio.to_thread(_remove_left, self._directory.parent.parent)
            self._directory.mkdir(mode=0o700)

    async def _open_within(self, cancelled: asyncio.Event) -> None:
        opening = asyncio.ensure_future(self._open_all())
        stopping = asyncio.ensure_future(cancelled.wait())
        try:
            await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (opening, stopping):
                task.cancel()
            await asyncio.gather(opening, stopping, return_exceptions=True)
        if not opening.cancelled() and (problem := opening.exception()) is not None:
            raise problem
        for service in self._services.values():
            self.variables.update(service.variables)
            for secret in service.secrets:
                self._redactor.learn(f"of {service.name}", secret)
        self._watching = asyncio.create_task(self._watch())

    async def _open_all(self) -> None:
        ready = {each.name: asyncio.Event() for each in self.needs.services}

        async def one(spec: ServiceSettings) -> None:
            for name in spec.depends_on:
                if name in ready:
                    await ready[name].wait()
            try:
                await self._open_one(spec)
            finally:
                ready[spec.name].set()

        async with asyncio.TaskGroup() as group:
            for spec in self.needs.services:
                group.create_task(one(spec))

    async def _open_one(self, spec: ServiceSettings) -> None:
        missing = next((name for name in spec.depends_on if name in self._never), None)
        if missing is not None:
            self._failed(spec, f"{spec.name} needs {missing}, which never came")
            return
        self._record(f.ServiceStarting(service=spec.name, limit_seconds=spec.startup_timeout_seconds))
        began = time.monotonic()
        try:
            service = await self._provided(spec)
        except (ServiceError, OSError) as problem:
            self._failed(spec, str(problem))
            return
        self._services[spec.name] = service
        self._record(
            f.ServiceReady(
                service=spec.name,
                provider=service.provider,
                address=service.address,
                seconds=round(time.monotonic() - began, 3),
            )
        )

    async def _provided(self, spec: ServiceSettings) -> Service:
        from test_framework.services import native, postgresql, redis_server
        from test_framework.services.external import find_external

        place = self._place(spec)
        if name := plug_in_of(spec.provider):
            return await _started_by_plug_in(self._providers[name], spec, place, self._launch)
        if spec.provider not in ("auto", "native", "external"):
            raise ServiceError(
                f"{spec.name}: the provider {spec.provider} is not built yet; use native or external"
            )
        if spec.provider == "external" or (
            spec.provider == "auto" and spec.project_written and not spec.command
        ):
            there = await find_external(spec, place)
            if isinstance(there, Service):
                return there
            if spec.provider == "external" or spec.name not in RECIPES:
                raise ServiceError(f"{spec.name}: {there}")
        if spec.command:
            return await native.start_command(spec, place, self._launch)
        recipe = {"postgresql": postgresql.start, "redis": redis_server.start}[spec.name]
        return await recipe(spec, place, self._launch)

    def _record(self, fact: f.Fact) -> None:
        self._journal.record(fact)
        self._journal.flush()

    def _place(self, spec: ServiceSettings) -> Place:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        known = {key: value for each in self._services.values() for key, value in each.variables.items()}
        return Place(
            directory=self._directory / spec.name,
            log=self._directory / f"{spec.name}.log",
            cache=Path(home, "netra-apex"),
            environment={**self._environment, **known},
            project_root=self._project_root,
        )

    def _failed(self, spec: ServiceSettings, why: str) -> None:
        first = why.splitlines()[0]
        self._never[spec.name] = first
        self._record(f.ServiceUnhealthy(service=spec.name, reason=first, detail=why))
        layers = self.needs.layers.get(spec.name, frozenset())
        if not layers:
            self.problem = self.problem or why
        for layer in layers:
            self.unserved.setdefault(layer, f"needs the service {spec.name}, which never came: {first}")

    def why_owed(self, owed: Iterable[tuple[str, str, str, str]]) -> str:
        """Why tests of the plan are owed for want of a service; '' where none is."""
        layers = {layer for _, _, layer, _ in owed} if self.unserved else set()
        return next((f"layer {name} {why}" for name, why in self.unserved.items() if name in layers), "")

    def refuse(self) -> None:
        """Raise `UserError` (environment) where nothing can run without what never came."""
        if self.problem:
            raise UserError(self.problem, "", ExitCode.ENVIRONMENT)

    # -- while tests run --------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Ask every service now and then; its end is seen at once when a test fails (`weigh`)."""
        silent: dict[str, int] = {}
        while True:
            await asyncio.sleep(WATCH_EVERY_SECONDS)
            for name, service in list(self._services.items()):
                if name in self._lost:
                    continue
                self._look_for_end(name, service)
                why = "" if name in self._lost else await service.probe()
                silent[name] = silent.get(name, 0) + 1 if why else 0
                if silent[name] >= SILENT_TIMES:
                    self._lose(name, f"it does not answer any more: {why}")

    def _look_for_end(self, name: str, service: Service) -> None:
        if service.program is None or name in self._lost:
            return
        try:
            ended = service.program.ended()
        except Exception as problem:  # noqa: BLE001 - a plug-in's; the other services are still to be watched
            ended = f"its provider cannot tell: {type(problem).__name__}: {problem}"
        if ended:
            self._lose(name, f"it ended while it was needed ({ended})")

    def _lose(self, name: str, why: str) -> None:
        if name in self._lost:
            return
        self._lost[name] = why
        log = self._services[name].log
        printed = ""
        if log is not None:
            from test_framework.services.native import last_lines

            printed = last_lines(log)
        self._record(f.ServiceUnhealthy(service=name, reason=why, detail=printed))

    def weigh(self, fact: f.TestFinished) -> f.TestFinished:
        """A bad outcome of a test whose service is lost says nothing about the test."""
        if fact.outcome not in BAD or not self._services:
            return fact
        for name, service in self._services.items():
            layers = self.needs.layers.get(name, frozenset())
            if layers and fact.layer not in layers:
                continue
            self._look_for_end(name, service)
            if name in self._lost:
                message = f"the service {name} was lost: {self._lost[name]}"
                return replace(
                    fact, outcome=Outcome.LOST, blame=Blame.ENVIRONMENT, message=message,
                    detail=f"{fact.message}\n{fact.detail}".strip(),
                )  # fmt: skip
        return fact

    # -- the end ----------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Stop what was started, the latest first, and remove what it wrote."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        for name, service in reversed(self._services.items()):
            if service.program is None:
                continue
            try:
                await service.program.stop(signal.Signals(service.stop_signal), GRACE_SECONDS)
            except Exception as problem:  # noqa: BLE001 - a plug-in's; the others are still to be stopped
                why = f"it could not be stopped: {type(problem).__name__}: {problem}"
                self._record(f.ServiceUnhealthy(service=name, reason=why))
                continue
            if name not in self._lost:
                self._record(f.ServiceStopped(service=name))
        self._services.clear()
        if self.needs.services:
            await asyncio.to_thread(shutil.rmtree, self._directory, True)


async def _started_by_plug_in(
    provider: Provider, spec: ServiceSettings, place: Place, launch: Launch
) -> Service:
    """Somebody else's code: whatever it raises is a service that never came."""
    launched: list[Program] = []

    def remembered(
        argv: Sequence[str], environment: Mapping[str, str], directory: Path, log: Path
    ) -> Program:
        launched.append(launch(argv, environment, directory, log))
        return launched[-1]

    try:
        return await _answer_of_plug_in(provider, spec, place, remembered)
    except BaseException:
        for program in reversed(launched):
            await program.stop(signal.SIGTERM, GRACE_SECONDS)
        raise


async def _answer_of_plug_in(
    provider: Provider, spec: ServiceSettings, place: Place, launch: Launch
) -> Service:
    try:
        async with asyncio.timeout(spec.startup_timeout_seconds):
            service = await provider.start(spec, place, launch)
    except ServiceError:
        raise
    except TimeoutError:
        raise ServiceError(
            f"{spec.name}: {spec.provider} had not started it after {spec.startup_timeout_seconds:g} s"
        ) from None
    except Exception as problem:
        raise ServiceError(f"{spec.name}: {spec.provider}: {type(problem).__name__}: {problem}") from problem
    if not isinstance(service, Service):
        raise ServiceError(
            f"{spec.name}: {spec.provider} answered {type(service).__name__}, which is no Service"
        )

    async def probe() -> str:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                return str(await service.probe())
        except Exception as problem:  # noqa: BLE001 - the other services are still to be asked
            return f"its provider cannot tell: {type(problem).__name__}: {problem}"

    variables = {str(name): str(value) for name, value in service.variables.items()}
    return replace(service, variables=variables, probe=probe)


def _remove_left(runs: Path) -> None:
    """Remove what services of dead runs wrote: a run that was killed could not do it."""
    for directory in runs.glob(f"*/{DIRECTORY}"):
        if not is_alive(directory.parent):
            shutil.rmtree(directory, ignore_errors=True)
