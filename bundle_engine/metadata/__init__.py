"""What a bundle's metadata says, and whether it is so.

The public names are loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundle_engine.lazy import lazy_names

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


__getattr__, __dir__ = lazy_names(__name__, _HOMES)

if TYPE_CHECKING:
    from bundle_engine.metadata.network import verify_net_in_out, verify_network
    from bundle_engine.metadata.verification import verify, verify_metadata, verify_metadata_file
