"""Write findings down: as text for people, as JSON, as SARIF, as annotations of GitHub."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePath
from typing import Any

from bundle_engine.errors import Place
from bundle_engine.inspection.catalogue import CATALOGUE
from bundle_engine.inspection.findings import SEVERITIES, Code, Finding

__all__ = ["FORMATS", "as_github", "as_json", "as_sarif", "as_text", "explanation", "reference_page", "summary"]

_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}


def as_text(findings: Sequence[Finding], files: Sequence[str] = ()) -> str:
    """Write findings for people: place, message, the line with a caret, what to try; and a summary."""
    return "\n".join([*(one_as_text(finding) for finding in findings), summary(findings, files)])


def one_as_text(finding: Finding) -> str:
    """Write one finding for people."""
    place = finding.place
    where = f"{_shown(place)}: " if place is not None else ""
    at = f"  [{finding.id}]" if finding.id else ""
    lines = [f"{where}{finding.severity} {finding.code}: {finding.message}{at}"]
    if place is not None and (excerpt := place.excerpt()):
        lines.append(excerpt)
    if finding.suggestion:
        lines.append(f"  help: {finding.suggestion}")
    return "\n".join(lines) + "\n"


def summary(findings: Sequence[Finding], files: Sequence[str] = ()) -> str:
    """Count findings in one line."""
    counts = [(severity, sum(each.severity == severity for each in findings)) for severity in SEVERITIES]
    named = {"error": "error", "warning": "warning", "info": "remark"}
    parts = [f"{count} {named[severity]}{'s' if count != 1 else ''}" for severity, count in counts if count]
    where = f" in {', '.join(files)}" if 0 < len(files) <= 3 else f" in {len(files)} files" if files else ""
    return f"{', '.join(parts) or 'no findings'}{where}"


def as_json(findings: Iterable[Finding], files: Sequence[str] = ()) -> str:
    """Write findings as JSON: ``{"findings": [...]}``."""
    return json.dumps({"findings": [finding.as_dict() for finding in findings]}, indent=2, ensure_ascii=False)


def as_sarif(findings: Iterable[Finding], files: Sequence[str] = ()) -> str:
    """Write findings in the format of static analysis tools, SARIF 2.1.0 (OASIS, 2020)."""
    from bundle_engine import __version__

    found = list(findings)
    codes = sorted({finding.code for finding in found})
    driver = {"name": "bundle-engine", "version": __version__, "rules": [_rule(CATALOGUE[code]) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, codes.index(finding.code)) for finding in found],
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False)


def _rule(code: Code) -> dict[str, Any]:
    return {
        "id": code.code,
        "name": "".join(word.capitalize() for word in code.title.replace("_", " ").split()),
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": code.meaning},
        "help": {"text": explanation(code), "markdown": explanation(code, markdown=True)},
        "defaultConfiguration": {"level": _LEVELS[code.severity]},
    }


def _result(finding: Finding, number: int) -> dict[str, Any]:
    text = f"{finding.message}; {finding.suggestion}" if finding.suggestion else finding.message
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": number,
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
    }
    location: dict[str, Any] = {}
    place = finding.place
    if place is not None and place.line:
        region = {"startLine": place.line, "startColumn": max(1, place.column)}
        region["endColumn"] = region["startColumn"] + max(1, place.width)
        location["physicalLocation"] = {"artifactLocation": {"uri": _uri(place.source)}, "region": region}
    elif place is not None and os.path.splitext(place.source)[1]:
        location["physicalLocation"] = {"artifactLocation": {"uri": _uri(place.source)}}
    if finding.id:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.id}]
    if location:
        result["locations"] = [location]
    return result


def _uri(path: str) -> str:
    """Write a path as the address that SARIF wants: relative ones stay so."""
    from urllib.parse import quote

    pure = PurePath(_relative(path))
    return pure.as_uri() if pure.is_absolute() else quote(pure.as_posix())


def as_github(findings: Iterable[Finding], files: Sequence[str] = ()) -> str:
    """Write findings as commands for the log of a GitHub action, which shows them beside the lines."""
    lines = []
    for finding in findings:
        place = finding.place
        fields = []
        if place is not None and place.line:
            fields = [f"file={_property(_relative(place.source))}", f"line={place.line}", f"col={max(1, place.column)}"]
            fields.append(f"endColumn={max(1, place.column) + max(1, place.width)}")
        elif place is not None:
            fields = [f"file={_property(_relative(place.source))}"]
        title = f"{finding.code} {finding.id}".strip()
        text = f"{finding.message}; {finding.suggestion}" if finding.suggestion else finding.message
        fields.append(f"title={_property(title)}")
        lines.append(f"::{_COMMANDS[finding.severity]} {','.join(fields)}::{_data(text)}")
    return "\n".join(lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _relative(path: str) -> str:
    """Write a path relative to the working directory where it is inside of it."""
    absolute = os.path.abspath(path)
    inside = os.path.relpath(absolute) if absolute.startswith(os.getcwd() + os.sep) else None
    return inside if inside is not None else path


def _shown(place: Place) -> str:
    return str(place)


FORMATS: dict[str, Callable[[Sequence[Finding], Sequence[str]], str]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "github": as_github,
}


# --- what codes mean ---


def explanation(code: Code, *, markdown: bool = False) -> str:
    """Tell what a code means, with a wrong and a right example."""
    fence = ("```yaml\n", "```") if markdown else ("", "")

    def example(text: str) -> str:
        text = text.rstrip("\n")
        return f"{fence[0]}{text}\n{fence[1]}" if markdown else "\n".join(f"    {line}" for line in text.split("\n"))

    title = f"## {code.code}: {code.title}" if markdown else f"{code.code}: {code.title} ({code.severity})"
    lines = [title, ""]
    if markdown:
        lines += [f"Usually: {code.severity}.", ""]
        lines += [code.meaning]
    else:
        from textwrap import fill

        lines += [fill(code.meaning, 100, break_on_hyphens=False, break_long_words=False)]
    lines += ["", "Wrong:", "", example(code.wrong), "", "Right:", "", example(code.right)]
    return "\n".join(lines).rstrip("\n") + "\n"


_PREFACE = """\
# What `check` and `verify` find

