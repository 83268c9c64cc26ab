"""A web server on this computer that answers as a test tells it, and misbehaves where a test wants that."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    path: str
    headers: Mapping[str, str]
    method: str = "GET"
    body: bytes = b""

    @property
    def range(self) -> str:
        return self.headers.get("Range", "")


@dataclass
class Reply:
    """An answer.

    Attributes:
        length: what Content-Length says; None for the truth, -1 for no such header.
        stall: an event to wait for after the body was sent.
    """

    body: bytes | Iterator[bytes] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    stall: threading.Event | None = None


@dataclass
class File:
    """A file as a good server gives it: with parts, an ETag, and a cut after so many bytes when asked for."""

    content: bytes
    etag: str = '"one"'
    cuts: list[int] = field(default_factory=list)
    parts: bool = True

    def __call__(self, asked: Asked) -> Reply:
        size, start = len(self.content), 0
        headers = {"ETag": self.etag} if self.etag else {}
        if asked.range and self.parts and asked.headers.get("If-Range", self.etag) == self.etag:
            start = int(asked.range.removeprefix("bytes=").partition("-")[0])
            if start >= size:
                return Reply(b"", 416, {**headers, "Content-Range": f"bytes */{size}"})
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        body = self.content[start:]
        sent = body[: self.cuts.pop(0)] if self.cuts else body
        return Reply(sent, 206 if start else 200, headers, length=len(body))


Answering = Callable[[Asked], Reply]


class Server:
    """The server; `pages` maps paths, without their queries, to what answers."""

    def __init__(self) -> None:
        self.pages: dict[str, Answering] = {}
        self.asked: list[Asked] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                asked = Asked(self.path, dict(self.headers.items()), self.command, self.rfile.read(length))
                outer.asked.append(asked)
                answering = outer.pages.get(self.path.partition("?")[0], _nothing)
                self.close_connection = True
                reply = answering(asked)
                body = iter([reply.body]) if isinstance(reply.body, bytes) else reply.body
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if reply.length != -1 and isinstance(reply.body, bytes):
                    self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
                self.send_header("Connection", "close")
                self.end_headers()
                try:
                    if self.command != "HEAD":
                        for block in body:
                            self.wfile.write(block)
                    if reply.stall is not None:
                        self.wfile.flush()
                        reply.stall.wait(5)
                except OSError:
                    pass  # the other side has gone

            do_POST = do_PUT = do_HEAD = do_DELETE = do_GET

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def give(self, path: str, content: Any, **headers: str) -> None:
        """Answer a path with bytes, with a JSON document, or by a function."""
        if callable(content):
            self.pages[path] = content
            return
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.pages[path] = lambda _: Reply(body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def redirect(self, path: str, target: str, status: int = 302) -> None:
        self.pages[path] = lambda _: Reply(b"", status, {"Location": target})

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _nothing(_: Asked) -> Reply:
    return Reply(b"nothing here", 404)


@contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        yield server


def zipped(files: Mapping[str, bytes | str]) -> bytes:
    """Make a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()
