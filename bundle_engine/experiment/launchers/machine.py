"""What this machine has to share out: its cores and its GPUs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = ["Shares", "cores", "gpus", "share_out"]

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Shares(NamedTuple):
    """What each of the jobs that run at once gets.

    Attributes:
        slots: how many run at once.
        threads: threads of each.
        gpus: names of the GPUs of each slot, as CUDA_VISIBLE_DEVICES takes them; None where they are left alone.
    """

    slots: int
    threads: int
    gpus: tuple[tuple[str, ...], ...] | None

    def environment(self, slot: int, environment: Mapping[str, str]) -> dict[str, str]:
        """Give the variables of a job in a slot.

        Args:
            slot: its number, from 0.
            environment: variables that the job brings, which win.
        """
        found = dict.fromkeys(_THREADS, str(self.threads))
        if self.gpus is not None:
            found["CUDA_VISIBLE_DEVICES"] = ",".join(self.gpus[slot])
        return {**found, **environment}


def cores() -> int:
    """Count the processor cores that this process may use, quotas of containers included."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        count = os.cpu_count() or 1
    try:
        quota, period = _QUOTA.read_text(encoding="ascii").split()
        count = min(count, max(1, int(int(quota) / int(period) + 0.5)))
    except (OSError, ValueError):  # there is none
        pass
    return count


def gpus() -> list[str]:
    """Give the names of the GPUs that this process may use, as CUDA_VISIBLE_DEVICES takes them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        names = [name.strip() for name in given.split(",")]
        ends = next((at for at, name in enumerate(names) if name in ("", "-1")), len(names))  # CUDA reads no further
        return names[:ends]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return _listed(listed.splitlines())


def _listed(lines: Iterable[str]) -> list[str]:
    """Read what nvidia-smi lists: GPUs by number; where one is divided, its parts by their own names."""
    found: list[list[str]] = []
    divided: list[list[str]] = []
    for line in lines:
        if line.startswith("GPU "):
            found.append([line.removeprefix("GPU ").partition(":")[0]])
            divided.append([])
        elif line.strip().startswith("MIG ") and "UUID: " in line and divided:
            divided[-1].append(line.partition("UUID: ")[2].strip(" )\n"))
    return [name for whole, parts in zip(found, divided, strict=True) for name in parts or whole]


def share_out(
    *, jobs: int | None = None, slots: int | None = None, threads: int | None = None, gpus_each: int | None = None
) -> Shares:
    """Share out the machine among jobs.

    Args:
        jobs: how many jobs there are; None where nobody knows.
        slots: how many shall run at once, which may be more than there are GPUs; None for as many as there is room for.
        threads: threads of each; None for its share of the cores.
        gpus_each: GPUs of each; None for one where there are any.
    """
    here, devices = cores(), [] if gpus_each == 0 else gpus()
    each = gpus_each if gpus_each is not None else 1 if devices else 0
    if slots is None:
        slots = max(1, here // threads if threads else here)
        if each and devices:
            slots = min(slots, max(1, len(devices) // each))
    if jobs is not None:
        slots = min(slots, max(1, jobs))
    names: tuple[tuple[str, ...], ...] | None = None
    if gpus_each == 0:
        names = ((),) * slots
    elif devices:
        names = tuple(
            tuple(dict.fromkeys(devices[(slot * each + k) % len(devices)] for k in range(each)))
            for slot in range(slots)
        )
    return Shares(slots, threads or max(1, here // slots), names)
