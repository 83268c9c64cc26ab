"""Run several command lines at once: as processes of this machine, on a ray cluster, by slurm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bundle_engine.experiment.launchers.job import (
    DONE,
    FAILED,
    RUNNING,
    STOPPED,
    WAITING,
    Job,
    Launcher,
    State,
    product_command,
)

__all__ = [
    "DONE",
    "FAILED",
    "LAUNCHERS",
    "RUNNING",
    "STOPPED",
    "WAITING",
    "Job",
    "Launcher",
    "State",
    "make_launcher",
    "product_command",
]

LAUNCHERS = ("local", "ray", "slurm")


def make_launcher(name: str = "local", **settings: Any) -> Launcher:
    """Make the launcher of a name.

    Args:
        name: ``local``, ``ray`` or ``slurm``.
        settings: what the launcher takes, such as ``address`` of a ray cluster or ``partition`` of slurm.

    Raises:
        UsageError: when there is none of that name, or it does not take these settings.
    """
    from bundle_engine.config.closest import either, matches
    from bundle_engine.errors import UsageError

    kind: Callable[..., Launcher]
    if name == "local":
        from bundle_engine.experiment.launchers.local import LocalLauncher as kind
    elif name == "ray":
        from bundle_engine.experiment.launchers.ray_cluster import RayLauncher as kind
    elif name == "slurm":
        from bundle_engine.experiment.launchers.slurm import SlurmLauncher as kind
    else:
        near = matches(name, LAUNCHERS)
        hint = f"did you mean {either(near)}?" if near else f"there are {', '.join(LAUNCHERS)}"
        raise UsageError(f"there is no launcher '{name}'", hint=hint)
    fields: tuple[str, ...] = getattr(kind, "_fields", ())
    for setting in settings:
        if setting not in fields:
            near = matches(setting, fields)
            hint = f"did you mean {either(near)}?" if near else f"it takes {', '.join(fields)}"
            raise UsageError(f"the launcher '{name}' has no setting '{setting}'", hint=hint)
    return kind(**settings)
