"""The catalogue of published bundles: their names, their versions, and where they are."""

from __future__ import annotations

import re
from typing import Any

from bundle_engine.bundle.sources.bases import base, hosts_with
from bundle_engine.bundle.sources.plans import Asking, parts_of
from bundle_engine.bundle.versions import newest, sort_versions
from bundle_engine.config.closest import either, matches
from bundle_engine.errors import DownloadError, NotPublishedError
from bundle_engine.network.addresses import quoted
from bundle_engine.network.limits import Limits
from bundle_engine.network.transfer import ALGORITHMS, fetch_json

__all__ = [
    "DEFAULT_REPO",
    "DEFAULT_TAG",
    "bundles_of",
    "digests_in",
    "get_all_bundles_list",
    "get_bundle_info",
    "get_bundle_versions",
]

DEFAULT_REPO = "Project-MONAI/model-zoo"
DEFAULT_TAG = "dev"
RELEASE_TAG = "hosting_storage_v1"

_FILE = re.compile(r"(.+)_v(\d.*?)(\.zip)?")
_DIGEST = re.compile(r"(?:(\w+):)?([0-9a-fA-F]+)")
_PAGE = 100
_MOST_PAGES = 20

Bundles = dict[str, dict[str, dict[str, Any]]]


def get_all_bundles_list(
    repo: str = DEFAULT_REPO, tag: str = DEFAULT_TAG, auth_token: str | None = None, *, limits: Limits | None = None
) -> list[tuple[str, str]]:
    """List the bundles of a repository on GitHub.

    Args:
        repo: ``OWNER/NAME``; by default the Model Zoo.
        tag: a branch or tag with the list ``models/model_info.json``, or a release with archives. That of the
            Model Zoo, ``hosting_storage_v1``, is always read as a release.
        auth_token: a token of GitHub, which raises the number of questions that it answers in an hour.
        limits: how long to wait, and how often to try.

    Returns:
        names and newest versions.

    Raises:
        DownloadError: when the list cannot be had.
    """
    bundles = bundles_of(repo, tag, auth_token, asking=_asking(limits))
    return [(name, newest(versions)) for name, versions in bundles.items()]


def get_bundle_versions(
    bundle_name: str,
    repo: str = DEFAULT_REPO,
    tag: str = DEFAULT_TAG,
    auth_token: str | None = None,
    *,
    limits: Limits | None = None,
) -> dict[str, list[str] | str]:
    """List the versions of a bundle; see `get_all_bundles_list` for the other arguments.

    Args:
        bundle_name: its name.

    Returns:
        ``latest_version``, and ``all_versions`` from the oldest to the newest.

    Raises:
        NotPublishedError: when there is no such bundle; similar names are offered.
        DownloadError: when the list cannot be had.
    """
    versions = _versions(bundle_name, repo, tag, auth_token, limits)
    return {"latest_version": newest(versions), "all_versions": sort_versions(versions)}


def get_bundle_info(
    bundle_name: str,
    version: str | None = None,
    repo: str = DEFAULT_REPO,
    tag: str = DEFAULT_TAG,
    auth_token: str | None = None,
    *,
    limits: Limits | None = None,
) -> dict[str, Any]:
    """Give what is known of a version of a bundle; see `get_all_bundles_list` for the other arguments.

    Args:
        bundle_name: its name.
        version: its version; by default the newest.

    Returns:
        ``name``, ``browser_download_url``, ``checksum`` where the list has one, and all else that a release says.

    Raises:
        NotPublishedError: when there is no such bundle or version; what there is is offered.
        DownloadError: when the list cannot be had.
    """
    versions = _versions(bundle_name, repo, tag, auth_token, limits)
    chosen = newest(versions) if version is None else version
    if chosen not in versions:
        hint = f"there are {', '.join(sort_versions(versions))}"
        raise NotPublishedError(f"version: {version} of bundle: {bundle_name} is not existing.", hint=hint)
    return versions[chosen]


def bundles_of(repo: str, tag: str, auth_token: str | None, *, asking: Asking) -> Bundles:
    """Read what a repository on GitHub publishes.

    Returns:
        what is known of each version, by name and version.

    Raises:
        UsageError: when `repo` is no ``OWNER/NAME``.
        DownloadError: when the list cannot be had.
    """
    owner, name = parts_of(repo, (2,), "repo_owner/repo_name")
    place = f"{quoted(owner)}/{quoted(name)}"
    headers = {"Authorization": f"Bearer {auth_token}"} if auth_token else {}
    if tag != RELEASE_TAG:
        web = asking.web(hosts_with("github_raw", (".githubusercontent.com",)), headers)
        try:
            listed = fetch_json(f"{base('github_raw')}/{place}/{quoted(tag)}/models/model_info.json", web=web)
        except NotPublishedError:
            pass  # then it may be the tag of a release
        else:
            return _from_list(listed, repo)
    web = asking.web(hosts_with("github_api", ("api.github.com",)), headers)
    for page in range(1, _MOST_PAGES + 1):
        url = f"{base('github_api')}/repos/{place}/releases?per_page={_PAGE}&page={page}"
        releases = fetch_json(url, web=web, headers={"Accept": "application/vnd.github+json"})
        if not isinstance(releases, list) or not all(isinstance(row, dict) for row in releases):
            raise DownloadError(f"GitHub gives no list of the releases of '{repo}'")
        for release in releases:
            if release.get("tag_name") == tag:
                return _from_release(release)
        if len(releases) < _PAGE:
            break
    raise NotPublishedError(f"'{repo}' has neither a release '{tag}' nor a list of bundles there")


def digests_in(info: dict[str, Any]) -> dict[str, str]:
    """Give the digests that stand in what is known of a version, by algorithm."""
    digests: dict[str, str] = {}
    for key in ("digest", "checksum"):
        found = _DIGEST.fullmatch(str(info.get(key) or ""))
        names = [name for name, length in ALGORITHMS.items() if found and len(found[2]) == length]
        if found and names and found[1] in (None, *names):
            digests[names[0]] = found[2].lower()
    return digests


def _versions(
    bundle: str, repo: str, tag: str, auth_token: str | None, limits: Limits | None
) -> dict[str, dict[str, Any]]:
    bundles = bundles_of(repo, tag, auth_token, asking=_asking(limits))
    if bundle not in bundles:
        near = matches(bundle, bundles)
        hint = f"did you mean {either(near)}?" if near else "get_all_bundles_list shows what there is"
        raise NotPublishedError(f"bundle: {bundle} is not existing in repo: {repo}.", hint=hint)
    return bundles[bundle]


def _from_list(listed: Any, repo: str) -> Bundles:
    if not isinstance(listed, dict):
        raise DownloadError(f"the list of the bundles of '{repo}' is no mapping")
    bundles: Bundles = {}
    for name, row in listed.items():
        found = _FILE.fullmatch(str(name))
        if found and isinstance(row, dict) and isinstance(row.get("source"), str):
            more = {"checksum": row["checksum"]} if isinstance(row.get("checksum"), str) else {}
            bundles.setdefault(found[1], {})[found[2]] = {"name": name, "browser_download_url": row["source"], **more}
    return bundles


def _from_release(release: dict[str, Any]) -> Bundles:
    bundles: Bundles = {}
    for asset in release.get("assets") or []:
        found = _FILE.fullmatch(str(asset.get("name"))) if isinstance(asset, dict) else None
        if found and found[3]:
            bundles.setdefault(found[1], {})[found[2]] = dict(asset)
    return bundles


def _asking(limits: Limits | None) -> Asking:
    import logging

    return Asking(limits or Limits(), logging.getLogger(__name__).info)
