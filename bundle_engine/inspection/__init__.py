"""Everything that looks at configs and what they name without running either.

The public names are loaded on first use: most commands need one or two of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundle_engine.lazy import lazy_names

_HOMES = {
    "Difference": "differences",
    "Explanation": "explanation",
    "Manifest": "manifest",
    "Subject": "subject",
    "TargetIndex": "targets",
    "compare": "differences",
    "effective_config": "effective",
    "explain": "explanation",
    "manifest_of": "manifest",
    "manifest_of_bundle": "manifest",
    "show_config": "effective",
}

__all__ = [
    "Difference",
    "Explanation",
    "Manifest",
    "Subject",
    "TargetIndex",
    "compare",
    "effective_config",
    "explain",
    "manifest_of",
    "manifest_of_bundle",
    "show_config",
]


__getattr__, __dir__ = lazy_names(__name__, _HOMES)

if TYPE_CHECKING:
    from bundle_engine.inspection.differences import Difference, compare
    from bundle_engine.inspection.effective import effective_config, show_config
    from bundle_engine.inspection.explanation import Explanation, explain
    from bundle_engine.inspection.manifest import Manifest, manifest_of, manifest_of_bundle
    from bundle_engine.inspection.subject import Subject
    from bundle_engine.inspection.targets import TargetIndex
