"""Make a bundle's own modules importable, and keep those of two bundles apart.

Bundles bring Python code along, by custom in a package called ``scripts`` beside ``configs``. Every bundle calls it
so, while a Python process has one module of that name. So a root is on ``sys.path`` only while something of its
bundle is at work, and when another bundle takes over, the modules that were imported from the first root are put
aside, to be put back, the same objects, when it is the first bundle's turn again. A package ``scripts`` that the
program has imported for itself is put aside as long as a bundle with its own is at work. ``sys.path`` and
``sys.modules`` belong to the whole process: two bundles with modules of one name cannot be at work in two threads at
the same time.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

__all__ = ["bundle_root_of", "importable", "isolated"]

_lock = threading.RLock()
_at_work: list[tuple[str, frozenset[str]]] = []  # roots, the innermost last; the names of modules when each came in
_own: dict[str, set[str]] = {}  # names of the modules that were imported from each root
_aside: dict[str, dict[str, ModuleType]] = {}  # those of roots that are not at work now, once another one was
_programs: dict[str, ModuleType] = {}  # the package `SCRIPTS` that the program uses, while a root with one is at work

SCRIPTS = "scripts"


def bundle_root_of(config_file: str | os.PathLike[str]) -> Path:
    """Give the root of the bundle that a config file belongs to.

    It is the folder around ``configs``; for a config that lies elsewhere, its own folder.
    """
    folder = Path(config_file).parent.resolve()
    return folder.parent if folder.name == "configs" else folder


@contextmanager
def importable(root: Path | None) -> Iterator[None]:
    """Let modules below `root` be imported, for the length of a ``with`` block; None changes nothing."""
    if root is None:
        yield
        return
    name = str(root)
    with _lock:
        _take_stock()
        _hand_over_to(name)
        _at_work.append((name, frozenset(sys.modules)))
        sys.path.insert(0, name)  # before the working directory, which may have ``scripts`` of its own
    try:
        yield
    finally:
        with _lock:
            _take_stock()
            if name in sys.path:
                sys.path.remove(name)
            last = max(i for i, (root_at_work, _) in enumerate(_at_work) if root_at_work == name)
            del _at_work[last]
            if _at_work:
                _hand_over_to(_at_work[-1][0])
            else:
                _give_back_to_the_program()


@contextmanager
def isolated(root: Path | None) -> Iterator[None]:
    """Keep modules below `root`, and in the working directory, from being imported, for a ``with`` block.

    What is imported already stays, and so do the folders of Python's own installation.
    """
    with _lock:
        before = list(sys.path)
        sys.path[:] = [entry for entry in before if not _is_outsider(entry, root)]
        kept = list(sys.path)
    try:
        yield
    finally:
        with _lock:
            added = [entry for entry in sys.path if entry not in kept]
            sys.path[:] = [*added, *before] if added else before


def _is_outsider(entry: str, root: Path | None) -> bool:
    """Tell whether a folder of ``sys.path`` is the working directory, or one of a bundle's."""
    folder = Path(entry or ".").resolve()
    if folder == Path.cwd().resolve():
        return True
    homes = {Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix)}
    return root is not None and folder.is_relative_to(root.resolve()) and not any(map(folder.is_relative_to, homes))


def _take_stock() -> None:
    """Note which modules have been imported from the innermost root at work."""
    if _at_work:
        root, before = _at_work[-1]
        own = _own[root]
        for name in sys.modules.keys() - before - own:
            top = name.partition(".")[0]
            if top in own or (top not in before and _lies_in(root, top)):
                own.add(name)


def _hand_over_to(root: str) -> None:
    """Take the modules of all other roots out of ``sys.modules``, and put those of `root` back."""
    if root not in _own:
        _own[root] = set()
        importlib.invalidate_caches()
    for other in _own:
        if other != root:
            _put_aside(other)
    _take_from_the_program(root)
    back = _aside.pop(root, {})
    sys.modules.update(back)
    _own[root].update(back)


def _put_aside(root: str) -> None:
    """Take the modules of a root out of ``sys.modules``, and keep them."""
    names = _own[root]
    if names:
        tops = {top for top in {name.partition(".")[0] for name in names} if _lies_in(root, top)}  # not yet replaced
        still = [name for name in names if name in sys.modules and name.partition(".")[0] in tops]
        _aside.setdefault(root, {}).update({name: sys.modules.pop(name) for name in still})
        names.clear()


def _take_from_the_program(root: str) -> None:
    """Put `SCRIPTS` aside, if the program has imported one from elsewhere and the root has one of its own."""
    if SCRIPTS not in sys.modules or _lies_in(root, SCRIPTS):
        return
    if os.path.isdir(os.path.join(root, SCRIPTS)) or os.path.isfile(os.path.join(root, f"{SCRIPTS}.py")):
        names = [name for name in sys.modules if name.partition(".")[0] == SCRIPTS]
        _programs.update({name: sys.modules.pop(name) for name in names})


def _give_back_to_the_program() -> None:
    if _programs:
        for root in _own:
            _put_aside(root)
        sys.modules.update(_programs)
        _programs.clear()


def _lies_in(root: str, top: str) -> bool:
    """Tell whether the module or package `top` is one directly below `root`.

    Deeper files do not count: a root may be the working directory, with a virtual environment in it.
    """
    module = sys.modules.get(top)
    file: str | None = getattr(module, "__file__", None)
    if file is not None:
        folder, leaf = os.path.split(file)
        return (os.path.dirname(folder) if leaf.startswith("__init__.") else folder) == root
    # a folder without __init__.py has a path, but no file
    return any(os.path.dirname(path) == root for path in getattr(module, "__path__", ()))
