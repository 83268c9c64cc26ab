"""Single files of a model in NVIDIA's catalogue NGC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bundle_engine.bundle.sources.bases import base, hosts_with
from bundle_engine.bundle.sources.plans import Asking, Files, Plan, Wanted
from bundle_engine.bundle.versions import installed_version, newest_that_fits, sort_versions
from bundle_engine.errors import DownloadError
from bundle_engine.network.addresses import quoted, without_secrets
from bundle_engine.network.answers import Web
from bundle_engine.network.transfer import fetch_json

__all__ = ["HOSTS", "PREFIX", "latest", "plans", "prefixed"]

PREFIX = "monai_"
HOSTS = (".nvidia.com", ".amazonaws.com", ".cloudfront.net")  # NGC keeps its files in stores of Amazon
_NEWEST = 3  # versions that are looked at for one that fits the installed MONAI


def plans(wanted: Wanted, asking: Asking) -> Iterator[Plan]:
    """Give the files of a model of the team ``monaitoolkit``."""
    name, web = prefixed(wanted.name), asking.web(hosts_with("ngc", HOSTS))
    models = f"{base('ngc')}/models/nvidia/monaitoolkit"
    version = wanted.version or latest(f"{models}/{quoted(name.lower())}", web)
    url = f"{models}/{quoted(name.lower())}/versions/{quoted(version)}/files"
    listed = fetch_json(url, web=web)
    paths = [row.get("path") for row in _rows(listed, "modelFiles", url)]
    files = {str(path): f"{url}/{'/'.join(map(quoted, str(path).split('/')))}" for path in paths if path}
    yield Files(files, url, wanted._replace(name=name).folder, version, web.hosts)


def latest(model: str, web: Web) -> str:
    """Ask for the newest version of a model that fits the installed MONAI; the newest where none does.

    Args:
        model: address of the model.
        web: how to ask.
    """
    url = f"{model}/versions/"
    found = fetch_json(url, web=web)
    versions = [str(row["versionId"]) for row in _rows(found, "modelVersions", url) if "versionId" in row]
    if not versions:
        raise DownloadError(f"'{without_secrets(url)}' lists no versions")

    def needed(version: str) -> str | None:
        metadata = fetch_json(f"{model}/versions/{quoted(version)}/files/configs/metadata.json", web=web)
        return str(metadata.get("monai_version") or "") if isinstance(metadata, dict) else None

    candidates = sort_versions(versions)[-_NEWEST:]
    installed = installed_version("monai")
    chosen = newest_that_fits(candidates, needed, installed)
    if chosen != candidates[-1]:
        web.note(f"the newest version is {candidates[-1]}; {chosen} is the newest for the installed MONAI {installed}")
    return chosen


def prefixed(name: str) -> str:
    """Give the name of a bundle in NGC, where all of MONAI's begin with ``monai_``."""
    return name if name.startswith(PREFIX) else PREFIX + name


def _rows(document: Any, key: str, url: str) -> list[dict[str, Any]]:
    rows = document.get(key) if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise DownloadError(f"'{without_secrets(url)}' gives no list '{key}'")
    return [row for row in rows if isinstance(row, dict)]
