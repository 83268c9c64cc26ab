"""What a run depended on besides its config: versions, code, data, seeds.

Nothing is imported to find that out, and nothing is asked that would take long: a run may be over in no time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bundle_engine.errors import BundleEngineError

__all__ = ["GitStatus", "bundle_digest", "file_list", "git_state", "packages", "system"]

_CODE = "scripts"
_CONFIGS = "configs"
_MOST_FILES = 1_000_000


def system() -> str:
    """Give the system and the kind of machine."""
    if not hasattr(os, "uname"):
        return sys.platform
    name = os.uname()
    return f"{name.sysname} {name.release} {name.machine}"


def packages() -> dict[str, str]:
    """Give the versions of the packages that were imported by now, of those that tell."""
    from bundle_engine import __version__

    found = {"bundle_engine": __version__}
    for name, module in sorted(sys.modules.items()):
        if "." in name or name.startswith("_") or name in sys.stdlib_module_names:
            continue
        version = vars(module).get("__version__") if hasattr(module, "__dict__") else None
        if isinstance(version, str):  # torch's is a class of its own
            found[name] = str(version)
    return found


# --- code ---


def git_state(folders: Iterable[Path]) -> list[dict[str, Any]]:
    """Give branch and commit of the repositories that folders are in, read from their files."""
    found: dict[Path, dict[str, Any]] = {}
    for folder in folders:
        for here in (folder, *folder.parents):
            if (here / ".git").exists():
                if here not in found and (state := _head(here)) is not None:
                    found[here] = state
                break
    return list(found.values())


def _head(root: Path) -> dict[str, Any] | None:
    try:
        git = root / ".git"
        if git.is_file():  # of a worktree or a submodule: it names the folder
            git = (root / git.read_text(encoding="utf-8").partition("gitdir:")[2].strip()).resolve()
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref:"):
            return {"root": str(root), "branch": None, "commit": head, "changed": None}
        ref = head.partition(":")[2].strip()
        branch = ref.removeprefix("refs/heads/")
        return {"root": str(root), "branch": branch, "commit": _commit(git, ref), "changed": None}
    except (OSError, UnicodeDecodeError):
        return None


def _commit(git: Path, ref: str) -> str | None:
    common = git / "commondir"
    for folder in (git, (git / common.read_text(encoding="utf-8").strip()).resolve() if common.is_file() else git):
        if (folder / ref).is_file():
            return (folder / ref).read_text(encoding="utf-8").strip()
        packed = folder / "packed-refs"
        if packed.is_file():
            for line in packed.read_text(encoding="utf-8").splitlines():
                commit, _, name = line.partition(" ")
                if name == ref:
                    return commit
    return None


class GitStatus:
    """Asks git in the background whether files of repositories were changed since their commits.

    Args:
        states: what `git_state` gave; ``changed`` is filled in.
        after: seconds to wait before; a run that is over by then does not need to know.
    """

    def __init__(self, states: list[dict[str, Any]], *, after: float = 0.5) -> None:
        import threading

        self._states = states
        self._answers: dict[str, bool] = {}
        self._timer = threading.Timer(after, self._ask)
        self._timer.daemon = True
        if states:
            self._timer.start()

    def _ask(self) -> None:
        import subprocess

        command = ["git", "--no-optional-locks", "status", "--porcelain", "--untracked-files=no"]
        for state in self._states:
            try:
                done = subprocess.run(command, cwd=state["root"], capture_output=True, timeout=20, check=False)
            except (OSError, subprocess.SubprocessError):
                continue
            if done.returncode == 0:
                self._answers[state["root"]] = bool(done.stdout.strip())

    def states(self) -> list[dict[str, Any]]:
        """Give the states, with what is known by now."""
        return [{**state, "changed": self._answers.get(state["root"])} for state in self._states]

    def close(self) -> None:
        """Ask no more."""
        self._timer.cancel()


def bundle_digest(root: Path) -> str | None:
    """Compute a digest of what a bundle runs: its configs, its packages and modules; not of weights and results.

    Returns:
        a SHA-256; None when it cannot be read.
    """
    from bundle_engine.bundle.digests import digest_of, tree_digests
    from bundle_engine.hashing import file_digest

    digests: dict[str, str] = {}
    try:
        for entry in sorted(root.iterdir()):
            if entry.is_dir() and (entry.name in (_CONFIGS, _CODE) or (entry / "__init__.py").is_file()):
                digests |= {f"{entry.name}/{name}": digest for name, digest in tree_digests(entry).items()}
            elif entry.suffix == ".py" and entry.is_file():
                digests[entry.name] = file_digest(entry)
    except (BundleEngineError, OSError):
        return None
    return digest_of(digests) if digests else None


# --- data ---


def file_list(data: Any) -> dict[str, Any] | None:
    """Sum up the files that a dataset is made from; their contents are not read.

    Args:
        data: what the property says: items, or mappings of items, whose texts may be paths.

    Returns:
        the number of items, and of files, their bytes, the folder they are in, and a SHA-256 of the sorted list of
        their paths below it and their sizes; None where no files are named.
    """
    import hashlib

    try:
        items = len(data)
    except TypeError:
        return None
    sizes: dict[str, int] = {}
    for text in _texts(data):
        try:
            sizes[os.path.abspath(text)] = os.stat(text).st_size
        except (OSError, ValueError):
            continue  # it is no path
    if not sizes:
        return None
    folder = os.path.commonpath([os.path.dirname(path) for path in sizes])
    digest = hashlib.sha256()
    for path in sorted(sizes):
        digest.update(
            f"{Path(path).relative_to(folder).as_posix()}\t{sizes[path]}\n".encode("utf-8", "surrogateescape")
        )
    return {
        "items": items,
        "files": len(sizes),
        "bytes": sum(sizes.values()),
        "folder": folder,
        "digest": digest.hexdigest(),
    }


def _texts(data: Any) -> Iterator[str]:
    waiting: list[Any] = [data]
    seen = 0
    while waiting and seen < _MOST_FILES:
        value = waiting.pop()
        if isinstance(value, (str, os.PathLike)):
            seen += 1
            path = os.fspath(value)
            if isinstance(path, str) and (os.sep in path or "." in path):
                yield path
        elif isinstance(value, Mapping):
            waiting.extend(value.values())
        elif isinstance(value, (list, tuple)):
            waiting.extend(value)
