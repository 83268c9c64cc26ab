"""Show how far a training or an evaluation is: one board on a terminal, a line now and then anywhere else.

Nothing of it stands in a config. `attach_progress` is given the engines, from outside; what they do not run costs
nothing, and what they run costs a look at the clock per iteration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundle_engine.lazy import lazy_names

_HOMES = {
    "MODES": "attaching",
    "Progress": "attaching",
    "attach_progress": "attaching",
    "engines_of": "attaching",
    "require_mode": "attaching",
}

__all__ = ["MODES", "Progress", "attach_progress", "engines_of", "require_mode"]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)

if TYPE_CHECKING:
    from bundle_engine.workflow.progress.attaching import MODES, Progress, attach_progress, engines_of, require_mode
