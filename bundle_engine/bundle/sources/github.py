"""Archives among the files of a release on GitHub, such as those of the Model Zoo."""

from __future__ import annotations

from collections.abc import Iterator

from bundle_engine.bundle.published import bundles_of, digests_in
from bundle_engine.bundle.sources.bases import base, hosts_with
from bundle_engine.bundle.sources.plans import Archive, Asking, Plan, Wanted, parts_of
from bundle_engine.bundle.versions import newest, sort_versions
from bundle_engine.errors import NotPublishedError
from bundle_engine.network.addresses import quoted

__all__ = ["MODEL_ZOO", "listed", "plans"]

MODEL_ZOO = "Project-MONAI/model-zoo/hosting_storage_v1"
HOSTS = ("github.com", ".githubusercontent.com")


def plans(wanted: Wanted, asking: Asking) -> Iterator[Plan]:
    """Give the archive ``NAME_vVERSION.zip`` of a release; `repo` is ``OWNER/REPOSITORY/TAG``."""
    owner, repository, tag = _repo(wanted)
    version, digests = wanted.version, {}
    if version is None:
        bundles = bundles_of(f"{owner}/{repository}", tag, wanted.token, asking=asking)
        if wanted.name not in bundles:
            raise NotPublishedError(f"there is no bundle '{wanted.name}' in '{owner}/{repository}'")
        version = newest(bundles[wanted.name])
        digests = digests_in(bundles[wanted.name][version])
    file = quoted(f"{wanted.name}_v{version}.zip")
    url = f"{base('github')}/{quoted(owner)}/{quoted(repository)}/releases/download/{quoted(tag)}/{file}"
    headers = {"Authorization": f"Bearer {wanted.token}"} if wanted.token else {}
    yield Archive(url, wanted.name, version, hosts_with("github", HOSTS), headers, digests)


def listed(wanted: Wanted, asking: Asking) -> dict[str, list[str]]:
    """Give the versions of all bundles, by name."""
    owner, repository, tag = _repo(wanted)
    bundles = bundles_of(f"{owner}/{repository}", tag, wanted.token, asking=asking)
    return {name: sort_versions(versions) for name, versions in bundles.items()}


def _repo(wanted: Wanted) -> list[str]:
    return parts_of(wanted.repo or MODEL_ZOO, (3,), "repo_owner/repo_name/release_tag")
