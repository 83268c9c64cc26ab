"""Repositories of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Iterator

from bundle_engine.bundle.sources.plans import Asking, Plan, Snapshot, Wanted, parts_of
from bundle_engine.errors import UsageError

__all__ = ["plans"]


def plans(wanted: Wanted, asking: Asking) -> Iterator[Plan]:
    """Give a repository; `repo` is ``OWNER/NAME``, and the version a tag, a branch or a commit."""
    if not wanted.repo:
        raise UsageError("the source huggingface_hub needs a repo", hint="give --repo repo_owner/repo_name")
    repo = "/".join(parts_of(wanted.repo, (2,), "repo_owner/repo_name"))
    yield Snapshot(repo, wanted.version, wanted.name, wanted.token)
