"""Download one file: resume it, hold it against its size and digests, and give it its name when it is right."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bundle_engine.errors import DownloadError
from bundle_engine.network.addresses import check_address, without_secrets
from bundle_engine.network.answers import Answer, Web, title_of
from bundle_engine.network.partial import Partial
from bundle_engine.network.progress import Progress, sized
from bundle_engine.network.retrying import Broken, persist

if TYPE_CHECKING:
    from requests import Response

__all__ = ["ALGORITHMS", "Fetched", "fetch", "fetch_json"]

ALGORITHMS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
"""Names of digests, and how many hexadecimal digits they have."""

_BLOCK = 1 << 18
_SPARE = 1 << 26  # bytes of the disk that are left alone
_MOST_JSON = 1 << 25
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"


class Fetched(NamedTuple):
    """A file that was downloaded.

    Attributes:
        path: where it is.
        url: the address that it came from in the end, without secrets.
        hosts: the hosts that were asked, one after the other.
        digests: its digests, for each algorithm that was asked for, and SHA-256.
    """

    path: Path
    url: str
    hosts: tuple[str, ...]
    digests: dict[str, str]


def fetch(
    url: str,
    target: str | os.PathLike[str],
    *,
    web: Web,
    progress: Progress,
    digests: Mapping[str, str] | None = None,
    archive: bool = False,
    name: str | None = None,
) -> Fetched:
    """Download a file, going on from what an earlier attempt left.

    It is collected beside `target` in a hidden file that ends in ``.part``, and gets its name when it is complete and
    has the digests that it should have. A cut connection is taken up again where it ended, if the server can do that
    and still has the same version of the file.

    Args:
        url: its address.
        target: the path to give it; a file that is there is replaced.
        web: how to ask.
        progress: told how far it is.
        digests: what its digests must be, by algorithm: ``md5``, ``sha1``, ``sha256``, ``sha512``.
        archive: whether it has to be a zip archive; anything else is told by its first bytes.
        name: what to call it; by default the name of `target`.

    Returns:
        what came.

    Raises:
        UsageError: when it is no address of a web server.
        NotPublishedError: when there is nothing at the address.
        DownloadError: when it cannot be had, or is not what it should be; no file is at `target` then that was not
            there before.
    """
    expected = {name.lower(): value.strip().lower() for name, value in (digests or {}).items()}
    with Partial(Path(target), check_address(url)) as part:
        job = _Job(url, part, web, progress, expected, archive, name or part.target.name)
        try:
            return persist(
                job.attempt,
                web.limits,
                what=f"'{without_secrets(url)}'",
                note=progress.note,
                received=lambda: part.size,
                kept=job.kept,
            )
        except DownloadError:
            raise
        except BaseException:  # Ctrl-C, or the end of the process
            if kept := job.kept():
                progress.note(kept)
            raise


class _Job:
    """The download of one file."""

    def __init__(
        self,
        url: str,
        part: Partial,
        web: Web,
        progress: Progress,
        expected: Mapping[str, str],
        archive: bool,
        name: str,
    ) -> None:
        self.url, self.part, self.web, self.progress = url, part, web, progress
        self.expected, self.archive, self.name = expected, archive, name
        self._hashes: _Hashes | None = None  # of what is there, once something came in this process
        self._encoded = False  # the server packs what it sends, so that offsets mean nothing

    def attempt(self) -> Fetched:
        """Ask for what is missing, and take it."""
        start = self._resumable()
        headers = {}
        if start:
            headers["Range"] = f"bytes={start}-"
            if self.part.validator:
                headers["If-Range"] = self.part.validator
        with self.web.ask(self.url, headers) as answer:
            response = answer.response
            if response.status_code == 416:
                self._past_the_end(response, start)
            else:
                if not (response.status_code == 206 and self._continues(response, start)):
                    self._begin_anew(response, start)
                self._take(response)
            return self._finish(answer)

    def kept(self) -> str | None:
        """Say what the next attempt can go on from."""
        size = self.part.size
        if not size or not (self.part.validator or self.expected):
            return None
        total = f" of {sized(self.part.total)}" if self.part.total else ""
        return f"{sized(size)}{total} are kept in '{self.part.path}'; the same command goes on from there"

    def _resumable(self) -> int:
        """Give the number of bytes to go on from; 0 where what is there cannot be trusted to be a beginning."""
        size = self.part.size
        if self._encoded or (self._hashes is None and not (self.part.validator or self.expected)):
            return 0
        return size

    def _continues(self, response: Response, start: int) -> bool:
        """Tell whether a partial answer is the rest of what is there."""
        found = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        etag = response.headers.get("ETag", "")
        if found is None or int(found[1]) != start or _encoding(response):
            raise self._anew("the server sent another part of the file than the one it was asked for")
        total = int(found[3]) if found[3] != "*" else None
        if self.part.total is not None and total not in (None, self.part.total):
            raise self._anew("the file on the server is another one now")
        if etag and self.part.etag and etag != self.part.etag:
            raise self._anew("the file on the server is another one now")
        self.part.total = total if total is not None else self.part.total
        self._hash_what_is_there()
        self.progress.begin(self.name, self.part.total, start)
        return True

    def _begin_anew(self, response: Response, start: int) -> None:
        if response.status_code == 206:
            raise self._anew("the server sent a part of the file, and was asked for the whole")
        if start:
            self.progress.note(f"{self.name}: begun anew, for the server has another version, or sends no parts")
        self._encoded = bool(_encoding(response))
        length = response.headers.get("Content-Length", "").strip()
        total = int(length) if length.isdigit() and not self._encoded else None
        self.part.begin(response.headers, total)
        self._hashes = _Hashes(self.expected)
        self._check_room(total)
        self.progress.begin(self.name, total)

    def _anew(self, reason: str) -> Broken:
        """Forget what is there, so that the next attempt begins anew."""
        self.part.begin({}, None)
        self._hashes = None
        return Broken(reason, wait=0)

    def _past_the_end(self, response: Response, start: int) -> None:
        """Understand that nothing is left to send: the file is complete, or it is another one."""
        size = response.headers.get("Content-Range", "").rpartition("/")[2].strip()
        if not start or size != str(start) or self.part.total not in (None, start):
            raise self._anew("the file on the server is not as long as the server said")
        self._hash_what_is_there()
        self.progress.begin(self.name, start, start)

    def _hash_what_is_there(self) -> None:
        if self._hashes is None:
            self._hashes = _Hashes(self.expected)
            self.part.file.seek(0)
            while block := self.part.file.read(_BLOCK):
                self._hashes.update(block)
        self.part.file.seek(0, os.SEEK_END)

    def _take(self, response: Response) -> None:
        assert self._hashes is not None
        size = self.part.size
        head = b"" if size == 0 else None
        page = "html" in response.headers.get("Content-Type", "") and not self.name.endswith((".html", ".htm"))
        for block in _blocks(response, self.web.limits.window, self.web.limits.slowest):
            size += len(block)
            if size > self.web.limits.most_bytes:
                self.part.discard()
                raise self._too_large(None)
            if head is not None:
                head += block
                if len(head) >= 4:
                    self._check_head(head, page)
                    head = None if len(head) >= 512 or self.archive else head
            self._write(block)
            self._hashes.update(block)
            self.progress.advance(len(block))
        if head or (head is not None and self.archive):
            self._check_head(head, page)
        if self.part.total is not None and size < self.part.total:
            raise Broken(f"the connection was cut after {sized(size)} of {sized(self.part.total)}")
        if self.part.total is not None and size > self.part.total:
            raise self._anew(f"the server announced {self.part.total} bytes and sent more")

    def _write(self, block: bytes) -> None:
        try:
            self.part.write(block)
        except OSError as error:
            raise DownloadError(
                f"cannot write '{self.part.path}': {error.strerror or error}", hint=self.kept()
            ) from error

    def _check_head(self, head: bytes, page: bool) -> None:
        """Refuse a web page, and what is no archive, by their first bytes."""
        if self.archive and head.startswith((_ZIP, _EMPTY_ZIP)):
            return
        title = title_of(head)
        shown = without_secrets(self.url)
        if title is not None and (page or self.archive):
            self.part.discard()
            named = f" with the title '{title}'" if title else ""
            raise DownloadError(
                f"'{shown}' gives a web page{named}, and no {'zip archive' if self.archive else 'file'}",
                hint="open it in a browser: it may ask to log in or to agree, or link to the file itself",
            )
        if self.archive:
            self.part.discard()
            raise DownloadError(
                f"'{shown}' gives no zip archive: it begins with {head[:8]!r}", hint="is the address right?"
            )

    def _check_room(self, total: int | None) -> None:
        if total is None:
            return
        if total > self.web.limits.most_bytes:
            self.part.discard()
            raise self._too_large(total)
        with suppress(OSError):
            free = shutil.disk_usage(self.part.path.parent).free
            if total + _SPARE > free:
                self.part.discard()
                raise DownloadError(
                    f"'{self.name}' has {sized(total)}, and '{self.part.path.parent}' has room for {sized(free)}",
                    hint="make room, or download to another folder",
                )

    def _too_large(self, total: int | None) -> DownloadError:
        size = f"is {sized(total)} large, and" if total else "is larger than allowed:"
        return DownloadError(
            f"'{without_secrets(self.url)}' {size} {sized(self.web.limits.most_bytes)} is the most that is taken",
            hint="if it is meant to be so large, say so: --max_size 100GB",
        )

    def _finish(self, answer: Answer) -> Fetched:
        assert self._hashes is not None
        found = self._hashes.hexdigests()
        for name, value in self.expected.items():
            if found[name] != value:
                size = self.part.size
                self.part.discard()
                raise DownloadError(
                    f"'{without_secrets(self.url)}' is not the file that was expected: its {name.upper()} is"
                    f" {found[name]} ({sized(size)}), not {value}",
                    hint="it was removed; ask the publisher for the right digest, or who changed the file",
                )
        self.part.finish()
        self.progress.finish()
        return Fetched(self.part.target, answer.url, answer.hosts, found)


class _Hashes:
    """Digests that grow with the file."""

    def __init__(self, names: Mapping[str, str]) -> None:
        wanted = {"sha256", *names}
        self._each = {name: hashlib.new(name, usedforsecurity=False) for name in sorted(wanted)}

    def update(self, block: bytes) -> None:
        for each in self._each.values():
            each.update(block)

    def hexdigests(self) -> dict[str, str]:
        return {name: each.hexdigest() for name, each in self._each.items()}


def fetch_json(url: str, *, web: Web, headers: Mapping[str, str] | None = None) -> Any:
    """Download a JSON document.

    Args:
        url: its address.
        web: how to ask.
        headers: further headers, which are no secret.

    Raises:
        NotPublishedError: when there is nothing at the address.
        DownloadError: when it cannot be had, or is no JSON.
    """
    import json

    shown = without_secrets(url)

    def attempt() -> bytes:
        with web.ask(url, {"Accept": "application/json", **(headers or {})}) as answer:
            content = bytearray()
            for block in _blocks(answer.response, web.limits.window, web.limits.slowest):
                content += block
                if len(content) > _MOST_JSON:
                    raise DownloadError(f"'{shown}' gives more than {sized(_MOST_JSON)}")
            length = answer.response.headers.get("Content-Length", "")
            if length.isdigit() and not _encoding(answer.response) and len(content) < int(length):
                raise Broken(f"the connection was cut after {len(content)} of {length} bytes")
            return bytes(content)

    content = persist(attempt, web.limits, what=f"'{shown}'", note=web.note)
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        kind = "a web page" if title_of(content[:512]) is not None else f"no JSON: it begins with {content[:20]!r}"
        raise DownloadError(f"'{shown}' gives {kind}", hint="is the address right?") from None


def _encoding(response: Response) -> str:
    """Give how the body is packed; empty where it is not."""
    name = response.headers.get("Content-Encoding", "").strip().lower()
    return "" if name == "identity" else name


def _blocks(response: Response, window: float, slowest: int) -> Iterator[bytes]:
    """Give the body as it comes, unpacked.

    Raises:
        Broken: when the connection is cut, stands still or is too slow.
    """
    encoding = _encoding(response)
    raw = _raw_blocks(response, window, slowest)
    if not encoding:
        yield from raw
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise DownloadError(f"the server packs what it sends in a way that was not asked for: {encoding!r}")
    unpacker = zlib.decompressobj(wbits=47)  # gzip or zlib, told by the first bytes
    received = 0
    try:
        for block in raw:
            received += len(block)
            while block:
                yield unpacker.decompress(block, _BLOCK)
                block = unpacker.unconsumed_tail
        yield unpacker.flush()
    except zlib.error:
        raise DownloadError(f"the server says that it sends {encoding}, and sends something else") from None
    length = response.headers.get("Content-Length", "").strip()
    if not unpacker.eof or (length.isdigit() and received < int(length)):
        raise Broken(f"the connection was cut after {sized(received)}")


def _raw_blocks(response: Response, window: float, slowest: int) -> Iterator[bytes]:
    import http.client

    import urllib3

    read = _reader(response)
    since, received = time.monotonic(), 0
    while True:
        try:
            block = read()
        except (urllib3.exceptions.ReadTimeoutError, TimeoutError):
            raise Broken("the server stopped sending") from None
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError):
            raise Broken("the connection was cut") from None
        if not block:
            return
        yield block
        received += len(block)
        now = time.monotonic()
        if now - since >= window:
            if received < slowest * (now - since):
                raise Broken(f"the server sends less than {sized(slowest)} a second")
            since, received = now, 0


def _reader(response: Response) -> Callable[[], bytes]:
    """Give what reads the next bytes as soon as there are some, and does not wait for a whole block."""
    raw = response.raw
    if hasattr(raw, "read1"):
        return lambda: raw.read1(_BLOCK, decode_content=False)
    return lambda: raw.read(1 << 12, decode_content=False)
