"""What inspecting a config finds, as frozen values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

from bundle_engine.errors import Place

__all__ = ["SEVERITIES", "Code", "Finding", "Severity", "at_or_above", "sort_key"]

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a config, or probably is.

    Attributes:
        code: which kind of thing, such as ``BE012``; see `bundle_engine.inspection.catalogue`.
        severity: ``error`` where running the config fails for sure, else ``warning`` or ``info``.
        id: the id concerned; empty where a file as a whole is.
        place: where that is written; None where it is written nowhere.
        message: one sentence that says what is wrong.
        suggestion: what to try; empty where nothing can be said.
    """

    code: str
    severity: Severity
    id: str
    place: Place | None
    message: str
    suggestion: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Give the finding as plain data: `code severity id file line column message suggestion`."""
        row = asdict(self)
        place = self.place
        del row["place"]
        row["file"] = place.source if place else None
        row["line"] = place.line or None if place else None
        row["column"] = place.column or None if place else None
        return {name: row[name] for name in _FIELDS}


_FIELDS = ("code", "severity", "id", "file", "line", "column", "message", "suggestion")


class Code(NamedTuple):
    """A kind of finding.

    Attributes:
        code: its name for ever: ``BE`` and three digits.
        severity: what it usually is.
        title: a few words.
        meaning: what is wrong, and what follows from it.
        wrong: a config that has it, in YAML; the line concerned ends in ``# here``.
        right: the same as it should be.
    """

    code: str
    severity: Severity
    title: str
    meaning: str
    wrong: str
    right: str


def at_or_above(findings: Iterable[Finding], severity: Severity) -> list[Finding]:
    """Give the findings that are at least as severe."""
    most = SEVERITIES.index(severity)
    return [finding for finding in findings if SEVERITIES.index(finding.severity) <= most]


def sort_key(finding: Finding) -> tuple[Any, ...]:
    """Give a key that puts findings in the order of the files' text."""
    place = finding.place or Place("")
    return (place.source, place.line, place.column, finding.code, finding.id)
