"""All kinds of findings, with what they mean and examples: for `check --explain` and for the reference page."""

from __future__ import annotations

from bundle_engine.errors import Place
from bundle_engine.inspection.catalogue import (
    arguments,
    components,
    data,
    expressions,
    metadata,
    network,
    reading,
    references,
    workflow,
)
from bundle_engine.inspection.findings import Code, Finding, Severity

__all__ = ["CATALOGUE", "found"]

#: every kind of finding, by its code
CATALOGUE: dict[str, Code] = {
    code.code: code
    for table in (reading, references, expressions, components, arguments, workflow, metadata, network, data)
    for code in table.CODES
}


def found(
    code: str,
    id: object,
    place: Place | None,
    message: str,
    suggestion: str | None = None,
    *,
    severity: Severity | None = None,
) -> Finding:
    """Make a finding of a kind that the catalogue has; its usual severity by default."""
    return Finding(code, severity or CATALOGUE[code].severity, str(id), place, message, suggestion or "")
