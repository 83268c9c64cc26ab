"""Show how far a training or an evaluation is: one board on a terminal, a line now and then anywhere else.

Nothing of it stands in a config. `attach_progress` is given the engines, from outside; what they do not run costs
nothing, and what they run costs a look at the clock per iteration.
"""

from bundle_engine.workflow.progress.attaching import MODES, Progress, attach_progress, engines_of, require_mode

__all__ = ["MODES", "Progress", "attach_progress", "engines_of", "require_mode"]
