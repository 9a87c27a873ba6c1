"""The agents of SPEC.md's file structure: policy in domain words. Names are imported when they are asked for."""

from __future__ import annotations

from typing import Any

_PLACES = {
    "MasterOrchestrationController": "master_orchestration_controller",
    "MasterOrchestrationConfig": "master_orchestration_controller",
    "OrchestrationMode": "master_orchestration_controller",
    "create_fast_feedback_controller": "master_orchestration_controller",
    "create_full_layered_controller": "master_orchestration_controller",
    "create_background_only_controller": "master_orchestration_controller",
    "create_hybrid_controller": "master_orchestration_controller",
    "create_legacy_controller": "master_orchestration_controller",
    "OrchestrationAgentInterface": "agent",
    "TestOrchestratorAgent": "test_orchestrator_agent",
    "LayerExecutionAgent": "layer_execution_agent",
    "BackgroundE2EAgent": "background_e2e_agent",
    "ProgressStreamingAgent": "progress_streaming_agent",
    "ResourceManagementAgent": "resource_management_agent",
    "create_production_monitor": "production_monitoring",
}
__all__ = list(_PLACES)


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
