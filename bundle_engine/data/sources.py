"""The code that an object comes from: the version of an installed package, or the text of one's own modules."""

from __future__ import annotations

import hashlib
import sys
import types
from functools import cache
from pathlib import Path

__all__ = ["code_of_module", "versions"]

#: packages whose version may change what comes out of reading and transforming images
_PACKAGES = ("monai", "torch", "numpy", "scipy", "nibabel", "itk", "pydicom", "pillow", "scikit-image", "torchvision")
_INSTALLED = ("site-packages", "dist-packages")


@cache
def versions() -> dict[str, str]:
    """Give the versions of Python and of the packages that images are read and transformed with."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found


@cache
def code_of_module(name: str | None) -> str:
    """Say in one text what the code of a module is.

    Args:
        name: of a module that is loaded.

    Returns:
        name and version of the package when it is installed; or the digest of the module's text, of all modules of its
        package, and of those of the user's own that they have names from.
    """
    top = (name or "").partition(".")[0]
    module = sys.modules.get(name or "")
    if module is None:
        return f"unknown {name}"
    if not _is_own(module):
        return f"{top} {getattr(sys.modules.get(top), '__version__', '')}".strip()
    digest = hashlib.blake2b(digest_size=20)
    for path in sorted(_files(module)):
        digest.update(path.read_bytes() + b"\0")
    return f"{top} {digest.hexdigest()}"


def _is_own(module: types.ModuleType) -> bool:
    """Tell whether a module was read from a file that no installer put there."""
    top = module.__name__.partition(".")[0]
    if top in sys.stdlib_module_names and top != "__main__":
        return False
    file = getattr(module, "__file__", None)
    return file is not None and file.endswith(".py") and not any(part in _INSTALLED for part in Path(file).parts)


def _files(module: types.ModuleType) -> set[Path]:
    """Give the files of a module, of its package, and of one's own modules that they use."""
    found: set[Path] = set()
    waiting, seen = [module], {module.__name__}
    while waiting:
        each = waiting.pop()
        file = Path(str(each.__file__)).resolve()
        found.add(file)
        top = sys.modules.get(each.__name__.partition(".")[0])
        for folder in getattr(top, "__path__", None) or ():
            found.update(path.resolve() for path in Path(folder).rglob("*.py"))
        for name in sorted(_used_by(each)):
            used = sys.modules.get(name)
            if used is not None and name not in seen and _is_own(used):
                seen.add(name)
                waiting.append(used)
    return {path for path in found if path.is_file()}


def _used_by(module: types.ModuleType) -> set[str]:
    """Give the modules that names of a module come from, and those of its package that are loaded."""
    names = {str(getattr(value, "__module__", "")) for value in list(vars(module).values())}
    names |= {value.__name__ for value in vars(module).values() if isinstance(value, types.ModuleType)}
    top = module.__name__.partition(".")[0]
    return names | {name for name in list(sys.modules) if name == top or name.startswith(f"{top}.")}
