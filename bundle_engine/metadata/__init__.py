"""What a bundle's metadata says, and whether it is so.

The public names are loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

_HOMES = {
    "verify": "verification",
    "verify_metadata": "verification",
    "verify_metadata_file": "verification",
    "verify_net_in_out": "network",
    "verify_network": "network",
}

__all__ = [
    "verify",
    "verify_metadata",
    "verify_metadata_file",
    "verify_net_in_out",
    "verify_network",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if TYPE_CHECKING:
    from bundle_engine.metadata.network import verify_net_in_out, verify_network
    from bundle_engine.metadata.verification import verify, verify_metadata, verify_metadata_file
