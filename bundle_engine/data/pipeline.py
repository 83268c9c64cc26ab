"""Find the part of a pipeline that gives the same for the same image, always."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from bundle_engine.data.description import NotDescribableError, describe

__all__ = ["Head", "as_compose", "head_of"]

# they do something else, too, that would not happen the next time
_WITH_EFFECTS = ("SaveImage", "SaveClassification", "DataStats", "IntensityStats", "SimulateDelay", "WriteFileMapping")


class Head(NamedTuple):
    """The beginning of a pipeline that need not be done twice.

    Attributes:
        length: number of its transforms.
        description: what they are and do.
        stopped: why it ends before the first random transform; empty where it does not.
        thread_unsafe: whether a transform in it has to be copied for each thread.
    """

    length: int
    description: list[Any]
    stopped: str
    thread_unsafe: bool


def as_compose(transform: Any) -> Any:
    """Give a `Compose` of what a dataset is given as its transform, as MONAI's datasets do."""
    from monai.transforms import Compose

    return transform if type(transform) is Compose else Compose(transform)


def head_of(compose: Any, content: Callable[[str], str | None]) -> Head:
    """Find the beginning of a pipeline that gives the same for the same image.

    It ends at the first random transform, at what is no transform of MONAI's kind, at one that writes or prints, and at
    one that may be put off until others come (lazy resampling, which would do something else if it ended there).

    Args:
        compose: the pipeline.
        content: gives the digest of the content of a path; None where it leads to no file.
    """
    described: list[Any] = []
    stopped = ""
    for transform in compose.transforms:
        if _is_random(transform):
            break
        stopped = _reason(compose, transform)
        if not stopped:
            try:
                described.append(describe(transform, content))
            except (NotDescribableError, RecursionError) as error:
                stopped = f"what '{type(transform).__name__}' does cannot be told from its arguments: {error}"
        if stopped:
            break
    unsafe = any(map(_is_thread_unsafe, compose.transforms[: len(described)]))
    return Head(len(described), described, stopped, unsafe)


def _reason(compose: Any, transform: Any) -> str:
    """Say why a transform cannot be one of those that are done once; an empty text for one that can."""
    name = type(transform).__name__
    if name.rstrip("dD").removesuffix("ict") in _WITH_EFFECTS:
        return f"'{name}' does more than to give a result"
    return f"'{name}' is lazy" if _is_lazy(compose, transform) else ""


def _is_thread_unsafe(transform: Any) -> bool:
    from monai.transforms import Compose, ThreadUnsafe

    if type(transform) is Compose:  # it is unsafe for what may be in it only
        return any(map(_is_thread_unsafe, transform.transforms))
    return isinstance(transform, ThreadUnsafe)


def _is_random(transform: Any) -> bool:
    from monai.transforms import Compose, RandomizableTrait, Transform

    if type(transform) is Compose:
        return any(map(_is_random, transform.transforms))
    return isinstance(transform, RandomizableTrait) or not isinstance(transform, Transform)


def _is_lazy(compose: Any, transform: Any) -> bool:
    from monai.transforms import Compose, LazyTrait

    if type(transform) is Compose:
        return bool(transform.lazy) or any(_is_lazy(transform, each) for each in transform.transforms)
    if not isinstance(transform, LazyTrait):
        return False
    return bool(compose.lazy) or (compose.lazy is None and bool(transform.lazy))
