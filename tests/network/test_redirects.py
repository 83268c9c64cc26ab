"""Where a redirect may lead, and who gets to see a password."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.errors import DownloadError
from bundle_engine.network.addresses import check_redirect, direct, is_local, split_credentials, without_secrets
from bundle_engine.network.answers import Web
from bundle_engine.network.progress import Progress
from bundle_engine.network.transfer import fetch
from tests.network.server import Asked, Reply, Server, serving


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A proxy that stands for all http servers of the world; its pages are whole addresses."""
    with serving() as each:
        monkeypatch.setenv("http_proxy", each.url)
        monkeypatch.setenv("no_proxy", "")
        yield each


@pytest.fixture
def get(limits: Any, tmp_path: Path) -> Any:
    def fetch_url(url: str, **options: Any) -> Any:
        return fetch(url, tmp_path / "file", web=Web(limits, **options), progress=Progress())

    return fetch_url


def test_a_redirect_within_the_host_is_followed(get, server, tmp_path):
    server.redirect("/a", "/b?x=1", 301)
    server.redirect("/b", f"{server.url}/c", 307)
    server.give("/c", b"content")
    got = get(f"{server.url}/a")
    assert (tmp_path / "file").read_bytes() == b"content"
    assert (got.url, got.hosts) == (f"{server.url}/c", ("127.0.0.1",))
    assert server.paths == ["/a", "/b?x=1", "/c"]


def test_another_host_is_noted(get, world, caplog):
    caplog.set_level(logging.INFO)
    world.redirect("http://a.example/file", "http://b.example/there?signature=secret")
    world.give("http://b.example/there", b"content")
    got = get("http://a.example/file")
    assert (got.url, got.hosts) == ("http://b.example/there", ("a.example", "b.example"))
    assert "redirected from a.example to b.example" in caplog.text
    assert "secret" not in caplog.text


def test_a_password_goes_to_its_own_host_only(get, world):
    world.redirect("http://a.example/file", "http://a.example/second")
    world.redirect("http://a.example/second", "http://other:login@b.example/there")
    world.give("http://b.example/there", b"content")
    get("http://user:pass%40word@a.example/file", headers={"X-Token": "secret"})
    first, second, third = world.asked
    assert first.headers["Authorization"] == second.headers["Authorization"] == "Basic dXNlcjpwYXNzQHdvcmQ="
    assert first.headers["X-Token"] == second.headers["X-Token"] == "secret"
    assert not {"Authorization", "X-Token"} & set(third.headers)
    assert first.path == "http://a.example/file"


def test_another_port_is_another_server(get, server):
    with serving() as other:
        server.redirect("/file", f"{other.url}/file")
        other.give("/file", b"content")
        get(f"{server.url}/file", headers={"Authorization": "Bearer secret"})
        assert server.asked[0].headers["Authorization"] == "Bearer secret"
        assert "Authorization" not in other.asked[0].headers


