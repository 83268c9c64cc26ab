"""Keep facts between runs, in one SQLite file in the user's cache folder.

Whatever goes wrong with it, nothing is lost but time: a file that is no database, or that another version wrote, is
replaced; one that is locked for long, or a folder that cannot be written, is done without.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import sys
import time
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bundle_engine import __version__
from bundle_engine.inspection.targets.facts import ModuleFacts
from bundle_engine.inspection.targets.locations import Stamp

__all__ = ["Store", "cache_folder", "writable"]

# the modules of this package that decide what is kept: another version of them has another file
_MAKERS = (
    "ancestry",
    "bindings",
    "conditions",
    "decorating",
    "exports",
    "facts",
    "import_order",
    "library",
    "locations",
    "reading",
    "resolving",
    "rows",
    "shapes",
    "short_names",
    "store",
)
_FOLDER = "BUNDLE_ENGINE_CACHE_DIR"
_WAIT = 5.0  # seconds to wait for another process that writes
_MOST_ROWS = 40_000  # what lies in the file beyond that is of environments long gone
_MOST_DAYS = 90  # that the file of another version is kept after it was last written
_TABLES = """
CREATE TABLE IF NOT EXISTS modules (
    file TEXT NOT NULL, module TEXT NOT NULL, changed INTEGER NOT NULL, size INTEGER NOT NULL,
    facts BLOB NOT NULL, imports BLOB NOT NULL, PRIMARY KEY (file, module));
