"""One file from a server that may misbehave: what is taken up again, told, or shown."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from bundle_engine.errors import DownloadError, NotPublishedError, UsageError
from bundle_engine.network.answers import Web
from bundle_engine.network.limits import Limits
from bundle_engine.network.partial import partial_file
from bundle_engine.network.progress import Progress, progress_of, sized
from bundle_engine.network.transfer import Fetched, fetch
from tests.network.content import CONTENT, SHA256, Notes, left
from tests.network.server import Asked, File, Reply


def test_a_file_comes_whole_and_with_its_digests(get, server, tmp_path):
    server.give("/file", File(CONTENT))
    got = get(digests={"sha256": SHA256.upper(), "md5": hashlib.md5(CONTENT).hexdigest()})
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert got == Fetched(
        tmp_path / "file",
        f"{server.url}/file",
        ("127.0.0.1",),
        {"sha256": SHA256, "md5": hashlib.md5(CONTENT).hexdigest()},
    )
    assert left(tmp_path) == ["file"]
    assert server.asked[0].headers["Accept-Encoding"] == "identity"


def test_a_cut_connection_is_taken_up_where_it_ended(get, server, tmp_path):
    server.give("/file", File(CONTENT, cuts=[100_000, 50_000]))
    seen = Notes()
    get(progress=seen)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert [asked.range for asked in server.asked] == ["", "bytes=100000-", "bytes=150000-"]
    assert server.asked[1].headers["If-Range"] == '"one"'
    assert seen.notes[0] == "the connection was cut; trying again in 0.01 s"


def test_many_cuts_are_fine_while_something_comes(get, server, tmp_path, limits):
    server.give("/file", File(CONTENT, cuts=[70_000] * 4))
    get(limits=replace(limits, attempts=2))
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert len(server.asked) == 5


def test_the_next_call_goes_on_from_what_is_kept(get, server, tmp_path, limits):
    server.give("/file", File(CONTENT, cuts=[100_000, 0, 0, 0]))
    with pytest.raises(DownloadError, match=r"the connection was cut.* \(3 attempts\)") as caught:
        get()
    assert caught.value.hint == (
        f"100.0 kB of 300.0 kB are kept in '{tmp_path / '.file.part'}'; the same command goes on from there"
    )
    assert left(tmp_path) == [".file.part", ".file.part.json"]
    server.give("/file", File(CONTENT))
    server.asked.clear()
    get(digests={"sha256": SHA256})
    assert [asked.range for asked in server.asked] == ["bytes=100000-"]
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert left(tmp_path) == ["file"]


def test_a_file_that_changed_in_between_begins_anew(get, server, tmp_path):
    other = os.urandom(250_000)
    server.give("/file", File(CONTENT, cuts=[100_000, 0, 0, 0]))
    with pytest.raises(DownloadError):
        get()
    server.give("/file", File(other, etag='"two"'))
    seen = Notes()
    get(progress=seen)
    assert (tmp_path / "file").read_bytes() == other
    assert seen.notes == ["file: begun anew, for the server has another version, or sends no parts"]


def test_a_server_that_mixes_versions_is_found_out(get, server, tmp_path):
    """It ignores If-Range, and gives the rest of another version."""
    other = os.urandom(300_000)
    answers = iter([File(CONTENT, cuts=[100_000]), File(other, etag='"two"'), File(other, etag='"two"')])

    def answer(asked: Asked) -> Reply:
        file = next(answers)
        headers = {name: value for name, value in asked.headers.items() if name != "If-Range"}
        return file(Asked(asked.path, headers))

    server.give("/file", answer)
    get()
    assert (tmp_path / "file").read_bytes() == other
    assert [asked.range for asked in server.asked] == ["", "bytes=100000-", ""]


@pytest.mark.parametrize("digests", [{}, {"sha256": SHA256}], ids=["unknown", "known"])
def test_without_a_version_only_a_digest_allows_to_go_on(get, server, tmp_path, digests):
    server.give("/file", File(CONTENT, etag="", cuts=[100_000, 0, 0]))
    with pytest.raises(DownloadError) as caught:
        get(digests=digests)
    assert "kept" in (caught.value.hint or "") if digests else caught.value.hint == "try again later"
    server.asked.clear()
    server.give("/file", File(CONTENT, etag=""))
    get(digests=digests)
    assert [asked.range for asked in server.asked] == (["bytes=100000-"] if digests else [""])
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_what_is_kept_of_another_address_is_not_used(get, server, tmp_path):
    server.give("/file", File(CONTENT, cuts=[100_000, 0, 0, 0]))
    server.give("/other", File(CONTENT[::-1]))
    with pytest.raises(DownloadError):
        get()
    get("/other")
    assert (tmp_path / "file").read_bytes() == CONTENT[::-1]
    assert server.asked[-1].range == ""


def test_a_server_without_parts_sends_all_again(get, server, tmp_path):
    server.give("/file", File(CONTENT, cuts=[100_000], parts=False))
    get()
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_all_was_there_already(get, server, tmp_path):
    """The process ended between the last byte and the new name."""
    server.give("/file", File(CONTENT, cuts=[100_000, 0, 0, 0]))
    with pytest.raises(DownloadError):
        get()
    partial_file(tmp_path / "file").write_bytes(CONTENT)
    server.give("/file", File(CONTENT))
    assert get().digests == {"sha256": SHA256}
    assert server.asked[-1].range == "bytes=300000-"
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_a_wrong_digest_leaves_nothing(get, server, tmp_path, algorithm):
    server.give("/file", File(CONTENT))
    right = hashlib.new(algorithm, CONTENT).hexdigest()
    wrong = "0" * len(right)
    with pytest.raises(DownloadError, match=f"its {algorithm.upper()} is {right} .300.0 kB., not {wrong}"):
        get(digests={algorithm: wrong})
    assert left(tmp_path) == []


def test_what_was_there_before_stays_when_a_download_fails(get, server, tmp_path):
    (tmp_path / "file").write_text("before")
    server.give("/file", File(CONTENT))
    with pytest.raises(DownloadError):
        get(digests={"sha256": "0" * 64})
    assert (tmp_path / "file").read_text() == "before"


def test_a_server_that_stands_still_is_cut(get, server, tmp_path):
    stall = threading.Event()
    server.give("/file", lambda _: Reply(CONTENT[:1000], length=len(CONTENT), headers={"ETag": '"one"'}, stall=stall))
    began = time.monotonic()
    with pytest.raises(DownloadError, match="the server stopped sending"):
        get()
    stall.set()
    assert time.monotonic() - began < 3
    assert partial_file(tmp_path / "file").stat().st_size == 1000


def test_a_server_that_dribbles_is_cut(get, server, limits):
    def drops() -> Any:
        while True:
            time.sleep(0.05)
            yield b"x"

    server.give("/file", lambda _: Reply(drops(), headers={"Content-Length": "1000000"}))
    with pytest.raises(DownloadError, match=r"the server sends less than 100 bytes a second"):
        get(limits=replace(limits, attempts=1))


def test_a_server_that_says_nothing_at_all(get, server, limits):
    stop = threading.Event()

    def wait(_: Asked) -> Reply:
        stop.wait(5)
        return Reply(b"")

    server.give("/file", wait)
    with pytest.raises(DownloadError, match=r"'127.0.0.1' took the question and does not answer \(2 attempts\)"):
        get(limits=replace(limits, attempts=2))
    stop.set()


def test_a_length_that_is_too_long_is_told(get, server, tmp_path):
    """The server announces more than it has, again and again."""
    server.give("/file", lambda _: Reply(CONTENT, length=len(CONTENT) + 10))
    with pytest.raises(DownloadError, match=r"the connection was cut"):
        get()
    assert not (tmp_path / "file").exists()


def test_a_length_that_is_too_short_is_found_by_the_digest(get, server, tmp_path):
    server.give("/file", lambda _: Reply(CONTENT, length=1000))
    with pytest.raises(DownloadError, match=r"not the file that was expected: .* \(1.0 kB\)"):
        get(digests={"sha256": SHA256})
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("status", "headers", "kind", "message"),
    [
        (404, {}, NotPublishedError, "answered 404 Not Found"),
        (410, {}, NotPublishedError, "answered 410 Gone"),
        (401, {}, DownloadError, "answered 401 Unauthorized: it does not give access"),
        (403, {}, DownloadError, "answered 403 Forbidden: it does not give access\n  help: is a token"),
        (403, {"X-RateLimit-Remaining": "0"}, DownloadError, "limit for anonymous questions is reached"),
        (302, {}, DownloadError, "answered 302 Found, but not where to"),
        (418, {}, DownloadError, "answered 418"),
    ],
)
def test_a_final_no_is_told_at_once(get, server, tmp_path, status, headers, kind, message):
    server.give("/file", lambda _: Reply(b"no", status, headers))
    with pytest.raises(kind, match=message) as caught:
        get()
    assert type(caught.value) is kind
    assert len(server.asked) == 1
    assert left(tmp_path) == []


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(get, server, tmp_path, status):
    answers = iter([Reply(b"", status), File(CONTENT)(Asked("/", {}))])
    server.give("/file", lambda _: next(answers))
    get()
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_retry_after_is_waited_for(get, server):
    answers = iter([Reply(b"", 429, {"Retry-After": "0"}), Reply(b"abc")])
    server.give("/file", lambda _: next(answers))
    seen = Notes()
    get(progress=seen)
    assert re.fullmatch(r"'http://.*/file' answered 429 Too Many Requests; trying again in 0 s", seen.notes[0])


@pytest.mark.parametrize("wait", ["3600", "Fri, 01 Jan 2100 00:00:00 GMT"], ids=["seconds", "date"])
def test_a_long_wait_is_told_instead(get, server, wait):
    server.give("/file", lambda _: Reply(b"", 429, {"Retry-After": wait}))
    with pytest.raises(DownloadError, match=r"answered 429 Too Many Requests, and asks to wait \d+ s"):
        get()
    assert len(server.asked) == 1


def test_nobody_listens(get, limits):
    with pytest.raises(DownloadError, match=r"'127.0.0.1' cannot be reached \(3 attempts\)"):
        get("http://127.0.0.1:9/file")


def test_what_answers_is_no_web_server(get, tmp_path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:

        def talk() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"220 mail ready\r\n")

        threading.Thread(target=talk, daemon=True).start()
        with pytest.raises(DownloadError, match=r"'127.0.0.1' (cannot be reached|answers what is no HTTP)"):
            get(f"http://127.0.0.1:{listening.getsockname()[1]}/x")
        listening.close()
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://a/b", "/etc/passwd", "http:///x", "https://a b/", "http://[x"]
)
def test_only_addresses_of_the_web_are_asked(get, tmp_path, url):
    with pytest.raises(UsageError):
        fetch(url, tmp_path / "file", web=Web(Limits()), progress=Progress())
    assert left(tmp_path) == []


def test_ctrl_c_keeps_what_is_there_and_says_how_to_go_on(get, server, tmp_path):
    class Stopping(Notes):
        def advance(self, count: int) -> None:
            super().advance(count)
            if self.done >= 100_000:
                raise KeyboardInterrupt

    server.give("/file", File(CONTENT))
    seen = Stopping()
    with pytest.raises(KeyboardInterrupt):
        get(progress=seen)
    kept = partial_file(tmp_path / "file").stat().st_size
    assert seen.notes == [
        f"{sized(kept)} of 300.0 kB are kept in '{tmp_path / '.file.part'}'; the same command goes on from there"
    ]
    server.asked.clear()
    get()
    assert [asked.range for asked in server.asked] == [f"bytes={kept}-"] if kept < 300_000 else True
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_two_at_once_do_not_mix(get, server, tmp_path, limits):
    server.give("/file", File(CONTENT))
    stall, started = threading.Event(), threading.Event()

    def slow(_: Asked) -> Reply:
        def blocks() -> Any:
            yield CONTENT[:1000]
            started.set()
            stall.wait(5)

        return Reply(blocks(), headers={"Content-Length": "300000"})

    server.give("/slow", slow)

    def fetch_slowly() -> None:
        with pytest.raises(DownloadError):
            get("/slow", limits=replace(limits, attempts=1))

    first = threading.Thread(target=fetch_slowly)
    first.start()
    started.wait(5)
    with pytest.raises(DownloadError, match="another process is downloading 'file'"):
        get()
    stall.set()
    first.join()


def test_a_link_in_place_of_the_partial_file_is_not_followed(get, server, tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("mine")
    partial_file(tmp_path / "file").symlink_to(outside)
    server.give("/file", File(CONTENT))
    get()
    assert outside.read_text() == "mine"


def test_plain_lines_where_there_is_no_terminal(capsys):
    with progress_of(True) as progress:
        progress.begin("model.zip", 2_000_000)
        progress.advance(2_000_000)
        progress.finish()
    assert capsys.readouterr() == ("", "model.zip: 2.0 MB, complete\n")
    with progress_of(False) as progress:
        progress.note("nothing")
    assert capsys.readouterr() == ("", "")


def test_a_bar_in_a_terminal(capsys, monkeypatch):
    import sys

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress_of(True) as progress:
        progress.begin("model.zip", 2_000_000)
        for _ in itertools.repeat(None, 4):
            progress.advance(500_000)
        progress.note("a note [with brackets]")
        progress.finish()
    err = capsys.readouterr().err
    assert "model.zip" in err
    assert "a note [with brackets]" in err
