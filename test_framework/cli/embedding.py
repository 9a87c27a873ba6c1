"""What `scripts.unified_test_runner` offers to those who import it: the old runner's three names.

Rules: nothing heavy is imported before it is needed; where the orchestration cannot be imported nothing here fails but
what needs it.
"""

from __future__ import annotations

from typing import Any

from test_framework.model.errors import UserError

ORCHESTRATED = (
    "execution_mode", "use_layers", "layers", "background_e2e", "orchestration_status", "master_orchestration",
)  # fmt: skip
"""arguments that the old runner handed to the orchestration"""


def orchestration_available() -> bool:
    """Whether the orchestration can be imported (which this does)."""
    try:
        import test_framework.orchestration.master_orchestration_controller as controller
    except ImportError:
        return False
    return hasattr(controller, "MasterOrchestrationController")


def should_use_orchestration(args: Any, *, available: bool | None = None) -> bool:
    """Whether the command's arguments ask for layers, modes or status rather than for a legacy run of categories."""
    if not any(getattr(args, name, None) for name in ORCHESTRATED):
        return False
    return orchestration_available() if available is None else available


async def execute_orchestration_mode(args: Any) -> int:
    """Execute what a namespace with the command's arguments asks for; the exit code. Messages go to stderr.

    Missing arguments have the command's defaults. Runs in the loop that awaits it and installs no signal handler.
    """
    from test_framework.cli.main import complain
    from test_framework.orchestration.controller_config import MasterOrchestrationConfig
    from test_framework.orchestration.master_orchestration_controller import MasterOrchestrationController

    try:
        refuse_unknown(args)
        progress_mode = getattr(args, "progress_mode", None) or "simple"
        controller = MasterOrchestrationController(MasterOrchestrationConfig(progress_mode=progress_mode))
        async with controller:
            answer = await controller.execute_orchestration(args)
    except UserError as error:
        complain(error)
        return int(error.exit_code)
    return int(answer["exit_code"])


def refuse_unknown(args: Any) -> None:
    """Raises `UserError` for an argument that a controller would not heed, unless it has the command's default."""
    from test_framework.cli.arguments import parse
    from test_framework.orchestration.options import RunOptions

    defaults = vars(parse([])[0])
    heeded = RunOptions().as_arguments()
    unheeded = [
        name
        for name, value in vars(args).items()
        if name not in heeded and value not in (None, False, defaults.get(name))
    ]
    if unheeded:
        raise UserError(
            f"{', '.join(unheeded)}: no execution of tests can be told so",
            f"it can be told: {', '.join(heeded)}",
        )
