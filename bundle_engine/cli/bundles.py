"""Find the config of a workflow in a bundle's folder."""

from __future__ import annotations

from pathlib import Path

from bundle_engine.config.closest import either, matches
from bundle_engine.config.ids import PATH_SUFFIXES
from bundle_engine.errors import InputNotFoundError
from bundle_engine.resources import bundles_dir, packaged_bundle

__all__ = ["find_bundle", "find_configs", "find_whole_config", "kind_of_workflow", "workflows_of"]

_SUFFIXES = (".yaml", ".yml", ".json")
_NO_WORKFLOW = "metadata", "logging"  # files in configs/ that describe something else


def find_bundle(name: str) -> tuple[Path, bool]:
    """Find a bundle by its folder, a ready-made one by its name, or a registered one by ``name:version``.

    Returns:
        its folder, and whether it is a ready-made one.

    Raises:
        InputNotFoundError: when there is none; similar names are offered.
    """
    folder = Path(name).expanduser()
    if (folder / "configs").is_dir():
        return folder, False
    if folder.is_dir():
        hint = None
        if folder.resolve().name == "configs":
            hint = f"did you mean the folder around it, '{folder.resolve().parent}'?"
        raise InputNotFoundError(f"'{name}' is no bundle: it has no folder 'configs'", hint=hint)
    ready = packaged_bundle(name)
    if ready is not None:
        return ready, True
    if ":" in name or "@" in name:
        from bundle_engine.experiment.registry import bundle_of, is_reference

        if is_reference(name):
            return bundle_of(name), False
    ready_made = _ready_made()
    near = matches(name, [*ready_made, *_bundles_in(folder.parent)])
    hint = f"did you mean {either(near)}?" if near else None
    if hint is None and ready_made:
        hint = f"there are the ready-made bundles {', '.join(ready_made)}"
    raise InputNotFoundError(f"there is no folder '{name}', and no ready-made bundle of that name", hint=hint)


def find_configs(bundle: Path, workflow: str) -> list[Path]:
    """Find the configs of a workflow: ``train``, or ``train,multi_gpu_train`` for one over the other.

    Raises:
        InputNotFoundError: when one is not there; those that are there are listed.
    """
    return [_find_config(bundle, name.strip()) for name in workflow.split(",") if name.strip()]


def find_whole_config(bundle: Path, workflow: str) -> tuple[Path, ...]:
    """Find the configs of a workflow, together with the one that it lies over if it does not stand alone.

    Raises:
        InputNotFoundError: when one is not there; those that are there are listed.
    """
    found = find_configs(bundle, workflow)
    if len(found) == 1:
        stacks = (stack for stack in workflows_of(bundle) if stack.rpartition(",")[2] == found[0].name)
        found = find_configs(bundle, next(stacks, found[0].name))
    return tuple(found)


def kind_of_workflow(workflow: str) -> str:
    """Give the type of a workflow that its name speaks of: ``evaluate``, ``infer``, or else ``train``."""
    last = workflow.rpartition(",")[2].strip().lower()
    return "evaluate" if "eval" in last else "infer" if "infer" in last else "train"


def workflows_of(bundle: Path) -> list[str]:
    """Give all workflows of a bundle, in the form that `find_configs` takes.

    A config that has nothing of its own to run is put over the one that its name ends in: ``multi_gpu_train`` over
    ``train``; ``evaluate`` that only changes a training over ``train``.
    """
    from bundle_engine.inspection.overlays import workflows

    files = sorted(file for file in (bundle / "configs").iterdir() if file.suffix.lower() in PATH_SUFFIXES)
    return workflows([file for file in files if file.stem not in _NO_WORKFLOW])


def _find_config(bundle: Path, workflow: str) -> Path:
    configs = bundle / "configs"
    for suffix in _SUFFIXES:
        if (found := configs / f"{workflow}{suffix}").is_file():
            return found
    if workflow.lower().endswith(PATH_SUFFIXES) and (configs / workflow).is_file():
        return configs / workflow
    there = sorted({file.stem for file in configs.iterdir() if file.suffix.lower() in PATH_SUFFIXES} - {*_NO_WORKFLOW})
    near = matches(workflow, there)
    hint = f"did you mean {either(near)}?" if near else f"there are {', '.join(there)}" if there else None
    expected = f"{workflow}{{{','.join(_SUFFIXES)}}}"
    raise InputNotFoundError(f"the bundle has no workflow '{workflow}': no file '{configs / expected}'", hint=hint)


def _ready_made() -> list[str]:
    folder = bundles_dir()
    return _bundles_in(folder)


def _bundles_in(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if (entry / "configs").is_dir())
