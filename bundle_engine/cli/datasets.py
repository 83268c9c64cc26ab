"""The command for tables of subjects: data check, list, split, cache."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundle_engine.cli.command import Command, Option
from bundle_engine.cli.progress import progress_of
from bundle_engine.errors import UsageError

if TYPE_CHECKING:
    from bundle_engine.data.checks import Expected
    from bundle_engine.data.table import Dataset

__all__ = ["DATASETS", "data"]

_ACTIONS = ("check", "list", "split", "cache")


def data(
    action: str | None = None,
    table: str | None = None,
    *,
    bundle: str | None = None,
    quick: bool = False,
    plots: str | None = None,
    labels: str | None = None,
    workers: Any = None,
    section: str | None = None,
    split: str | None = None,
    parts: str | None = None,
    seed: Any = None,
    group_by: str | None = None,
    stratify_by: str | None = None,
    output: str | None = None,
    overwrite: bool = False,
    format: str | None = None,
    fail_on: str | None = None,
    ignore: str | None = None,
) -> int:
    """Look at tables of subjects; ``bundle-engine data --help`` explains the options."""
    if action not in _ACTIONS:
        from bundle_engine.config.closest import either, matches

        near = matches(str(action), _ACTIONS) if action else []
        said = f"data has no '{action}'" if action else "it is not said what to do"
        raise UsageError(said, hint=f"did you mean {either(near)}?" if near else f"data {' or '.join(_ACTIONS)}")
    if action == "cache":
        return _cache(table)
    if table is None:
        raise UsageError("no table is named", hint=f"data {action} dataset.csv, or the folder that has it")
    if action == "check":
        return _check(table, bundle, quick, plots, labels, workers, split, group_by, format, fail_on, ignore)
    if action == "list":
        return _list(table, section, split, format)
    return _split(table, parts, seed, group_by, stratify_by, section, output, overwrite)


def _check(
    table: str, bundle: str | None, quick: bool, plots: str | None, labels: str | None, workers: Any,
    split: str | None, group_by: str | None, format: str | None, fail_on: str | None, ignore: str | None,
) -> int:  # fmt: skip
    from bundle_engine.cli import report
    from bundle_engine.cli.checking import CLEAN, FOUND, one_of, print_findings, read_codes
    from bundle_engine.data.checks import check_dataset
    from bundle_engine.data.reading import read_table
    from bundle_engine.data.summary import in_a_line
    from bundle_engine.inspection.findings import at_or_above
    from bundle_engine.inspection.formats import FORMATS

    one_of("format", format or "text", list(FORMATS))
    one_of("fail_on", fail_on or "error", ["error", "warning", "info"])
    ignored = read_codes(ignore)
    wanted = _expected(bundle, labels, group_by)
    dataset, findings = read_table(table)
    dataset = _with_split(dataset, split)
    if group_by and group_by not in dataset.columns:
        raise UsageError(f"the table has no column '{group_by}'", hint=f"it has {', '.join(dataset.columns) or 'none'}")
    count = _number("workers", workers, least=1) if workers is not None else None
    with progress_of("reading headers" if quick else "reading images") as progress:
        result = check_dataset(dataset, findings, expected=wanted, full=not quick, workers=count, progress=progress)
    if plots is not None:
        from bundle_engine.data.page import write_overview

        page = write_overview(result, plots, labels=wanted.labels, classes=wanted.classes)
        report.note(f"wrote {page}")
    report.note(in_a_line(result))
    kept = [finding for finding in result.findings if finding.code not in ignored]
    print_findings(kept, [str(dataset.source)], format or "text")
    return FOUND if at_or_above(kept, fail_on or "error") else CLEAN  # type: ignore[arg-type]


def _expected(bundle: str | None, labels: str | None, group_by: str | None) -> Expected:
    from bundle_engine.data.checks import Expected

    classes: Mapping[int, str] = {}
    channels = 0
    if bundle is not None:
        from bundle_engine.cli.bundles import find_bundle
        from bundle_engine.data.metadata import expected_by

        classes, channels = expected_by(find_bundle(bundle)[0])
    names = tuple(name.strip() for name in (labels or "").strip("[]()").split(",") if name.strip())
    return Expected(classes, channels, names, group_by or "")


def _with_split(dataset: Dataset, split: str | None) -> Dataset:
    if split is None:
        return dataset
    from bundle_engine.data.lists import apply_split
    from bundle_engine.data.splits import read_split

    return apply_split(dataset, read_split(split))


def _list(table: str, section: str | None, split: str | None, format: str | None) -> int:
    from bundle_engine.cli.checking import one_of
    from bundle_engine.data.lists import datalist

    one_of("format", format or "text", ["text", "json"])
    items = datalist(table, section, split=split, check_files=False)
    if format == "json":
        print(json.dumps(items, indent=2, ensure_ascii=False))
        return 0
    from bundle_engine.inspection.layout import printable

    columns = list(dict.fromkeys(key for item in items for key in item))
    columns.sort(key=lambda key: key != "subject")
    print("\t".join(columns))
    for item in items:
        cells = [item.get(key, "") for key in columns]
        print("\t".join(printable(",".join(map(str, cell)) if isinstance(cell, list) else str(cell)) for cell in cells))
    return 0


def _split(
    table: str, parts: str | None, seed: Any, group_by: str | None, stratify_by: str | None, section: str | None,
    output: str | None, overwrite: bool,
) -> int:  # fmt: skip
    from bundle_engine.cli import report
    from bundle_engine.data.reading import read_dataset
    from bundle_engine.data.splits import split_dataset, write_split

    if parts is None:
        raise UsageError("it is not said how to split", hint="--parts train=0.7,val=0.2,test=0.1")
    dataset = read_dataset(table)
    file = Path(output) if output is not None else dataset.source.parent / "split.json"
    if file.exists() and not overwrite:
        raise UsageError(f"'{file}' is there already", hint="--overwrite replaces it; --output FILE names another one")
    order = 0 if seed is None else None if str(seed) == "name" else _number("seed", seed, least=0)
    made = split_dataset(
        dataset,
        _parts(parts),
        seed=order,
        group_by=group_by or "",
        stratify_by=stratify_by or "",
        of=section,
    )
    write_split(made, file)
    report.note(", ".join(f"{len(names)} {name}" for name, names in made.sets.items()))
    print(file)
    return 0


def _parts(text: str) -> dict[str, Any]:
    """Read parts as the command line gives them: ``train=0.8,val=0.2``, ``{train: rest, val: 40}``."""
    from bundle_engine.cli.values import read_value

    if text.strip().startswith("{"):
        value = read_value(text)
        if isinstance(value, Mapping):
            return {str(name): part for name, part in value.items()}
    found: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"'{part}' is no part of a split", hint="--parts train=0.7,val=0.2,test=0.1")
        found[name.strip()] = read_value(value.strip())
    return found


def _number(name: str, value: Any, *, least: int) -> int:
    text = str(value).strip()
    if not text.isdigit() or int(text) < least:
        raise UsageError(f"--{name} takes a whole number from {least} on, not '{value}'")
    return int(text)


def _cache(action: str | None) -> int:
    from bundle_engine.cli import report
    from bundle_engine.data.store import Store

    if action not in ("show", "clear", None):
        raise UsageError(f"data cache has no '{action}'", hint="data cache show, or data cache clear")
    store = Store()
    if action == "clear":
        before = store.clear()
        report.note(f"removed {before.entries:,} results, {_size(before.size)}")
        return 0
    usage = store.usage()
    print(f"folder   {usage.folder}")
    print(f"results  {usage.entries:,}")
    print(f"size     {_size(usage.size)} of at most {_size(usage.limit)}")
    if usage.oldest is not None:
        print(f"oldest   used {time.strftime('%Y-%m-%d %H:%M', time.localtime(usage.oldest))}")
    return 0


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit in ("bytes", "kB") else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _load_data() -> Callable[..., int]:
    return data


DATASETS: tuple[Command, ...] = (
    Command(
        name="data",
        summary="check, list and split tables of subjects; show what is kept of preprocessing",
        usage="check | list | split TABLE [OPTIONS], or cache [show | clear]",
        options=(
            Option("action", "text", "ACTION", "check, list, split or cache"),
            Option(
                "table",
                "file",
                "TABLE",
                "dataset.csv (columns subject, filePath, channel), the Decathlon's dataset.json, a JSON list, or the"
                " folder that has one; for cache, show (default) or clear",
            ),
            Option(
                "bundle",
                "file",
                "DIR",
                "check: hold labels and images against the classes and channels in this bundle's metadata",
            ),
            Option("quick", "switch", "", "check: read only the headers of the files, not the voxels"),
            Option("plots", "file", "DIR", "check: write an overview there: overview.html, and its plots as PNG files"),
            Option("labels", "text", "CHANNELS", "check: the channels that hold labels (default: by their names)"),
            Option("workers", "text", "NUMBER", "check: threads that read (default: one per CPU core, at most 8)"),
            Option("section", "text", "SET", "list: the set, such as train; split: the set to split (default: train)"),
            Option("split", "file", "FILE", "check, list: take the sets from this file, which split wrote"),
            Option(
                "parts",
                "text",
                "PARTS",
                "split: for each set a fraction, a number of subjects or rest, as train=0.8,val=0.2; or lists of"
                " names, as {train: rest, val: [anna, bob]}",
            ),
            Option("seed", "text", "NUMBER", "split: of the random order; name for the order of names (default: 0)"),
            Option("group_by", "text", "COLUMN", "split: keep together what is the same there; check: that it is"),
            Option("stratify_by", "text", "COLUMN", "split: give all sets the values of this column in like parts"),
            Option("output", "file", "FILE", "split: the file to write (default: split.json beside the table)"),
            Option("overwrite", "switch", "", "split: replace a file that is there already"),
            Option("format", "text", "FORMAT", "check: text, json, sarif, github; list: text, json (default: text)"),
            Option(
                "fail_on",
                "text",
                "SEVERITY",
                "check: exit with 1 for findings from this on: error, warning or info (default: error)",
            ),
            Option("ignore", "text", "CODES", "check: leave out findings with these codes, such as BE110,BE116"),
        ),
        positional=2,
        overrides=None,
        examples=(
            ("data check dataset.csv", "all that is wrong with a table and its files"),
            ("data check Task04_Hippocampus --plots overview", "the same, and an overview with plots"),
            ("data check dataset.csv --bundle my_bundle --quick", "headers only, and what the bundle expects"),
            ("data split dataset.csv --parts train=0.7,val=0.2,test=0.1 --group_by institutionId", "write split.json"),
            ("data list dataset.csv --section train --split split.json", "the subjects of a set"),
            ("data cache clear", "remove what is kept of preprocessing"),
        ),
        load=_load_data,
        exits=(
            (0, "done; check: nothing was found that is as severe as --fail_on"),
            (1, "check: something was found"),
            (2, "the input is wrong: the table, a file, or the command line"),
        ),
    ),
)
