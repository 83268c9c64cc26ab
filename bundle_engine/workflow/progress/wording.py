"""Put numbers of progress into words."""

from __future__ import annotations

from bundle_engine.workflow.progress.facts import KeyMetric
from bundle_engine.workflow.progress.meter import Meter

__all__ = ["duration", "losses", "metric", "speed", "title"]


def duration(seconds: float) -> str:
    """Write a time as minutes and seconds, such as 0:05, or with hours, such as 1:02:03."""
    whole = max(0, round(seconds))
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def speed(meter: Meter) -> str:
    """Write how fast a run is; an empty string while that is not known."""
    rate, thing = meter.images_per_second, "image"
    if rate is None:
        rate, thing = meter.iterations_per_second, "iteration"
    if not rate:
        return ""
    if rate < 1:
        return f"{1 / rate:.1f} s/{thing}"
    return f"{rate:.{0 if rate >= 100 else 1}f} {thing}s/s"


def losses(meter: Meter) -> str:
    """Write the last losses."""
    return ", ".join(f"{name} {value:#.4g}" for name, value in meter.losses.items())


def metric(found: KeyMetric) -> str:
    """Write a key metric, and the best so far."""
    best = f", best {found.best:.4f} in epoch {found.best_epoch}" if found.best is not None else ""
    return f"{found.name} {found.value:.4f} in epoch {found.epoch}{best}"


def title(meter: Meter) -> str:
    """Name a run."""
    if meter.training:
        return "training"
    return "validation" if meter.inner else "evaluation"