def test_netrc_is_left_alone(get, server, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.give("/file", b"content")
    get(f"{server.url}/file")
    assert "Authorization" not in server.asked[0].headers


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("file:///etc/passwd", "stays with http and https"),
        ("ftp://a.example/file", "stays with http and https"),
        ("javascript:alert(1)", "stays with http and https"),
        ("http://[oops", "what is no address"),
        ("http://b.example:port/", "which is no address"),
        ("http://localhost:8080/file", "this computer, or one in a private network"),
        ("http://127.0.0.1/file", "this computer, or one in a private network"),
        ("http://127.1/file", "this computer, or one in a private network"),
        ("http://0x7f000001/file", "this computer, or one in a private network"),
        ("http://[::1]/file", "this computer, or one in a private network"),
        ("http://[::ffff:10.0.0.1]/file", "this computer, or one in a private network"),
        ("http://169.254.169.254/latest/meta-data", "this computer, or one in a private network"),
        ("http://192.168.1.1/file", "this computer, or one in a private network"),
        ("http://evil.example/file", "not known to use the host 'evil.example'"),
        ("http://notb.example/file", "not known to use the host 'notb.example'"),
    ],
)
def test_redirects_that_are_refused(get, world, tmp_path, target, message):
    world.redirect("http://a.example/file", target)
    world.give("http://localhost:8080/file", b"secret")
    with pytest.raises(DownloadError, match=message):
        get("http://a.example/file", hosts=("a.example", ".b.example"))
    assert world.paths == ["http://a.example/file"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", ["http://b.example/f", "http://c.b.example/f"])
def test_hosts_that_a_source_uses(get, world, target):
    world.redirect("http://a.example/file", target)
    world.give(target, b"content")
    assert get("http://a.example/file", hosts=(".b.example",)).url == target


def test_a_public_name_for_a_private_address_is_refused(get, server, monkeypatch, tmp_path):
    """The names are looked up; the test stands in for the name server."""
    import socket

    addresses = {"a.example": "93.184.216.34", "b.example": "10.0.0.1"}
    web = Web(None)  # type: ignore[arg-type]

    def look_up(host: str, *_: Any, **__: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (addresses[host], 0))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(DownloadError, match="that name stands for an address in a private network"):
        web._check_resolved("https://a.example/", "https://a.example/", "https://b.example/x")
    addresses["a.example"] = "198.18.0.1"  # a proxy answers for all names
    web._check_resolved("https://a.example/", "https://a.example/", "https://b.example/x")


def test_https_never_becomes_http():
    with pytest.raises(DownloadError, match="give up the encryption"):
        check_redirect("https://a.example/", "https://a.example/", "http://a.example/", None)
    check_redirect("http://a.example/", "http://a.example/", "https://a.example/", None)


def test_a_circle_is_told(get, server):
    server.redirect("/a", "/b")
    server.redirect("/b", "/a")
    with pytest.raises(DownloadError, match="redirects in a circle"):
        get(f"{server.url}/a")
    assert len(server.asked) == 2


def test_redirects_without_end_are_left(get, server):
    def further(asked: Asked) -> Reply:
        return Reply(b"", 302, {"Location": f"/a?n={len(server.asked)}"})

    server.give("/a", further)
    with pytest.raises(DownloadError, match="redirects more than 10 times"):
        get(f"{server.url}/a")
    assert len(server.asked) == 11


def test_the_body_of_a_redirect_is_not_read(get, server):
    sent = [0]

    def zeros() -> Iterator[bytes]:
        for _ in range(10_000):
            sent[0] += 1_000_000
            yield bytes(1_000_000)

    server.give("/a", lambda _: Reply(zeros(), 302, {"Location": "/b"}))
    server.give("/b", b"content")
    get(f"{server.url}/a")
    assert sent[0] < 50_000_000


SECRETS = ("hunter2", "t0ken", "s1gned", "fr4gment")


@pytest.mark.parametrize("status", [200, 302, 404, 403, 429, 500, 418])
def test_secrets_are_in_no_message_and_in_no_log(limits, server, tmp_path, caplog, status):
    caplog.set_level(logging.DEBUG)
    host = server.url.removeprefix("http://")
    server.give("/there", b"<html>")
    server.give("/file", lambda _: Reply(b"<html>", status, {"Location": f"http://u:s1gned@{host}/x?k=s1gned"}))
    notes: list[str] = []

    class Notes(Progress):
        def note(self, text: str) -> None:
            notes.append(text)

    web = Web(limits, headers={"Authorization": "Bearer t0ken"}, note=notes.append)
    url = f"http://user:hunter2@{host}/file?token=t0ken#fr4gment"
    with pytest.raises(DownloadError) as caught:
        fetch(url, tmp_path / "file", web=web, progress=Notes(), archive=True)
    told = "".join(traceback.format_exception(caught.value)) + caplog.text + "\n".join(notes)
    assert f"{server.url}/" in told
    assert not [secret for secret in SECRETS if secret in told]
    assert "urllib3" in caplog.text


def test_secrets_are_in_no_message_when_nothing_answers(limits, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    url = "http://user:hunter2@127.0.0.1:9/?k=t0ken"
    with pytest.raises(DownloadError) as caught:
        fetch(url, tmp_path / "file", web=Web(limits), progress=Progress())
    told = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert not [secret for secret in SECRETS if secret in told]


def test_secrets_are_not_in_the_record_of_a_partial_file(limits, server, tmp_path):
    server.give("/file", lambda _: Reply(b"x" * 10, length=20, headers={"ETag": '"one"'}))
    host = server.url.removeprefix("http://")
    with pytest.raises(DownloadError):
        fetch(f"http://u:hunter2@{host}/file?t0ken", tmp_path / "file", web=Web(limits), progress=Progress())
    record = (tmp_path / ".file.part.json").read_text()
    assert not [secret for secret in SECRETS if secret in record]


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("a.localhost", True),
        ("nas.local", True),
        ("2130706433", True),
        ("fe80::1%eth0", True),
        ("100.64.0.1", True),
        ("0.0.0.0", True),
        ("8.8.8.8", False),
        ("2606:4700::1111", False),
        ("github.com", False),
        ("localhost.example.org", False),
    ],
)
def test_what_is_local(host, local):
    assert is_local(host) is local


def test_addresses_without_secrets():
    assert without_secrets("https://u:p@a.example:8443/b?c=d#e") == "https://a.example:8443/b"
    assert split_credentials("https://u@a.example/b") == ("https://a.example/b", "Basic dTo=")
    assert split_credentials("https://a.example/b@c") == ("https://a.example/b@c", None)


@pytest.mark.parametrize(
    "url", ["https://drive.google.com/file/d/1UF-_x/view?usp=sharing", "https://drive.google.com/uc?id=1UF-_x"]
)
def test_a_page_of_google_drive_stands_for_its_file(url):
    assert direct(url) == "https://drive.usercontent.google.com/download?id=1UF-_x&export=download&confirm=t"


def test_other_addresses_stand_for_themselves():
    assert direct("https://a.example/file/d/1/view") == "https://a.example/file/d/1/view"
    assert direct("https://drive.google.com/drive/my-drive") == "https://drive.google.com/drive/my-drive"
