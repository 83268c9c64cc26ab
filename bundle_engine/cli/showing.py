"""The commands that say what a config comes to: show, explain, diff."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bundle_engine.cli.inspecting import subject_of
from bundle_engine.errors import InputError, UsageError

if TYPE_CHECKING:
    from bundle_engine.config import ConfigParser
    from bundle_engine.inspection.subject import Subject

__all__ = ["diff", "explain", "manifest", "parser_of", "show", "write"]


def show(
    config_file: Any = None,
    *,
    bundle: str | None = None,
    workflow: str | None = None,
    meta_file: str | None = None,
    args_file: Any = None,
    id: str = "",
    format: str = "yaml",
    origins: bool = False,
    resolved: bool = False,
    **override: Any,
) -> int:
    """Print the effective config; ``bundle-engine show --help`` explains the options."""
    from bundle_engine.inspection.effective import show_config

    subject = subject_of(
        config_file, bundle=bundle, workflow=workflow, meta_file=meta_file, args_file=args_file, override=override
    )
    text = show_config(parser_of(subject), id, format=format, origins=origins, resolved=resolved)
    write(text)
    return 0


def explain(
    id: str | None = None,
    config_file: Any = None,
    *,
    bundle: str | None = None,
    workflow: str | None = None,
    meta_file: str | None = None,
    args_file: Any = None,
    format: str = "text",
    **override: Any,
) -> int:
    """Print what is known of one id; ``bundle-engine explain --help`` explains the options."""
    from bundle_engine.inspection import explanation
    from bundle_engine.inspection.targets import TargetIndex

    if id is None:
        raise UsageError("no id is named", hint="explain ID CONFIG, such as: explain train::trainer train.yaml")
    check_format(format, ("text", "json"))
    subject = subject_of(
        config_file, bundle=bundle, workflow=workflow, meta_file=meta_file, args_file=args_file, override=override
    )
    parser = parser_of(subject)
    with TargetIndex(paths=[subject.bundle_root] if subject.bundle_root else [], progress=progress()) as index:
        found = explanation.explain(parser, id, index)
    write(as_json(found.as_dict()) if format == "json" else explanation.render(found, colour=in_colour()))
    return 0


def diff(
    first: Any = None,
    second: Any = None,
    *,
    workflow: str | None = None,
    args_file: Any = None,
    id: str = "",
    format: str = "text",
    **override: Any,
) -> int:
    """Print what differs between two configs; ``bundle-engine diff --help`` explains the options."""
    from bundle_engine.inspection import differences

    check_format(format, ("text", "json"))
    if first is None:
        raise UsageError("no config is named", hint="diff FIRST SECOND; or diff CONFIG --any::id VALUE")
    overridden = bool(override) or args_file is not None
    if second is None and not overridden:
        raise UsageError("there is nothing to compare with", hint="name a second config, or overrides of the first")

    def side(config: Any, *, with_overrides: bool) -> ConfigParser:
        bundle, files = _bundle_in(config)
        arguments: dict[str, Any] = {"bundle": bundle, "workflow": workflow if bundle is not None else None}
        if with_overrides:
            arguments.update(args_file=args_file, override=override)
        return parser_of(subject_of(files, **arguments))

    old = side(first, with_overrides=second is not None)
    new = side(first if second is None else second, with_overrides=True)
    found = differences.compare(old, new, id)
    if format == "json":
        write(as_json({"differences": [each.as_dict() for each in found]}))
    else:
        write(differences.render(found, colour=in_colour()))
    return 1 if found else 0


def _bundle_in(config: Any) -> tuple[str | None, Any]:
    """Tell a bundle, by its folder or name, and files apart."""
    from bundle_engine.config.source import is_config_path

    files = [config] if isinstance(config, (str, os.PathLike)) else list(config)
    if files and (os.path.isdir(files[0]) or not is_config_path(files[0])):
        return os.fspath(files[0]), files[1:] or None
    return None, files


def manifest(
    config_file: Any = None,
    *,
    bundle: str | None = None,
    workflow: str | None = None,
    args_file: Any = None,
    format: str = "text",
    **override: Any,
) -> int:
    """Print what a bundle can do if it runs; ``bundle-engine manifest --help`` explains the options."""
    from bundle_engine.cli.bundles import find_bundle
    from bundle_engine.inspection.manifest import manifest_of, manifest_of_bundle
    from bundle_engine.inspection.manifest.text import render
    from bundle_engine.inspection.targets import TargetIndex

    check_format(format, ("text", "json"))
    if bundle is not None and (config_file is not None or override or args_file is not None):
        raise UsageError(
            "--bundle takes each config of the bundle as it is, without overrides and other files",
            hint="name the config files, to see what they come to together",
        )
    if bundle is not None:
        root = find_bundle(bundle)[0]
        with TargetIndex(paths=[root], progress=progress()) as index:
            found = manifest_of_bundle(root, workflow, index)
    else:
        subject = subject_of(config_file, workflow=workflow, args_file=args_file, override=override)
        parser_of(subject)
        paths = [subject.bundle_root] if subject.bundle_root else []
        with TargetIndex(paths=paths, progress=progress()) as index:
            found = manifest_of(subject, index)
    write(as_json(found.as_dict()) if format == "json" else render(found, colour=in_colour()))
    return 0


def parser_of(subject: Subject) -> ConfigParser:
    """Give the parser of what was read.

    Raises:
        InputError: where something could not be read; the message has all of it.
    """
    errors = [finding for finding in subject.findings if finding.severity == "error"]
    if not errors:
        return subject.parser
    first, *more = errors
    raise InputError(
        first.message,
        id=first.id or None,
        place=first.place,
        hint=first.suggestion or None,
        notes=[f"and{f' at {other.place}' if other.place else ''}: {other.message}" for other in more],
    )


def check_format(format: str, formats: Sequence[str]) -> None:
    """Raise a `UsageError` for a format that a command does not have."""
    if format not in formats:
        raise UsageError(f"there is no format '{format}'", hint=f"--format {' or '.join(formats)}")


def as_json(value: Any) -> str:
    """Write plain data as JSON; what JSON does not have becomes text."""
    import json

    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def in_colour() -> bool:
    """Tell whether standard output is a terminal that shows colours."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and sys.stdout.isatty()


def progress() -> Callable[[int, int, str], None] | None:
    """Give what tells people that the short names of MONAI are gathered, which takes seconds the first time."""
    if not sys.stderr.isatty():
        return None

    def tell(done: int, total: int, name: str) -> None:
        text = f"reading what MONAI has, once: {done} of {total}"
        sys.stderr.write(f"\r{text}" if done < total else f"\r{' ' * len(text)}\r")
        sys.stderr.flush()

    return tell


def write(text: str) -> None:
    """Write a text on standard output, with one line end."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
