"""Run several command lines at once: as processes of this machine, on a ray cluster, by slurm."""

from __future__ import annotations

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


def make_launcher(name: str = "local", **settings: object) -> Launcher:
    """Make the launcher of a name.

    Args:
        name: ``local``, ``ray`` or ``slurm``.
        settings: what the launcher takes, such as ``address`` of a ray cluster or ``partition`` of slurm.

    Raises:
        UsageError: when there is none of that name, or it does not take these settings.
        MissingDependencyError: when the package that it needs is not installed.
    """
    from bundle_engine.config.closest import either, matches
    from bundle_engine.errors import UsageError
    from bundle_engine.experiment.launchers.local import LocalLauncher

    if name != "local":
        near = matches(name, LAUNCHERS)
        hint = f"did you mean {either(near)}?" if near else f"there are {', '.join(LAUNCHERS)}"
        raise UsageError(f"there is no launcher '{name}'", hint=hint)
    try:
        return LocalLauncher(**settings)  # type: ignore[arg-type]
    except TypeError:
        raise UsageError(f"the launcher '{name}' does not take {', '.join(settings)}") from None
