"""A dataset whose preprocessing is done once, and kept on the disk for every later run."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any

from bundle_engine.data.description import NotDescribableError, describe, digest_of
from bundle_engine.data.digests import FileDigests
from bundle_engine.data.encoding import NotStorableError, Operators, decode, encode
from bundle_engine.data.pipeline import as_compose, head_of
from bundle_engine.data.sources import versions
from bundle_engine.data.store import Store
from bundle_engine.errors import BundleEngineWarning, UsageError

__all__ = ["CachedDataset"]

_FORMAT = 1  # of what is kept; another one never reads it


class CachedDataset:
    """A list of subjects and the transforms for them, of which the part that is not random is done once.

    It takes the place of MONAI's `CacheDataset` and `PersistentDataset` in a config. What comes before the first random
    transform is kept on the disk, under a key made from the transforms with all their arguments and code, the content
    of the files, and the versions of the packages: when any of these changes, it is computed anew, and nothing old is
    ever used. All runs and processes of a user share the folder. What is random is done each time. What comes out is
    the same, bit for bit, as without keeping anything.

    Images are read as pages of a file, which the system holds in memory as long as there is room, once for all
    processes.

    A transform that reads a file which neither the subject nor its arguments name is not noticed when that changes.

    Args:
        data: the subjects: mappings with paths, or whatever the transforms take.
        transform: a `Compose`, a list of transforms, one, or None.
        cache_num: number of subjects, the first ones, that are kept.
        cache_rate: the same as a part of all.
        num_workers: threads that prepare; None for one per CPU core.
        progress: show a progress bar while preparing, in a terminal.
        runtime_cache: prepare each subject when it is first asked for, and not all at the start.
        cache_dir: the folder; by default ``BUNDLE_ENGINE_CACHE`` or the user's folder for caches.
        size_limit: bytes, such as ``20GB``, that the folder may take; by default ``BUNDLE_ENGINE_CACHE_LIMIT`` or half
            of the free disk. What was not used for the longest time goes first.

    Raises:
        UsageError: for arguments that cannot be, or when the folder cannot be made.
    """

    def __init__(
        self,
        data: Sequence[Any],
        transform: Any = None,
        cache_num: int = sys.maxsize,
        cache_rate: float = 1.0,
        num_workers: int | None = 1,
        progress: bool = True,
        *,
        runtime_cache: bool = False,
        cache_dir: str | os.PathLike[str] | None = None,
        size_limit: int | str | None = None,
    ) -> None:
        if not 0 <= cache_rate <= 1:
            raise UsageError(f"cache_rate is a part of the data, from 0 to 1, not {cache_rate}")
        self.data = data
        self.transform = as_compose(transform)
        self.cache_num = min(int(cache_num), int(len(data) * cache_rate))
        self._store = Store(cache_dir, size_limit)
        self._files = FileDigests(self._store.notes)
        self._head = head_of(self.transform, self._files.file_content)
        self._pipeline = digest_of([_FORMAT, versions(), _surroundings(), _settings(self.transform), *self._head[1:2]])
        self._keys: dict[int, str | None] = {}
        self._operators: Operators | None = None
        self._told = False
        if self._head.stopped:
            length = self._head.length
            kept = f"only the first {length} transforms are" if length else "nothing is"
            self._tell(f"{self._head.stopped}; {kept} kept on the disk")
            self._told = False
        if not runtime_cache:
            self.prepare(num_workers=num_workers, progress=progress)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> Any:
        """Give a subject as the whole pipeline makes it; for a slice or a list, a dataset of those."""
        if isinstance(index, slice | Sequence):
            from torch.utils.data import Subset

            numbers = list(range(*index.indices(len(self)))) if isinstance(index, slice) else index
            return Subset(self, numbers)  # type: ignore[arg-type,unused-ignore]
        number = int(index) + len(self) if int(index) < 0 else int(index)
        if number >= self.cache_num or not self._head.length:
            return self.transform(self.data[number])
        return self._finish(self._begin(number))

    def prepare(self, *, num_workers: int | None = 1, progress: bool = True) -> int:
        """Do what is not random for all subjects for which it was not done yet.

        Args:
            num_workers: threads; None for one per CPU core.
            progress: show a progress bar, in a terminal.

        Returns:
            the number of subjects that were not there yet.
        """
        if not self._head.length:
            return 0
        numbers = [number for number in self._in_turn() if not self._is_kept(number)]
        if not numbers:
            return 0
        self._all_operators()
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(max(1, num_workers if num_workers is not None else os.cpu_count() or 1)) as pool:
            try:
                for _ in _shown(pool.map(self._prepare, numbers), len(numbers), progress):
                    pass
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return len(numbers)

    def key(self, index: int) -> str | None:
        """Give the name under which a subject is kept; None when it cannot be."""
        if index not in self._keys:
            self._keys[index] = self._make_key(index)
        return self._keys[index]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_operators": None}  # ids are those of one process

    # --- one subject ---

    def _begin(self, index: int) -> Any:
        """Give a subject as it is before the first random transform."""
        key = self.key(index)
        kept = self._store.get(key) if key is not None else None
        if kept is not None:
            try:
                return decode(*kept, self._all_operators())
            except (NotStorableError, AttributeError, KeyError, TypeError, ValueError):
                pass  # it is computed again, and written over
        return self._compute(index, key, threading=False)

    def _compute(self, index: int, key: str | None, *, threading: bool) -> Any:
        copied = threading and self._head.thread_unsafe
        made = self.transform(deepcopy(self.data[index]), end=self._head.length, threading=copied)
        if key is None or self._make_key(index) != key:  # it was made from a file that changed meanwhile
            return made
        try:
            parts = encode(made, self._all_operators())
        except NotStorableError as error:
            self._tell(f"what the transforms give holds {error}, which is not kept on the disk")
            self._keys[index] = None
            return made
        if not self._store.put(key, *parts):
            self._tell(f"the cache in '{self._store.folder}' is full: not all of this data is kept")
        return made

    def _prepare(self, index: int) -> None:
        key = self.key(index)
        if key is not None and not self._store.has(key):  # another process may have made it by now
            self._compute(index, key, threading=True)

    def _finish(self, item: Any) -> Any:
        if self._head.length == len(self.transform.transforms):
            return item
        return self.transform(item, start=self._head.length)

    # --- keys ---

    def _make_key(self, index: int) -> str | None:
        try:
            return digest_of([self._pipeline, describe(self.data[index], self._files.content)])
        except NotDescribableError as error:
            self._tell(f"subject {index} cannot be told from others, and is not kept on the disk: {error}")
        except OSError:
            pass  # what reads the file will say so
        return None

    def _is_kept(self, index: int) -> bool:
        key = self.key(index)
        return key is None or self._store.has(key)

    def _in_turn(self) -> list[int]:
        """Give the subjects to prepare; several processes begin at different places, and meet."""
        numbers = list(range(self.cache_num))
        torch = sys.modules.get("torch")
        if torch is None or not torch.distributed.is_available() or not torch.distributed.is_initialized():
            return numbers
        start = len(numbers) * torch.distributed.get_rank() // torch.distributed.get_world_size()
        return numbers[start:] + numbers[:start]

    def _all_operators(self) -> Operators:
        if self._operators is None:
            self._operators = Operators(self.transform.transforms[: self._head.length])
        return self._operators

    def _tell(self, text: str) -> None:
        if not self._told:
            self._told = True
            warnings.warn(text, BundleEngineWarning, stacklevel=4)


def _settings(compose: Any) -> list[Any]:
    return [compose.map_items, compose.unpack_items]


def _surroundings() -> list[str]:
    """Give what changes results and is no argument of a transform."""
    import torch
    from monai.data import get_track_meta

    return [str(torch.get_default_dtype()), str(get_track_meta()), os.environ.get("MONAI_TRACE_TRANSFORM", "")]


def _shown(items: Iterable[Any], total: int, progress: bool) -> Iterable[Any]:
    """Show a progress bar in a terminal, where tqdm is installed."""
    if not progress or not sys.stderr.isatty():
        return items
    try:
        from tqdm import tqdm
    except ImportError:
        return items
    bar: Callable[..., Iterable[Any]] = tqdm
    return bar(items, total=total, desc="preprocessing, kept for later runs")
