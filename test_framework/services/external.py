"""A service that runs already, at the address that the project configured: it is asked, never started or stopped."""

from __future__ import annotations

from test_framework.core.service_needs import word_of
from test_framework.core.settings import ServiceSettings
from test_framework.services import probes
from test_framework.services.native import endpoint
from test_framework.services.provider import Place, Service


async def find_external(spec: ServiceSettings, place: Place) -> Service | str:
    """The service where it is configured to be, or why it is not there."""
    host, port, url = endpoint(spec.health_check_endpoint)
    if not port and not spec.health_check_command:
        return "nobody says where it runs: configure health_check_endpoint"

    async def probe() -> str:
        if spec.health_check_command:
            return await probes.command(spec.health_check_command, place.environment, place.project_root)
        return await (probes.http(url) if url else probes.tcp(host, port))

    if why := await probe():
        return why
    word = word_of(spec.name)
    variables = {f"{word}_HOST": host, f"{word}_PORT": str(port)} if port else {}
    if url:
        variables[f"{word}_URL"] = url.partition("://")[0] + f"://{host}:{port}"
    return Service(spec.name, "external", f"{host}:{port}" if port else "", variables, probe)
