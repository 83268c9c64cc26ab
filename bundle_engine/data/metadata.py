"""What a bundle's metadata says of the images and labels that it is for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bundle_engine.config.source import load
from bundle_engine.errors import InputNotFoundError

__all__ = ["expected_by"]


def expected_by(bundle: Path) -> tuple[dict[int, str], int]:
    """Give the classes and the number of channels that a bundle's metadata names.

    Args:
        bundle: its folder.

    Returns:
        names of the channels of the first output with any, where there are at least two of them, as those of classes;
        and the channels of the input ``image``, 0 where it says nothing.

    Raises:
        InputNotFoundError: when the bundle has no metadata.
        InputError: when it cannot be read.
    """
    file = next((path for name in ("configs", ".") if (path := bundle / name / "metadata.json").is_file()), None)
    if file is None:
        raise InputNotFoundError(f"the bundle '{bundle}' has no configs/metadata.json")
    formats = _mapping(load(file, tell=False).data.get("network_data_format"))
    classes: dict[int, str] = {}
    for output in _mapping(formats.get("outputs")).values():
        named = {
            int(key): str(name)
            for key, name in _mapping(_mapping(output).get("channel_def")).items()
            if str(key).isdigit()
        }
        if len(named) > 1 and _mapping(output).get("type") != "probabilities":
            classes = named
            break
    inputs = _mapping(formats.get("inputs"))
    image = _mapping(inputs.get("image", next(iter(inputs.values()), None)))
    channels = image.get("num_channels", 0)
    return classes, channels if isinstance(channels, int) else 0


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
