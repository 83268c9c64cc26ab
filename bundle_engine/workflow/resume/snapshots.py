"""The checkpoints of a run in its folder: each complete or not there, the last ones and the best are kept."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bundle_engine.errors import BundleEngineError, InputError
from bundle_engine.hashing import file_digest

__all__ = ["Snapshot", "Snapshots"]

logger = logging.getLogger(__name__)

INDEX = "checkpoints.json"


@dataclass(frozen=True)
class Snapshot:
    """One checkpoint.

    Attributes:
        file: its name in the folder.
        epoch: epochs that were begun when it was written.
        iteration: iterations that were done, of all epochs.
        sha256: digest of the file.
        metric: the key metric of the validation, where there was one.
        best: whether it was the best by that metric when it was written.
    """

    file: str
    epoch: int
    iteration: int
    sha256: str
    metric: float | None = None
    best: bool = False


class Snapshots:
    """The checkpoints in a folder.

    Args:
        folder: the folder; it is made when the first checkpoint is written.
        keep: how many of the last ones are kept, besides the best.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder = folder
        self.keep = keep

    def all(self) -> list[Snapshot]:
        """Give the checkpoints, oldest first.

        An index that cannot be read counts as none: the files are found by their names then, and no digest is known.
        """
        try:
            rows = json.loads((self.folder / INDEX).read_text(encoding="utf-8"))
            known = [Snapshot(**row) for row in rows]
        except FileNotFoundError:
            known = []
        except (OSError, ValueError, TypeError) as error:
            logger.warning("the list of checkpoints '%s' is damaged: %s", self.folder / INDEX, error)
            known = []
        names = {snapshot.file for snapshot in known}
        # one that was written just before the process was killed is not in the list yet
        others = [_by_name(path) for path in self.folder.glob("epoch*.pt") if path.name not in names]
        return sorted([*known, *filter(None, others)], key=lambda snapshot: snapshot.iteration)

    def save(
        self, state: Mapping[str, Any], *, epoch: int, iteration: int, metric: float | None = None, best: bool = False
    ) -> Snapshot:
        """Write a checkpoint, then forget those that are no longer wanted.

        Raises:
            UsageError: when it cannot be written; those before are whole then.
        """
        from bundle_engine.workflow.checkpoints import write_checkpoint

        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"epoch{epoch:04d}_iteration{iteration:08d}.pt"
        write_checkpoint(path, state)
        before = [snapshot for snapshot in self.all() if snapshot.iteration < iteration]
        if best:
            before = [Snapshot(**{**asdict(snapshot), "best": False}) for snapshot in before]
        new = Snapshot(path.name, epoch, iteration, file_digest(path), metric, best)
        kept = [snapshot for snapshot in before if snapshot.best] + before[max(0, len(before) + 1 - self.keep) :]
        self._write_index(sorted({*kept, new}, key=lambda snapshot: snapshot.iteration))
        wanted = {snapshot.file for snapshot in (*kept, new)}
        for old in self.folder.glob("epoch*.pt"):
            if old.name not in wanted:
                old.unlink(missing_ok=True)
        return new

    def newest(self) -> tuple[Snapshot, dict[str, Any]] | None:
        """Read the newest checkpoint that is not damaged; a damaged one is skipped with a warning.

        Returns:
            the checkpoint and what it holds; None where none was written.

        Raises:
            InputError: when there are some, and all are damaged.
        """
        newest = next(self._readable(), None)
        if newest is None and self.all():
            raise InputError(
                f"none of the checkpoints in '{self.folder}' can be read",
                hint="begin anew without --resume; nothing there was changed",
            )
        return newest

    def _readable(self) -> Iterator[tuple[Snapshot, dict[str, Any]]]:
        from bundle_engine.workflow.checkpoints import read_checkpoint

        for snapshot in reversed(self.all()):
            path = self.folder / snapshot.file
            try:
                if snapshot.sha256 and file_digest(path) != snapshot.sha256:
                    raise InputError("its content is not what was written")
                state = read_checkpoint(path)
                if "stateful" not in state:
                    raise InputError("it is no checkpoint of a run")
            except (BundleEngineError, OSError) as error:
                message = error.message if isinstance(error, BundleEngineError) else error
                logger.warning("the checkpoint '%s' is skipped: %s", path, message)
                continue
            yield snapshot, state

    def _write_index(self, snapshots: list[Snapshot]) -> None:
        from bundle_engine.workflow.replacement import replacing

        with replacing(self.folder / INDEX) as temporary:
            temporary.write_text(json.dumps([asdict(each) for each in snapshots], indent=1) + "\n", encoding="utf-8")


def _by_name(path: Path) -> Snapshot | None:
    words = path.stem.removeprefix("epoch").split("_iteration")
    if len(words) != 2 or not all(word.isdigit() for word in words):
        return None
    return Snapshot(path.name, int(words[0]), int(words[1]), "")
