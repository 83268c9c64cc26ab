"""What an evaluator's batch says of a subject: its name, its grid, its image."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundle_engine.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Names", "affine_of", "array_of", "file_name", "image_on", "items_of", "probabilities_of", "structures_of"]

FILE = "filename_or_obj"


class Names:
    """Names for subjects, no two alike: of their image files, with the folder where that is needed."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def name(self, item: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[str, str]:
        """Name the next subject.

        Args:
            item: its data.
            keys: where its image, label and so on are, in the order in which they are asked.

        Returns:
            the name and the path of its image; the path is empty where it is not known.
        """
        path = next((found for key in keys if (found := _path_of(item, key))), "")
        given = item.get("subject")
        name = str(given) if isinstance(given, str | int) else _stem(path)
        if not name:
            name = f"subject_{len(self._taken) + 1:04}"
        if _key(name) in self._taken and path:
            name = f"{Path(path).parent.name}_{name}"
        unique, number = name, 2
        while _key(unique) in self._taken:
            unique, number = f"{name}_{number}", number + 1
        self._taken.add(_key(unique))
        return unique, path


def items_of(engine: Any) -> Iterator[dict[str, Any]]:
    """Give the subjects of an evaluator's iteration, each with what went in and what came out.

    Raises:
        UsageError: when the evaluator does not take batches apart.
    """
    batch, output = engine.state.batch, engine.state.output
    if not isinstance(output, list) or not all(isinstance(item, Mapping) for item in output):
        raise UsageError(
            "the evaluator gives no list with a mapping per subject",
            hint="use an evaluator with decollate=True, such as SupervisedEvaluator, and attach the report to it",
        )
    inputs = batch if isinstance(batch, list) and len(batch) == len(output) else [{}] * len(output)
    for before, after in zip(inputs, output, strict=True):
        yield {**(before if isinstance(before, Mapping) else {}), **after}


def array_of(item: Mapping[str, Any], key: str) -> NDArray[Any]:
    """Give what stands at a key as an array.

    Raises:
        UsageError: when there is no such key.
    """
    import numpy as np

    if key not in item or item[key] is None:
        keys = ", ".join(sorted(map(str, item)))
        raise UsageError(f"a subject has no '{key}'", hint=f"the transforms gave {keys}; name the key in the report")
    value = item[key]
    if hasattr(value, "detach"):
        tensor = value.detach().cpu()
        value = getattr(tensor, "array", None) if hasattr(tensor, "array") else tensor.numpy()
    return np.asarray(value)


def affine_of(item: Mapping[str, Any], keys: tuple[str, ...], shape: tuple[int, ...]) -> Any:
    """Give the affine of the first of some keys that has one and the shape; None where none has."""
    for key in keys:
        value = item.get(key)
        affine = getattr(value, "affine", None)
        if value is not None and affine is not None and tuple(value.shape[1:]) == shape:
            return array_of({"affine": affine}, "affine")
    return None


def image_on(item: Mapping[str, Any], key: str, shape: tuple[int, ...], affine: Any) -> Any:
    """Give the image on the grid of a prediction: as the network saw it, or else a function that reads its file.

    Args:
        item: the subject.
        key: where its image is.
        shape: of the prediction, without channels.
        affine: of the prediction.

    Returns:
        the first channel, a function that reads it, or None.
    """
    import numpy as np

    image = item.get(key)
    if image is None:
        return None
    if tuple(image.shape[1:]) == shape:
        own = affine_of(item, (key,), shape)
        if affine is None or own is None or np.allclose(own, affine, atol=1e-3):
            return array_of(item, key)[0]
    path = _path_of(item, key)
    if not path.endswith((".nii", ".nii.gz")):
        return None

    def read() -> NDArray[Any] | None:
        import nibabel

        try:
            raw = np.asarray(nibabel.load(path).dataobj)
        except Exception:  # a thumbnail without the image behind the outlines is better than none
            return None
        raw = raw[..., 0] if raw.ndim == len(shape) + 1 else raw
        return raw if raw.shape == shape else None

    return read


