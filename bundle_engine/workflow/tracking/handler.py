"""MONAI's handler for MLflow, within the run that a workflow tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monai.handlers import MLFlowHandler as _MLFlowHandler
from monai.utils import flatten_dict

from bundle_engine.workflow.tracking.store import effective_uri
from bundle_engine.workflow.tracking.tracked_run import TrackedRun, current_run

if TYPE_CHECKING:
    from ignite.engine import Engine

__all__ = ["MLFlowHandler"]


class MLFlowHandler(_MLFlowHandler):  # type: ignore[misc]
    """Track what an engine does, with the arguments of MONAI's handler.

    Where the workflow tracks a run in the same store, and in the same experiment, everything goes there: in batches,
    and the workflow says how the run ended. Otherwise this is MONAI's handler.
    """

    _tracked: TrackedRun | None = None
    tag_name: str

    def attach(self, engine: Engine) -> None:
        """Watch an engine."""
        names = engine.state.metrics if engine.state.metrics is not None else {}
        metrics = {*names, *_metric_names(engine)}
        if self.tag_name in metrics:  # the steps of one are epochs, those of the other are iterations
            self.tag_name = f"{self.tag_name}_iteration"
        super().attach(engine)

    def start(self, engine: Engine) -> None:
        """Take part in the run of the workflow, or begin one as MONAI's handler does."""
        run = current_run()
        mine = effective_uri(getattr(self.client, "tracking_uri", None))
        if run is not None and run.uri == mine and run.experiment.name == self.experiment_name:
            self._tracked, self.experiment, self.cur_run = run, run.experiment, run.run
        super().start(engine)

    def _log_metrics(self, metrics: dict[str, Any], step: int | None = None) -> None:
        if self._tracked is None:
            super()._log_metrics(metrics, step)
        else:
            self._tracked.log_metrics(flatten_dict(metrics), step or 0)

    def complete(self) -> None:
        """Upload the artefacts."""
        if self._tracked is None:
            super().complete()
            return
        self._tracked.send()
        self._tracked.log_artifacts(self._parse_artifacts())

    def close(self) -> None:
        """End the run, unless it is the workflow's, which goes on."""
        if self._tracked is None:
            super().close()


def _metric_names(engine: Any) -> set[str]:
    """Give the names of the metrics that are attached to an engine."""
    found: set[str] = set()
    for handlers in engine._event_handlers.values():
        for handler, args, _ in handlers:
            if getattr(handler, "__name__", "") == "completed":
                found.update(arg for arg in args if isinstance(arg, str))
    return found
