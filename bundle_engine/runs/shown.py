"""Show the progress of the engines that a workflow is about to run."""

from __future__ import annotations

from typing import Any

from bundle_engine.runs.order import build_before
from bundle_engine.workflow.progress import Progress, attach_progress, engines_of

__all__ = ["ShownProgress"]

_ENGINES = ("trainer", "evaluator")  # properties
_IDS = ("train::trainer", "validate::evaluator", "evaluator")  # theirs, where the table of properties has none


class ShownProgress:
    """Attaches progress to the engines with the fixed names of a bundle, when a step is going to run them.

    Args:
        workflow: a workflow that a config describes; this is one of its attendants.
        mode: see `attach_progress`.
    """

    def __init__(self, workflow: Any, mode: str) -> None:
        self._workflow = workflow
        self._mode = mode
        self._progress: Progress | None = None

    def log_is_set_up(self) -> None:
        """Choose between a board and lines, now that both can be told."""
        self._progress = attach_progress([], self._mode)

    def before_step(self, id: str) -> None:
        """Attach progress to the engines that a step is going to run."""
        if self._progress is None:
            return
        parser, properties = self._workflow.parser, self._workflow.properties
        ids = [str(properties[name]["id"]) for name in _ENGINES if "id" in properties.get(name, {})]
        for engine_id in dict.fromkeys([*ids, *_IDS]):
            if build_before(parser, id, engine_id):
                for engine in engines_of([parser.get_parsed_content(engine_id)]):
                    self._progress.attach(engine)
