"""Convert files with weights: to safetensors, and to what torch.load reads with ``weights_only=True``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bundle_engine.errors import InputError, UsageError
from bundle_engine.workflow.checkpoints import (
    is_state_dict,
    read_checkpoint,
    state_dict_of,
    write_checkpoint,
    write_weights,
)
from bundle_engine.workflow.replacement import check_writable
from bundle_engine.workflow.weight_files import SAFETENSORS, WEIGHT_SUFFIXES, recognise

__all__ = ["Conversion", "convert_weights"]

_HOME = str(Path(__file__).resolve().parents[2])


class Conversion(NamedTuple):
    """What was converted.

    Attributes:
        written: how many tensors were written.
        left_out: what else the file had, by its keys.
        shared: names of tensors that shared memory with another one, and were written by themselves.
    """

    written: int
    left_out: tuple[str, ...]
    shared: tuple[str, ...]


def convert_weights(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    key: str | None = None,
    unsafe_load: bool = False,
) -> Conversion:
    """Write the weights of a file in another form.

    Args:
        source: the file.
        target: the file to write: safetensors when its name ends so, otherwise as torch.save writes weights.
        key: where in the checkpoint the weights stand; by default they are found.
        unsafe_load: read a file that cannot be read without running code from it, in a process of its own. That
            process has all the rights of whoever started it: it is for files from someone trusted, only.

    Returns:
        what was converted.

    Raises:
        InputError: when the file cannot be read, or has no weights.
        UsageError: when the target cannot be written.
    """
    target = Path(target)
    suffix = target.suffix.lower()
    if suffix not in WEIGHT_SUFFIXES:
        raise UsageError(
            f"the name '{target}' does not say what to write", hint=f"let it end in {', '.join(WEIGHT_SUFFIXES)}"
        )
    check_writable(target)
    file = recognise(source)
    left_out: list[str] = []
    if unsafe_load and file.kind not in ("safetensors", "exported"):
        checkpoint, left_out = _read_by_running(file.path)
    else:
        checkpoint = read_checkpoint(source)
    weights = state_dict_of(checkpoint, key, source=f"'{source}'")
    if not is_state_dict(checkpoint):
        left_out += [str(name) for name in checkpoint if not _is_at(checkpoint, name, weights)]
    shared: list[str] = []
    if suffix == SAFETENSORS:
        shared = write_weights(target, weights)
    else:
        write_checkpoint(target, weights)
    return Conversion(len(weights), tuple(dict.fromkeys(left_out)), tuple(shared))


def _is_at(checkpoint: Mapping[str, Any], name: str, weights: Mapping[str, Any]) -> bool:
    value = checkpoint[name]
    return is_state_dict(value) and next(iter(value.values())) is next(iter(weights.values()))


def _read_by_running(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Let another process read a file, running the code that it asks for, and hand over its tensors and plain data."""
    with tempfile.TemporaryDirectory(prefix="bundle-engine-") as folder:
        plain, report = Path(folder) / "plain.pt", Path(folder) / "report.json"
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "bundle_engine.workflow.unsafe_loading",
                str(path.absolute()),
                str(plain),
                str(report),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (_HOME, os.environ.get("PYTHONPATH"))))},
            check=False,
        )
        if done.returncode or not plain.is_file() or not report.is_file():
            said = [line for line in done.stderr.strip().split("\n") if line]
            raise InputError(
                f"'{path}' could not be read by running its code: the process ended with {done.returncode}",
                notes=said[-3:],
                hint="the packages that it was written with may be missing, or it may be damaged",
            )
        left_out = [str(name) for name in json.loads(report.read_text(encoding="utf-8"))]
        return read_checkpoint(plain), left_out