CREATE TABLE IF NOT EXISTS homes (folder TEXT PRIMARY KEY, stamp TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS short_names (
    folder TEXT NOT NULL, name TEXT NOT NULL, place INTEGER NOT NULL, module TEXT NOT NULL,
    PRIMARY KEY (folder, name, place)) WITHOUT ROWID;
"""


def cache_folder() -> Path | None:
    """Give the folder to keep files in that can be made again; None where there is none to be trusted.

    It is ``BUNDLE_ENGINE_CACHE_DIR``, else the user's cache folder, else one of the user's own in the folder for
    temporary files.
    """
    if named := os.environ.get(_FOLDER):
        return writable(Path(named))
    import platformdirs

    folder = writable(platformdirs.user_cache_path("bundle_engine", appauthor=False))
    if folder is None:
        import tempfile

        user = os.getuid() if hasattr(os, "getuid") else "user"
        folder = writable(Path(tempfile.gettempdir()) / f"bundle_engine-{user}", private=True)
    return folder


def writable(folder: Path, *, private: bool = False) -> Path | None:
    """Give a folder back, made where it is missing; None when files cannot be written there.

    Args:
        folder: the folder.
        private: whether it has to be the user's own, with no access for others.
    """
    try:
        folder.mkdir(mode=0o700 if private else 0o777, parents=True, exist_ok=True)
        if private and hasattr(os, "getuid"):
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
                return None  # somebody else put it there
    except OSError:
        return None
    return folder if os.access(folder, os.R_OK | os.W_OK | os.X_OK) else None


class Store:
    """Facts of modules, and the short names of a package, by file.

    Args:
        folder: where the file is; None to keep nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self.file = folder / _file_name() if folder else None
        self._connection: sqlite3.Connection | None = None
        self._waiting: dict[tuple[str, str], tuple[Any, ...]] = {}
        if self.file is not None:
            new = not self.file.exists()
            self._open(self.file)
            if new:
                _clear_out(self.file)

    def _open(self, file: Path) -> None:
        for _ in range(2):
            connection = None
            try:
                connection = sqlite3.connect(file, timeout=_WAIT, isolation_level=None, check_same_thread=False)
                _prepare(connection)
            except sqlite3.OperationalError:  # locked, or not to be written
                _close(connection)
                return
            except sqlite3.Error:  # no database, or a damaged one
                _close(connection)
                if not _removed(file):
                    return
                continue
            self._connection = connection
            return

    def facts(self, file: str, module: str, stamp: Stamp) -> ModuleFacts | None:
        """Give the facts of a module as it is now; None where they are not kept."""
        if (held := self._waiting.get((file, module))) is not None and held[2:4] == stamp:
            return _unpacked_facts(held[4])
        return _unpacked_facts(self._blob("facts", file, module, stamp))

    def imports(self, file: str, module: str, stamp: Stamp) -> list[Any] | None:
        """Give the import statements of a module as it is now; None where they are not kept."""
        if (held := self._waiting.get((file, module))) is not None and held[2:4] == stamp:
            return _unpacked_list(held[5])
        return _unpacked_list(self._blob("imports", file, module, stamp))

    def keep(self, file: str, module: str, stamp: Stamp, found: ModuleFacts, imports: list[Any]) -> None:
        """Keep the facts of a module; they are written with the next `flush`."""
        if self._connection is not None:
            self._waiting[file, module] = (_text(file), module, *stamp, _packed(found.as_text()), _packed(imports))

    def modules_of(self, folder: str, stamp: str, name: str) -> list[str] | None:
        """Give the modules that define a short name, in order; None where the names are not kept."""
        if not self._has_home(folder, stamp):
            return None
        query = "SELECT module FROM short_names WHERE folder = ? AND name = ? ORDER BY place"
        return [row[0] for row in self._ask(query, (folder, name))]

    def short_names(self, folder: str, stamp: str) -> dict[str, list[str]] | None:
        """Give the modules of all short names; None where they are not kept."""
        if not self._has_home(folder, stamp):
            return None
        names: dict[str, list[str]] = {}
        query = "SELECT name, module FROM short_names WHERE folder = ? ORDER BY name, place"
        for name, module in self._ask(query, (folder,)):
            names.setdefault(name, []).append(module)
        return names

    def keep_short_names(self, folder: str, stamp: str, names: dict[str, list[str]]) -> None:
        """Write the short names of a package."""
        rows = [
            (folder, name, place, module) for name, modules in names.items() for place, module in enumerate(modules)
        ]
        self._write(
            [
                ("DELETE FROM homes WHERE folder = ?", [(folder,)]),
                ("DELETE FROM short_names WHERE folder = ?", [(folder,)]),
                ("INSERT INTO short_names VALUES (?, ?, ?, ?)", rows),
                ("INSERT INTO homes VALUES (?, ?)", [(folder, stamp)]),
            ]
        )

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            rows = list(self._waiting.values())
            self._waiting.clear()
            self._write(
                [
                    ("INSERT OR REPLACE INTO modules VALUES (?, ?, ?, ?, ?, ?)", rows),
                    ("DELETE FROM modules WHERE rowid <= (SELECT max(rowid) FROM modules) - ?", [(_MOST_ROWS,)]),
                ]
            )

    def close(self) -> None:
        """Write what waits, and let the file go."""
        self.flush()
        _close(self._connection)
        self._connection = None

    def _has_home(self, folder: str, stamp: str) -> bool:
        return bool(self._ask("SELECT 1 FROM homes WHERE folder = ? AND stamp = ?", (folder, stamp)))

    def _blob(self, column: str, file: str, module: str, stamp: Stamp) -> Any:
        query = f"SELECT {column} FROM modules WHERE file = ? AND module = ? AND changed = ? AND size = ?"
        rows = self._ask(query, (_text(file), module, *stamp))
        return rows[0][0] if rows else None

    def _ask(self, query: str, values: Sequence[Any]) -> list[Any]:
        if self._connection is None:
            return []
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            self._fail(error)
            return []

    def _write(self, statements: Iterable[tuple[str, list[tuple[Any, ...]]]]) -> None:
        connection = self._connection
        if connection is None:
            return
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                for statement, rows in statements:
                    connection.executemany(statement, rows)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            self._fail(error)

    def _fail(self, error: sqlite3.Error) -> None:
        """Make a damaged file anew; where it is locked, full or not to be written, the next time may do better."""
        if isinstance(error, sqlite3.OperationalError) and "no such" not in str(error):
            return
        _close(self._connection)
        self._connection = None
        if self.file is not None and _removed(self.file):
            self._open(self.file)


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the tables where they are missing."""
    present = connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0]
    connection.execute("PRAGMA synchronous = OFF")  # a file that was cut short is noticed and replaced
    if present < _TABLES.count("CREATE TABLE"):
        connection.execute("BEGIN IMMEDIATE")
        for statement in _TABLES.split(";"):
            connection.execute(statement)
        connection.execute("COMMIT")


def _file_name() -> str:
    """Name the file after Python and the sources that decide what is in it."""
    digest = 0
    for maker in _MAKERS:
        try:
            digest = zlib.crc32(Path(__file__).with_name(f"{maker}.py").read_bytes(), digest)
        except OSError:  # installed without sources
            digest = zlib.crc32(__version__.encode(), digest)
    version = "".join(map(str, sys.version_info[:2]))
    return f"targets-py{version}-{sys.platform}-{digest:08x}.sqlite"


def _clear_out(file: Path) -> None:
    """Remove the files of other versions that nobody has written for long."""
    for other in file.parent.glob("targets-*.sqlite"):
        try:
            if other != file and time.time() - other.stat().st_mtime > _MOST_DAYS * 86_400:
                other.unlink()
        except OSError:
            continue


def _removed(file: Path) -> bool:
    try:
        for name in (file, file.with_name(file.name + "-journal")):
            name.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        with suppress(sqlite3.Error):
            connection.close()


def _text(path: str) -> str:
    """Write a path as text that a database takes: names of files may hold bytes that are no UTF-8."""
    return path.encode("utf-8", "backslashreplace").decode()


def _packed(rows: Any) -> bytes:
    return zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), 1)


def _unpacked(blob: Any) -> Any:
    """Give what was packed; None for anything that is damaged: the checksum of zlib tells."""
    try:
        return json.loads(zlib.decompress(blob))
    except (ValueError, TypeError, zlib.error):
        return None


def _unpacked_facts(blob: Any) -> ModuleFacts | None:
    rows = _unpacked(blob)
    return ModuleFacts(*rows) if isinstance(rows, list) and len(rows) == len(ModuleFacts._fields) else None


def _unpacked_list(blob: Any) -> list[Any] | None:
    rows = _unpacked(blob)
    return rows if isinstance(rows, list) else None
