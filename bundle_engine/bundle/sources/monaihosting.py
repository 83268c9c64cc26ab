"""The Model Zoo, as MONAI hosts it: repositories of the Hugging Face hub, or else archives on NGC or elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from bundle_engine.bundle.published import DEFAULT_REPO, DEFAULT_TAG, bundles_of, digests_in
from bundle_engine.bundle.sources.bases import base, hosts_with
from bundle_engine.bundle.sources.ngc import HOSTS
from bundle_engine.bundle.sources.plans import Archive, Asking, Plan, Snapshot, Wanted
from bundle_engine.bundle.versions import newest, sort_versions
from bundle_engine.errors import NotPublishedError
from bundle_engine.network.addresses import quoted

__all__ = ["listed", "plans"]


def plans(wanted: Wanted, asking: Asking) -> Iterator[Plan]:
    """Give the repository ``MONAI/NAME``, then the archive on NGC, then the one that the Model Zoo's list names."""
    version, info = wanted.version, None
    if version is None:
        versions = _bundles(asking).get(wanted.name)
        if not versions:
            raise NotPublishedError(f"there is no bundle '{wanted.name}' in the Model Zoo")
        version = newest(versions)
        info = versions[version]
    if find_spec("huggingface_hub") is not None:
        yield Snapshot(f"MONAI/{wanted.name}", version, wanted.folder)
    name = wanted.name
    url = f"{base('ngc')}/models/nvidia/monaihosting/{quoted(name.lower())}/versions/{quoted(version)}"
    url = f"{url}/files/{quoted(f'{name}_v{version}.zip')}"
    yield Archive(url, wanted.folder, version, hosts_with("ngc", HOSTS), {}, _digests(info, url))
    if info is None:
        info = _bundles(asking).get(name, {}).get(version)
    address = str((info or {}).get("browser_download_url") or url)
    if address != url:
        yield Archive(address, wanted.folder, version, None, {}, digests_in(info or {}))


def listed(wanted: Wanted, asking: Asking) -> dict[str, list[str]]:
    """Give the versions of all bundles, by name."""
    return {name: sort_versions(versions) for name, versions in _bundles(asking).items()}


def _bundles(asking: Asking) -> dict[str, dict[str, dict[str, object]]]:
    return bundles_of(DEFAULT_REPO, DEFAULT_TAG, None, asking=asking)


def _digests(info: dict[str, object] | None, url: str) -> dict[str, str]:
    """Give the digests that the list has for exactly this archive."""
    return digests_in(info) if info is not None and info.get("browser_download_url") == url else {}
