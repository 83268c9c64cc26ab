"""The commands that look at a config without running it: their table, and what they share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundle_engine.cli.command import Command, Option

if TYPE_CHECKING:
    from bundle_engine.inspection.subject import Subject

__all__ = [
    "ARGS_FILE",
    "BUNDLE",
    "CONFIG_FILE",
    "INSPECTING",
    "META_FILE",
    "OVERRIDES",
    "WORKFLOW",
    "progress_line",
    "subject_of",
]

# options that these commands share; `subject_of` takes them as parameters
CONFIG_FILE = Option(
    "config_file",
    "files",
    "FILES",
    "config, JSON or YAML; of several, later ones win. The name of the option may be left out",
)
META_FILE = Option("meta_file", "file", "FILE", "metadata (default: metadata.json beside the config)")
ARGS_FILE = Option("args_file", "files", "FILES", "JSON or YAML file with options and overrides, as for run")
BUNDLE = Option("bundle", "file", "DIR", "take the configs of a bundle: a folder, or the name of a ready-made one")
WORKFLOW = Option("workflow", "text", "NAME", "with --bundle: which of its configs, such as train, evaluate; or a,b")
OVERRIDES = "set this id of the config"


def subject_of(
    config_file: Any = None,
    *,
    bundle: str | None = None,
    workflow: str | None = None,
    meta_file: str | None = None,
    args_file: Any = None,
    override: Mapping[str, Any] | None = None,
) -> Subject:
    """Read what a command line is about, as far as it can be read.

    Args:
        config_file: file or files.
        bundle: a bundle's folder, or the name of a ready-made bundle; its configs come first.
        workflow: which configs of the bundle; ``train`` by default.
        meta_file: the metadata.
        args_file: files with options and overrides.
        override: overrides as the command line or a caller gives them.

    Raises:
        UsageError: when nothing is named.
        InputError: when there is no such bundle, or an args_file cannot be read.
    """
    from bundle_engine.cli.bundles import find_bundle, find_configs
    from bundle_engine.errors import UsageError
    from bundle_engine.inspection.subject import Subject

    given = _read_args(args_file)
    config_file = config_file if config_file is not None else given.pop("config_file", None)
    bundle, workflow = bundle or given.pop("bundle", None), workflow or given.pop("workflow", None)
    meta_file = meta_file or given.pop("meta_file", None)
    files: list[Path] = []
    root: Path | None = None
    if bundle is not None:
        root = find_bundle(str(bundle))[0].absolute()
        files += find_configs(root, workflow or "train")
    elif workflow is not None:
        raise UsageError("--workflow needs --bundle", hint="--bundle names the folder; or name a config itself")
    files += [Path(file) for file in _as_list(config_file)]
    if not files:
        raise UsageError("no config is named", hint="name a config file, or --bundle DIR for a bundle")
    overrides = {name: value for name, value in given.items() if name not in _RUN_OPTIONS}
    overrides |= {_id_of(key): getattr(value, "value", value) for key, value in (override or {}).items()}
    return Subject.load(files, overrides, root, meta_file=meta_file)


_RUN_OPTIONS = frozenset(
    {"run_id", "init_id", "final_id", "logging_file", "tracking", "dry_run", "strict", "log_file", "workflow_name",
     "workflow_type", "properties_path"}
)  # fmt: skip


def _read_args(args_file: Any) -> dict[str, Any]:
    if args_file is None:
        return {}
    from bundle_engine.workflow.create import read_args_file

    return dict(read_args_file(args_file))


def _as_list(files: Any) -> Sequence[Any]:
    return [] if files is None else [files] if isinstance(files, (str, Path)) else list(files)


def _id_of(key: str) -> str:
    """Write an id as configs do: words of a command line may be joined by ``-``."""
    return key.replace("-", "_")


@contextmanager
def progress_line() -> Iterator[Callable[[int, int, str], None]]:
    """Give what a `TargetIndex` takes to tell that it reads the packages for the first time: a line in a terminal."""
    shown = False

    def tell(done: int, total: int, name: str) -> None:
        nonlocal shown
        if not sys.stderr.isatty():
            if not shown:
                print("reading the installed packages, the first time only ...", file=sys.stderr)
        else:
            line = f"reading the installed packages, the first time only: {done}/{total} {name}"
            print(f"\r{line[:79]:<79}", end="", file=sys.stderr, flush=True)
        shown = True

    try:
        yield tell
    finally:
        if shown and sys.stderr.isatty():
            print(f"\r{'':79}\r", end="", file=sys.stderr, flush=True)


def _load_check() -> Callable[..., int]:
    from bundle_engine.cli.checking import check

    return check


INSPECTING: tuple[Command, ...] = (
    Command(
        name="check",
        summary="find mistakes in a config without running it",
        usage="CONFIG... | --bundle DIR [--workflow NAME] [OPTIONS] [--any::id=VALUE]",
        options=(
            CONFIG_FILE,
            BUNDLE,
            WORKFLOW,
            META_FILE,
            ARGS_FILE,
            Option("run_id", "text", "ID", "id of the expressions to run (default: run)"),
            Option(
                "format", "text", "FORMAT", "text, json, sarif, github (default: text); to explain, text or markdown"
            ),
            Option(
                "fail_on",
                "text",
                "SEVERITY",
                "exit with 1 for findings from this on: error or warning (default: error)",
            ),
            Option("ignore", "text", "CODES", "leave out findings with these codes, such as BE012,BE013"),
            Option("explain", "text", "CODE", "tell what a code means, with a wrong and a right example; all for all"),
        ),
        positional=0,
        overrides=OVERRIDES,
        examples=(
            ("check configs/train.yaml", "check a config"),
            ("check configs/train.yaml configs/multi_gpu_train.yaml", "the second file over the first"),
            ("check --bundle my_bundle --fail_on warning", "all configs of a bundle, also for warnings"),
            ("check configs/train.yaml --format sarif > findings.sarif", "for code scanning"),
            ("check --explain BE012", "what a code means"),
        ),
        load=_load_check,
        rest="config_file",
        exits=(
            (0, "nothing was found that is as severe as --fail_on"),
            (1, "something was found"),
            (2, "wrong usage, or no file could be read"),
        ),
    ),
)
