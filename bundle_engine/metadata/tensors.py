"""What the description of inputs and outputs says that cannot be so, whatever the network is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from bundle_engine.config.closest import counted, either, matches
from bundle_engine.config.ids import Id
from bundle_engine.inspection.catalogue import found
from bundle_engine.inspection.findings import Finding
from bundle_engine.metadata import shapes
from bundle_engine.metadata.document import Description

__all__ = ["tensors"]

_SUFFIX = "_data_format"
_DTYPES = (
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32",
    "float64", "complex64", "complex128", "int", "float", "half", "double", "long", "short", "byte", "single",
)  # fmt: skip
_LABELS = ("segmentation", "labels", "label")


def tensors(metadata: Description) -> Iterator[Finding]:
    """Check each input and output of each network that the metadata describes."""
    for key, written in metadata.data.items():
        if not key.endswith(_SUFFIX) or not isinstance(written, dict):
            continue
        for side in ("inputs", "outputs"):
            named = written.get(side)
            for name, fields in named.items() if isinstance(named, dict) else ():
                if isinstance(fields, dict):
                    at = Id((key, side, name))
                    yield from _channels(metadata, fields, at)
                    yield from _values(metadata, fields, at)
                    yield from _sizes(metadata, fields, at)
                    yield from _numbers(metadata, fields, at)


def _channels(metadata: Description, fields: dict[str, Any], at: Id) -> Iterator[Finding]:
    number, meanings = fields.get("num_channels"), fields.get("channel_def")
    if not isinstance(number, int) or isinstance(number, bool) or not isinstance(meanings, dict) or not meanings:
        return
    if not all(key.isdecimal() for key in meanings):
        return  # the schema tells
    if number == 1 and len(meanings) > 1 and fields.get("format") in _LABELS:
        return  # a label map, whose values these are
    missing = [str(each) for each in range(min(number, 1000)) if str(each) not in meanings]
    beyond = [key for key in meanings if int(key) >= number]
    if not missing and not beyond:
        return
    message = f"{counted(number, 'channel')}, and channel_def names {len(meanings)}"
    if len(meanings) == number:
        message = f"channel_def names {', '.join(beyond)}, and the channels are 0 to {number - 1}"
    hint = f"name channel {', '.join(missing[:6])}{', …' if len(missing) > 6 else ''} as well" if missing else None
    hint = hint or f"take {', '.join(beyond[:6])} out, or correct num_channels"
    yield found("BE075", at.child("channel_def"), metadata.place(at.child("channel_def"), key=True), message, hint)


def _values(metadata: Description, fields: dict[str, Any], at: Id) -> Iterator[Finding]:
    written = fields.get("value_range")
    if not isinstance(written, list) or not written:
        return
    numbers = [each for each in written if isinstance(each, (int, float)) and not isinstance(each, bool)]
    message = ""
    if len(numbers) not in (0, len(written)):
        message = "value_range has numbers and texts"
    elif not numbers or not all(math.isfinite(each) for each in numbers):
        return  # words that are allowed; or told as no number
    elif len(numbers) == 1:
        message = f"value_range has one number, {numbers[0]}, and no other end"
    elif any(low > high for low, high in pairwise(numbers)):
        message = f"value_range goes from {numbers[0]} to {numbers[1]}, and the smallest value comes first"
        message = message if len(numbers) == 2 else "value_range lists values out of their order"
    if message:
        place = metadata.place(at.child("value_range"))
        yield found(
            "BE076", at.child("value_range"), place, message, "[smallest, largest]; or [] where it is not known"
        )


def _sizes(metadata: Description, fields: dict[str, Any], at: Id) -> Iterator[Finding]:
    written = fields.get("spatial_shape")
    for index, size in enumerate(written if isinstance(written, list) else []):
        if isinstance(size, str) and size:
            try:
                shapes.evaluate(size)
            except shapes.ShapeError as error:
                id = at.child("spatial_shape", index)
                hint = 'write a number, "*" for any size, or a formula such as "8*n" or "2**p"'
                yield found("BE077", id, metadata.place(id), f"the size '{size:.60}' {error}", hint)


def _numbers(metadata: Description, fields: dict[str, Any], at: Id) -> Iterator[Finding]:
    name = fields.get("dtype")
    if not isinstance(name, str) or name.removeprefix("torch.").lower() in _DTYPES:
        return
    near = matches(name.removeprefix("torch."), _DTYPES, most=2)
    hint = f"did you mean {either(near)}?" if near else "such as float32, int64, uint8, bool"
    id = at.child("dtype")
    yield found("BE078", id, metadata.place(id), f"no type of numbers is called '{name:.60}'", hint)