`python -m bundle_engine check CONFIG` finds mistakes in a config without running it, and `python -m bundle_engine
verify DIR` those in a whole bundle: its metadata, its files, its configs, its network. Each finding has a code; this
page tells what the codes mean. Those from BE060 on are found by `verify` only, and those from BE100 on by `python -m
bundle_engine data check TABLE`, in tables of subjects and the files that they name. The page is written by
`python -m bundle_engine check --explain all --format markdown`.

```yaml mistake.yaml
learning_rate: 0.001
run:
- $print(@learning_rat)
```

```console
$ python -m bundle_engine check mistake.yaml
mistake.yaml:3:3: error BE010: the reference '@learning_rat' leads to nothing  [run::0]
   |
 3 | - $print(@learning_rat)
   |   ^^^^^^^^^^^^^^^^^^^^^
  help: did you mean 'learning_rate'?

1 error in mistake.yaml
[exit code 1]
```

A finding is an **error** where running the config fails for sure, a **warning** where it is probably a mistake, and
**info** where it may be worth a look. In the wrong examples, `# here` marks the line that the finding points to.

To leave findings out: `--ignore BE012,BE013` on the command line, or in the config, for a mapping and all in it:

```yaml
transforms:
  _lint_: {ignore: [BE012]}
```

`_lint_` is never an argument of a component.
"""


def reference_page() -> str:
    """Write the page that explains all codes, in Markdown."""
    rows = ["| code | usually | what |", "| --- | --- | --- |"]
    rows += [
        f"| [{code.code}](#{code.code.lower()}-{_anchor(code.title)}) | {code.severity} | {code.title} |"
        for code in CATALOGUE.values()
    ]
    return "\n".join([_PREFACE, *rows, "", *(explanation(code, markdown=True) for code in CATALOGUE.values())])


def _anchor(title: str) -> str:
    return "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c in "-_")
