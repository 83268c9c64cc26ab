"""The command `check`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundle_engine.cli.inspecting import progress_line, subject_of
from bundle_engine.errors import InputError, UsageError

if TYPE_CHECKING:
    from bundle_engine.inspection.findings import Finding
    from bundle_engine.inspection.subject import Subject

__all__ = ["CLEAN", "FOUND", "NOTHING_READ", "check", "one_of", "print_findings", "read_codes"]

CLEAN, FOUND, NOTHING_READ = 0, 1, 2
_STYLES = {"error": "bold red", "warning": "bold yellow", "info": "bold blue"}


def check(
    config_file: Any = None,
    *,
    bundle: str | None = None,
    workflow: str | None = None,
    meta_file: str | None = None,
    args_file: Any = None,
    run_id: str | None = None,
    format: str | None = None,
    fail_on: str | None = None,
    ignore: str | None = None,
    explain: str | None = None,
    **override: Any,
) -> int:
    """Find mistakes in a config without running it; ``bundle-engine check --help`` explains the options."""
    from bundle_engine.inspection.formats import FORMATS

    format = format or "text"
    if explain is not None:
        return _explain(explain, format)
    one_of("format", format, list(FORMATS))
    one_of("fail_on", fail_on or "error", ["error", "warning", "info"])
    ignored = read_codes(ignore)
    subjects = _subjects(config_file, bundle, workflow, meta_file, args_file, override)
    findings = _check_all(subjects, run_id, ignored)
    files = list(dict.fromkeys(str(file) for subject in subjects for file in subject.files))
    print_findings(findings, files, format)
    if not any(subject.documents for subject in subjects):
        return NOTHING_READ
    from bundle_engine.inspection.findings import at_or_above

    return FOUND if at_or_above(findings, fail_on or "error") else CLEAN  # type: ignore[arg-type]


def _check_all(subjects: Sequence[Subject], run_id: str | None, ignored: set[str]) -> list[Finding]:
    from bundle_engine.inspection.check import check
    from bundle_engine.inspection.findings import sort_key
    from bundle_engine.inspection.targets import TargetIndex

    roots = list(dict.fromkeys(subject.bundle_root for subject in subjects if subject.bundle_root is not None))
    found: dict[Any, Finding] = {}
    with progress_line() as progress, TargetIndex(paths=roots, progress=progress) as index:
        for subject in subjects:
            table = _properties(subject)
            for finding in check(subject, index=index, properties=table, run_id=run_id or "run", ignore=ignored):
                found.setdefault((finding.code, finding.id, finding.place), finding)
    return sorted(found.values(), key=sort_key)


def _subjects(
    config_file: Any, bundle: str | None, workflow: str | None, meta_file: str | None, args_file: Any, override: Any
) -> list[Subject]:
    """Read what is to be checked: the files given; or of a bundle one workflow, or all of them."""
    if bundle is None or workflow is not None or config_file is not None:
        given = {"bundle": bundle, "workflow": workflow, "meta_file": meta_file, "args_file": args_file}
        return [subject_of(config_file, **given, override=override)]
    from bundle_engine.cli.bundles import find_bundle, workflows_of

    folder, _ = find_bundle(str(bundle))
    names = workflows_of(folder)
    if not names:
        raise InputError(f"the bundle '{bundle}' has no configs", hint=f"they stand in '{folder / 'configs'}'")
    return [
        subject_of(bundle=str(folder), workflow=name, meta_file=meta_file, args_file=args_file, override=override)
        for name in names
    ]


def _properties(subject: Subject) -> Any:
    """Give the properties that a workflow of this name must have; None where the name says nothing."""
    stem = subject.files[0].stem.lower() if subject.files else ""
    if not any(word in stem for word in ("infer", "eval", "train")):
        return None
    from bundle_engine.workflow.properties import EvalProperties, InferProperties, TrainProperties

    if "infer" in stem:
        return InferProperties
    if "eval" in stem:
        return EvalProperties
    return TrainProperties


def one_of(name: str, value: str, choices: Sequence[str]) -> None:
    """Raise a `UsageError` for a value of an option that is none of those it may have."""
    if value not in choices:
        raise UsageError(f"--{name} is {' or '.join(choices)}, not '{value}'")


def read_codes(ignore: Any) -> set[str]:
    """Read codes of findings as the command line gives them.

    Raises:
        UsageError: for one that there is not.
    """
    from bundle_engine.config.closest import either, matches
    from bundle_engine.inspection.catalogue import CATALOGUE

    parts = ignore if isinstance(ignore, (list, tuple)) else str(ignore or "").strip("[]()").split(",")
    codes = {str(part).strip().strip("'\"").upper() for part in parts} - {""}
    for code in sorted(codes - CATALOGUE.keys()):
        near = matches(code, CATALOGUE)
        hint = f"did you mean {either(near)}?" if near else "check --explain all lists them"
        raise UsageError(f"there is no finding with the code '{code}'", hint=hint)
    return codes


def _explain(code: str, format: str) -> int:
    from bundle_engine.inspection.catalogue import CATALOGUE
    from bundle_engine.inspection.formats import explanation, reference_page

    one_of("format", format, ["text", "markdown"])
    if code.lower() == "all":
        text = reference_page() if format == "markdown" else "\n".join(map(explanation, CATALOGUE.values()))
    else:
        (known,) = read_codes(code) or {""}
        if not known:
            raise UsageError("--explain needs a code", hint="--explain BE012, or --explain all")
        text = explanation(CATALOGUE[known], markdown=format == "markdown")
    print(text, end="")
    return CLEAN


def print_findings(findings: Sequence[Finding], files: Sequence[str], format: str) -> None:
    """Print findings in one of the formats; as text in a terminal, in colour."""
    from bundle_engine.inspection.formats import FORMATS

    names = [os.path.relpath(file) if Path(file).is_absolute() else file for file in files]
    if format == "text" and sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
        _print_in_colour(findings, names)
    elif text := FORMATS[format](findings, names):
        print(text)


def _print_in_colour(findings: Sequence[Finding], files: Sequence[str]) -> None:
    from rich.console import Console
    from rich.text import Text

    from bundle_engine.inspection.formats import one_as_text, summary

    console = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        head, *rest = one_as_text(finding).rstrip("\n").split("\n")
        line = Text(head)
        line.highlight_words([f"{finding.severity} {finding.code}"], style=_STYLES[finding.severity])
        if finding.place is not None:
            line.stylize("bold", 0, len(str(finding.place)))
        console.print(line)
        for text in rest:
            style = "cyan" if text.startswith("  help: ") else "red" if set(text) <= set(" |^\t") else ""
            console.print(Text(text, style=style))
        console.print()
    worst = next((each for each in _STYLES if any(f.severity == each for f in findings)), None)
    console.print(Text(summary(findings, files), style=_STYLES[worst] if worst else "bold green"))
