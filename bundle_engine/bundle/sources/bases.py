"""The addresses that the sources begin with. An environment variable puts another in place, such as a mirror."""

from __future__ import annotations

import os

from bundle_engine.network.addresses import check_address, host_of

__all__ = ["BASES", "base", "hosts_with"]

BASES = {
    "github": ("BUNDLE_ENGINE_GITHUB_URL", "https://github.com"),
    "github_api": ("BUNDLE_ENGINE_GITHUB_API_URL", "https://api.github.com"),
    "github_raw": ("BUNDLE_ENGINE_GITHUB_RAW_URL", "https://raw.githubusercontent.com"),
    "ngc": ("BUNDLE_ENGINE_NGC_URL", "https://api.ngc.nvidia.com/v2"),
    "ngc_token": ("BUNDLE_ENGINE_NGC_TOKEN_URL", "https://authn.nvidia.com/token"),
    "huggingface_hub": ("BUNDLE_ENGINE_HUGGINGFACE_URL", ""),  # empty: what the library uses, with its HF_ENDPOINT
}
"""The environment variable and the default, by name."""


def base(name: str) -> str:
    """Give the address that a source's addresses begin with, without a ``/`` at the end.

    Raises:
        UsageError: when the environment variable holds no address.
    """
    variable, default = BASES[name]
    named = os.environ.get(variable)
    return check_address(named).rstrip("/") if named else default


def hosts_with(name: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Give the hosts that a source uses, with the one that its address begins with."""
    return (host_of(base(name)), *known)
