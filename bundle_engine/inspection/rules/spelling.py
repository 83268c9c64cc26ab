"""Tell misspelt names from names that their modules make while they run."""

from __future__ import annotations

import importlib.util
import re
import sys
from functools import lru_cache
from pathlib import Path

from bundle_engine.config import closest
from bundle_engine.inspection.targets import Ambiguous, Found, TargetIndex, Unknown

__all__ = ["probably_misspelt"]

_WORD = re.compile(r"\w+")
# packages that make most of their names while they run, and show all of them in these files
_SHOWN = frozenset({"numpy", "torch", "torch.cuda"})
# where the names stand that torch takes from its C++ part
_STUBS = {"torch": ("_C/__init__.pyi", "_C/_VariableFunctions.pyi", "_C/_distributed_c10d.pyi")}


def probably_misspelt(index: TargetIndex, path: str, looked: Unknown) -> tuple[str, ...]:
    """Give what a name that cannot be looked up was probably meant to be; nothing where it may be right.

    A name that one of the packages above makes while it runs stands somewhere in its source, or in the stub beside it;
    and modules of the standard library that are at work anyway can be asked.
    """
    owner, _, name = path.rpartition(".")
    if owner.partition(".")[0] in sys.stdlib_module_names:
        module = sys.modules.get(owner)
        return looked.near if module is not None and not hasattr(module, name) else ()
    file = _file_of(index, owner) if owner in _SHOWN else None
    if file is None or name[:1] == "_" or not _words(file).isdisjoint((name, name.rstrip("0123456789"))):
        return ()
    near = looked.near
    if not near:
        words = (word for word in _words(file) if abs(len(word) - len(name)) < 2)
        near = tuple(f"{owner}.{word}" for word in closest.matches(name, words))
    return near


def _file_of(index: TargetIndex, module: str) -> str | None:
    """Give the source file of a package."""
    if "." in module:
        looked = index.lookup(module)
        is_module = isinstance(looked, (Found, Ambiguous)) and looked.definition.kind == "module"
        return looked.definition.file if is_module else None  # type: ignore[union-attr]
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return spec.origin if spec is not None and spec.has_location else None


@lru_cache(maxsize=32)
def _words(file: str) -> frozenset[str]:
    """Give all words in a source file, in the stub beside it, and in the stubs of what it is made from."""
    path = Path(file)
    files = [path, path.with_suffix(".pyi")]
    files += [folder / stub for folder in path.parents for stub in _STUBS.get(folder.name, ())]
    words: set[str] = set()
    for each in files:
        try:
            words.update(_WORD.findall(each.read_text("utf-8", "replace")))
        except OSError:
            continue
    return frozenset(words)
