"""Look for a file that the work needs before the work begins."""

from __future__ import annotations

from pathlib import Path


def require(path: str | Path, hint: str) -> str:
    """Give the path back if there is a file.

    Args:
        path: the file that is needed.
        hint: what to do when it is missing, for the error.

    Raises:
        FileNotFoundError: if there is none.
    """
    if not Path(path).expanduser().is_file():
        raise FileNotFoundError(f"There is no file '{path}'. {hint}")
    return str(path)
