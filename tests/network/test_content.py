"""What may come as a file, and how much of it: archives, web pages, bombs, packed content, JSON, sizes."""

from __future__ import annotations

import gzip
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from bundle_engine.errors import DownloadError, UsageError
from bundle_engine.network.answers import Web
from bundle_engine.network.limits import read_size
from bundle_engine.network.partial import partial_file
from bundle_engine.network.transfer import fetch_json
from tests.network.content import CONTENT, SHA256, left
from tests.network.server import Asked, File, Reply, zipped

PAGE = b"<!DOCTYPE html><html><head><title>Please log in\n</title></head><body>...</body></html>"


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/zip"])
def test_a_web_page_is_no_archive(get, server, tmp_path, kind):
    server.give("/file", PAGE, Content_Type=kind)
    with pytest.raises(DownloadError, match="gives a web page with the title 'Please log in', and no zip archive"):
        get(archive=True)
    assert left(tmp_path) == []


def test_a_web_page_is_no_file(get, server, tmp_path):
    server.give("/file", PAGE, Content_Type="text/html")
    with pytest.raises(DownloadError, match="gives a web page with the title 'Please log in', and no file"):
        get()
    assert left(tmp_path) == []


@pytest.mark.parametrize("body", [b"", b"PK", b"\x1f\x8b not a zip"], ids=["empty", "short", "other"])
def test_what_begins_as_no_archive_is_none(get, server, tmp_path, body):
    server.give("/file", body)
    with pytest.raises(DownloadError, match="gives no zip archive: it begins with"):
        get(archive=True)
    assert left(tmp_path) == []


def test_an_archive_is_one(get, server):
    server.give("/file", zipped({"a/b.txt": "c"}))
    assert get(archive=True).path.stat().st_size > 0


def zeros(sent: list[int]) -> Any:
    def answer(_: Asked) -> Reply:
        def blocks() -> Any:
            for _ in range(10_000):  # 10 GB
                sent[0] += 1_000_000
                yield bytes(1_000_000)

        return Reply(blocks())

    return answer


def test_ten_gigabytes_of_zeros_stop_at_the_limit(get, server, tmp_path, limits):
    sent = [0]
    server.give("/file", zeros(sent))
    largest = 0
    watching = threading.Event()

    def watch() -> None:
        nonlocal largest
        while not watching.is_set():
            path = partial_file(tmp_path / "file")
            largest = max(largest, path.stat().st_size if path.exists() else 0)
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with pytest.raises(DownloadError, match=r"is larger than allowed: 5.0 MB is the most that is taken"):
        get(limits=replace(limits, most_bytes=5_000_000))
    watching.set()
    watcher.join()
    assert largest <= 5_000_000
    assert sent[0] < 50_000_000
    assert left(tmp_path) == []


def test_ten_gigabytes_of_zeros_are_no_archive(get, server, tmp_path):
    sent = [0]
    server.give("/file", zeros(sent))
    with pytest.raises(DownloadError, match="gives no zip archive"):
        get(archive=True)
    assert sent[0] < 50_000_000
    assert left(tmp_path) == []


def test_a_size_above_the_limit_is_refused_before_it_comes(get, server, tmp_path, limits):
    server.give("/file", lambda _: Reply(b"x", length=10**10))
    with pytest.raises(DownloadError, match=r"is 10.0 GB large, and 1.0 MB is the most"):
        get(limits=replace(limits, most_bytes=1_000_000))
    assert left(tmp_path) == []


def test_a_size_above_the_room_on_the_disk_is_refused(get, server, tmp_path, limits):
    server.give("/file", lambda _: Reply(b"x", length=10**17))
    with pytest.raises(DownloadError, match=r"'file' has 100000.0 TB, and .* has room for"):
        get(limits=replace(limits, most_bytes=10**18))
    assert left(tmp_path) == []


def test_a_gzip_bomb_stops_at_the_limit(get, server, tmp_path, limits):
    server.give("/file", gzip.compress(bytes(50_000_000)), Content_Encoding="gzip")
    with pytest.raises(DownloadError, match="larger than allowed"):
        get(limits=replace(limits, most_bytes=1_000_000))
    assert left(tmp_path) == []


def test_packed_though_nobody_asked(get, server, tmp_path):
    server.give("/file", gzip.compress(CONTENT), Content_Encoding="gzip", ETag='"one"')
    assert get(digests={"sha256": SHA256}).digests == {"sha256": SHA256}
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_what_is_packed_is_never_taken_up_in_the_middle(get, server, tmp_path):
    packed = gzip.compress(CONTENT)
    file = File(packed, cuts=[100_000])

    def answer(asked: Asked) -> Reply:
        reply = file(asked)
        reply.headers["Content-Encoding"] = "gzip"
        return reply

    server.give("/file", answer)
    get()
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert [asked.range for asked in server.asked] == ["", ""]


@pytest.mark.parametrize(
    ("encoding", "message"),
    [("gzip", "says that it sends gzip, and sends something else"), ("br", "not asked for: 'br'")],
)
def test_packed_in_a_way_that_cannot_be_read(get, server, tmp_path, encoding, message):
    server.give("/file", CONTENT, Content_Encoding=encoding)
    with pytest.raises(DownloadError, match=message):
        get()
    assert left(tmp_path) == []


def test_json(server, limits):
    server.give("/a.json", {"a": [1]})
    assert fetch_json(f"{server.url}/a.json", web=Web(limits)) == {"a": [1]}


@pytest.mark.parametrize(
    ("body", "message"),
    [(PAGE, "gives a web page"), (b"{oops", "gives no JSON: it begins with b'{oops'"), (b"\xff\xfe", "gives no JSON")],
)
def test_what_is_no_json(server, limits, body, message):
    server.give("/a.json", body)
    with pytest.raises(DownloadError, match=message):
        fetch_json(f"{server.url}/a.json", web=Web(limits))


def test_endless_json_is_not_read(server, limits):
    sent = [0]
    server.give("/a.json", zeros(sent))
    with pytest.raises(DownloadError, match=r"gives more than 33.6 MB"):
        fetch_json(f"{server.url}/a.json", web=Web(limits))


@pytest.mark.parametrize(
    ("text", "size"), [("500MB", 5 * 10**8), ("2 GiB", 2 << 30), ("1.5k", 1500), ("17", 17), (5, 5), ("1TB", 10**12)]
)
def test_sizes(text, size):
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "many", "5 apples", "1e3"])
def test_what_is_no_size(text):
    with pytest.raises(UsageError, match="is no size"):
        read_size(text)
