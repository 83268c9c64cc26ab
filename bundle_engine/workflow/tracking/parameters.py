"""Turn a config into parameters as MLflow takes them: flat, by name, and not too long."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bundle_engine.config.ids import META

__all__ = ["LONGEST_NAME", "LONGEST_VALUE", "parameters_of"]

LONGEST_NAME = 250  # characters; more is refused by every version of MLflow
LONGEST_VALUE = 6000  # as MLflow 2.10 and later allow
_FORBIDDEN = re.compile(r"[^\w.\- /]")
_KEPT = 200  # characters of a name that is too long


def parameters_of(config: Mapping[str, Any], *, longest_value: int = LONGEST_VALUE) -> dict[str, str]:
    """Give the scalars of a config by their ids, with dots between the parts.

    A list of scalars is one parameter. What a config says of the bundle (``_meta_``) is left out; longer values are
    cut, and end in three dots; of a longer name the begin is kept, with a digest of the whole.

    Args:
        config: the config, without secrets.
        longest_value: characters of a value.
    """
    found: dict[str, str] = {}
    for key, value in config.items():
        if key != META:
            for name, text in _scalars(str(key), value):
                found[_short_name(name)] = text if len(text) <= longest_value else text[: longest_value - 3] + "..."
    return found


def _scalars(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _scalars(f"{name}.{key}", item)
    elif isinstance(value, (list, tuple)) and any(isinstance(item, (Mapping, list, tuple)) for item in value):
        for index, item in enumerate(value):
            yield from _scalars(f"{name}.{index}", item)
    else:
        yield name, str(list(value) if isinstance(value, tuple) else value)


def _short_name(name: str) -> str:
    name = _FORBIDDEN.sub("_", name).strip("/") or "_"
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[:_KEPT]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
