"""What is wanted of a source, and how it can be had there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from bundle_engine.errors import UsageError
from bundle_engine.network.answers import Web
from bundle_engine.network.limits import Limits

__all__ = ["Archive", "Asking", "Files", "Plan", "Snapshot", "Wanted", "parts_of"]


class Wanted(NamedTuple):
    """A bundle that is looked for.

    Attributes:
        name: its name.
        version: its version; None for the newest.
        repo: where in the source, in the source's own way; None for its default.
        remove_prefix: what is dropped from the start of its name for the folder; None or empty for nothing.
        token: what gives access; None where none is needed.
    """

    name: str
    version: str | None = None
    repo: str | None = None
    remove_prefix: str | None = None
    token: str | None = None

    @property
    def folder(self) -> str:
        """Name of the folder that the bundle gets."""
        return self.name.removeprefix(self.remove_prefix) if self.remove_prefix else self.name


class Archive(NamedTuple):
    """One zip archive.

    Attributes:
        url: its address.
        folder: name of the folder that the bundle gets.
        version: version of the bundle; empty where that is unknown.
        hosts: hosts that the source uses; None for any.
        headers: what gives access.
        digests: what its digests must be, by algorithm.
    """

    url: str
    folder: str
    version: str = ""
    hosts: Sequence[str] | None = None
    headers: Mapping[str, str] = {}
    digests: Mapping[str, str] = {}


class Files(NamedTuple):
    """Single files.

    Attributes:
        files: their addresses, by path in the bundle.
        url: what to call the whole.
        folder: name of the folder that the bundle gets.
        version: version of the bundle.
        hosts: hosts that the source uses; None for any.
        headers: what gives access.
    """

    files: Mapping[str, str]
    url: str
    folder: str
    version: str = ""
    hosts: Sequence[str] | None = None
    headers: Mapping[str, str] = {}


class Snapshot(NamedTuple):
    """A repository of the Hugging Face hub.

    Attributes:
        repo: its owner and name.
        revision: a tag, branch or commit; None for the newest version.
        folder: name of the folder that the bundle gets.
        token: what gives access; None for what the library has stored.
    """

    repo: str
    revision: str | None
    folder: str
    token: str | None = None


Plan = Archive | Files | Snapshot


class Asking(NamedTuple):
    """How sources are asked.

    Attributes:
        limits: how long, how often, how much.
        note: told what a person should know.
    """

    limits: Limits
    note: Callable[[str], object]

    def web(self, hosts: Sequence[str] | None, headers: Mapping[str, str] | None = None) -> Web:
        """Give a way to ask certain hosts."""
        return Web(self.limits, hosts=hosts, headers=headers, note=self.note)


def parts_of(repo: str, count: Sequence[int], form: str) -> list[str]:
    """Split the name of a repository.

    Args:
        repo: the name.
        count: how many parts it may have.
        form: what it should look like, for the error.

    Raises:
        UsageError: when it has not that form.
    """
    parts = repo.strip("/").split("/")
    if len(parts) not in count or not all(part and part not in (".", "..") for part in parts):
        raise UsageError(f"repo should be in the form of `{form}`, got '{repo}'")
    return parts
