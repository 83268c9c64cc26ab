"""Read a file with weights by running the code in it, in a process of its own, and write its plain data.

``weights convert --unsafe_load`` starts this, and nothing else does. It keeps tensors and plain data, so that what it
writes can be read without running code.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

__all__ = ["main"]

_PLAIN = (str, int, float, bool, type(None))


def main(source: str, target: str, report: str) -> None:
    """Convert a file.

    Args:
        source: the file to read, with all the code that it wants to run.
        target: where to write its tensors and plain data, by torch.save.
        report: where to write, as JSON, the keys that were left out.
    """
    import torch

    left_out: list[str] = []
    content = _plain(_read(source), "", left_out)
    if not isinstance(content, dict):
        raise SystemExit("the file holds no mapping and no network")
    torch.save(content, target)
    with open(report, "w", encoding="utf-8") as file:
        json.dump(left_out, file)


def _read(source: str) -> Any:
    import pickle
    import zipfile

    import torch

    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            scripted = any(name.endswith("/constants.pkl") for name in archive.namelist())
        if scripted:
            return torch.jit.load(source, map_location="cpu")
    try:
        return torch.load(source, map_location="cpu", weights_only=False)
    except (RuntimeError, pickle.UnpicklingError):
        with open(source, "rb") as file:
            return pickle.load(file)


def _plain(value: Any, key: str, left_out: list[str]) -> Any:
    """Give what of a value is plain data; note the keys of what is not."""
    import numpy
    import torch

    if isinstance(value, torch.nn.Module):
        return dict(value.state_dict())
    if isinstance(value, torch.Tensor):
        return value.detach()
    if isinstance(value, numpy.ndarray) and value.dtype.kind in "biufc":
        return torch.from_numpy(numpy.ascontiguousarray(value))
    if isinstance(value, numpy.generic):
        return value.item()
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Mapping):
        items = {name: _plain(item, key or str(name), left_out) for name, item in value.items()}
        return {name: item for name, item in items.items() if type(name) in _PLAIN and item is not _NOTHING}
    if isinstance(value, (list, tuple)):
        parts = [_plain(item, key, left_out) for item in value]
        return [item for item in parts if item is not _NOTHING]
    left_out.append(key)
    return _NOTHING


_NOTHING = object()


if __name__ == "__main__":
    main(*sys.argv[1:])