def structures_of(prediction: NDArray[Any], named: Any) -> dict[int, str]:
    """Give the names of structures by their values or channels.

    Args:
        prediction: with an axis of channels in front.
        named: a mapping of values or channels to names, a list of names from 1 on, or None. A mapping's 0 is left out
            when it is called background.

    Raises:
        UsageError: when the names cannot be used.
    """
    channels = prediction.shape[0]
    if named is None:
        return {value: f"structure {value}" for value in range(1, max(2, channels))}
    if isinstance(named, Mapping):
        try:
            found = {int(value): str(name) for value, name in named.items()}
        except ValueError:
            raise UsageError(f"structures must be numbers with names, such as 1: liver; not {dict(named)!r}") from None
    else:
        found = dict(enumerate(map(str, named), start=1))
    if channels == 1 and set(found) == {0}:
        found = {1: found[0]}  # the only channel, which is 1 where the structure is
    if channels == 1 or "background" in found.get(0, "").lower():
        found.pop(0, None)
    if not found or len(set(map(_key, found.values()))) < len(found):
        raise UsageError(f"structures need names, each another: {list(found.values())}")
    return found


def probabilities_of(values: NDArray[Any]) -> NDArray[np.float32]:
    """Give probabilities, of what may come without softmax.

    Values between 0 and 1 are probabilities already. Others are put through softmax over the first axis, or through the
    logistic function where that has one place only.
    """
    import numpy as np

    numbers = np.asarray(values, dtype=np.float32)
    if numbers.size and numbers.min() >= -1e-4 and numbers.max() <= 1 + 1e-4:
        return np.clip(numbers, 0, 1)
    if numbers.shape[0] == 1:
        return np.asarray(1 / (1 + np.exp(-numbers.astype(np.float64))), dtype=np.float32)
    raised = np.exp(numbers - numbers.max(axis=0, keepdims=True))
    return np.asarray(raised / raised.sum(axis=0, keepdims=True), dtype=np.float32)


def entropy_of(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give how uncertain each voxel is, from 0 to 1: the entropy over the channels, by its largest possible value.

    Where the channels do not exclude each other, it is the mean of their own entropies.
    """
    import numpy as np

    many = probabilities.shape[0] > 1 and bool(np.abs(probabilities.sum(axis=0) - 1).max(initial=0) < 1e-2)
    parts = probabilities if many else np.stack([probabilities, 1 - probabilities], axis=1)
    surprise = -parts * np.log(np.maximum(parts, 1e-12))
    if many:
        return np.asarray(surprise.sum(axis=0) / math.log(len(parts)), dtype=np.float32)
    return np.asarray(surprise.sum(axis=1).mean(axis=0) / math.log(2), dtype=np.float32)


def require_discrete(segmentation: NDArray[Any], what: str) -> NDArray[Any]:
    """Give a segmentation back when it holds whole numbers, for others would be cut off without a word.

    Raises:
        InputError: when it does not.
    """
    import numpy as np

    if segmentation.dtype.kind in "biu":
        return segmentation
    whole = segmentation.astype(np.int16)
    if not np.array_equal(whole, segmentation):
        raise InputError(
            f"the {what} is no segmentation yet: it holds values such as {float(segmentation.flat[0]):g}",
            hint="end the transforms after the network with AsDiscreted, argmax or threshold",
        )
    return whole


def file_name(text: str) -> str:
    """Give a name that can be one of a file everywhere."""
    return re.sub(r"[^\w.+-]+", "_", text).strip("._") or "_"


def _key(name: str) -> str:
    """Give what two names share that would be files of one name."""
    return file_name(name).casefold()


def _path_of(item: Mapping[str, Any], key: str) -> str:
    meta = getattr(item.get(key), "meta", None)
    if not isinstance(meta, Mapping):
        meta = item.get(f"{key}_meta_dict")
    path = meta.get(FILE) if isinstance(meta, Mapping) else None
    if isinstance(path, list | tuple):
        path = path[0] if path else None
    return str(path) if path else ""


def _stem(path: str) -> str:
    name = Path(path).name
    for ending in (".gz", ".bz2"):
        name = name.removesuffix(ending)
    return name.rpartition(".")[0] or name
