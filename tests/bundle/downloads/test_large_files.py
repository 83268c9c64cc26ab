"""The large files of a bundle."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.bundle.large_files import download_large_files, missing_large_files
from bundle_engine.bundle.origin import BundleOrigin, write_origin
from bundle_engine.errors import DownloadError, InputError, InputNotFoundError, UsageError
from tests.bundle.downloads.bundles import FILES
from tests.network.server import File, Server

CONTENT = bytes(range(256)) * 400


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / "bundle" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path / "bundle"


@pytest.fixture
def get(bundle: Path, limits: Any) -> Any:
    def call(*rows: Any, name: str = "large_files.json", wrap: bool = True, **options: Any) -> list[str]:
        (bundle / name).write_text(json.dumps({"large_files": list(rows)} if wrap else rows[0]))
        brought = download_large_files(bundle, **{"progress": False, "limits": limits, **options})
        return [path.relative_to(bundle).as_posix() for path in brought]

    return call


def row(server: Server, path: str = "models/model.pt", **more: Any) -> dict[str, Any]:
    return {"path": path, "url": f"{server.url}/model.pt", **more}


def files(bundle: Path) -> list[str]:
    own = {*FILES, "large_files.json", "large_files.yml"}
    found = (path.relative_to(bundle).as_posix() for path in sorted(bundle.rglob("*")) if path.is_file())
    return [name for name in found if name not in own]


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256", "sha512"])
@pytest.mark.parametrize("named", [True, False], ids=["named", "by-its-length"])
def test_with_a_digest(get, server, bundle, kind, named):
    server.give("/model.pt", File(CONTENT))
    value = hashlib.new(kind, CONTENT).hexdigest()
    assert get(row(server, hash_val=value, hash_type=kind if named else "")) == ["models/model.pt"]
    assert (bundle / "models/model.pt").read_bytes() == CONTENT
    assert files(bundle) == ["models/model.pt"]


def test_as_the_model_zoo_writes_it(server, bundle, limits):
    server.give("/a/model.pt", File(CONTENT))
    (bundle / "large_files.yml").write_text(
        f'large_files:\n- path: "models/model.pt"\n  url: "{server.url}/a/model.pt"\n'
        f'  hash_val: "{hashlib.md5(CONTENT).hexdigest()}"\n  hash_type: "md5"\n'
        f'- path: "models/model.ts"\n  url: "{server.url}/a/model.pt"\n  hash_val: ""\n  hash_type: ""\n  fuzzy: true\n'
    )
    assert missing_large_files(bundle) == ["models/model.pt", "models/model.ts"]
    assert len(download_large_files(bundle, progress=False, limits=limits)) == 2
    assert missing_large_files(bundle) == []
    assert files(bundle) == ["models/model.pt", "models/model.ts"]


def test_the_same_comes_of_it_as_with_monai(get, server, bundle, tmp_path):
    from monai.bundle import download_large_files as of_monai

    server.give("/model.pt", File(CONTENT))
    wanted = row(server, hash_val=hashlib.md5(CONTENT).hexdigest(), hash_type="md5")
    get(wanted)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "large_files.json").write_text(json.dumps({"large_files": [wanted]}))
    of_monai(str(tmp_path / "theirs"))
    assert (tmp_path / "theirs/models/model.pt").read_bytes() == (bundle / "models/model.pt").read_bytes()


def test_a_wrong_digest_leaves_nothing(get, server, bundle):
    server.give("/model.pt", File(CONTENT))
    with pytest.raises(DownloadError, match="its MD5 is"):
        get(row(server, hash_val="0" * 32, hash_type="md5"))
    assert files(bundle) == []


def test_a_cut_connection_goes_on_the_next_time(get, server, bundle):
    wanted = row(server, hash_val=hashlib.md5(CONTENT).hexdigest(), hash_type="md5")
    server.give("/model.pt", File(CONTENT, etag="", cuts=[1000, 0, 0, 0]))
    with pytest.raises(DownloadError, match="the same command goes on"):
        get(wanted)
    server.give("/model.pt", File(CONTENT, etag=""))
    get(wanted)
    assert server.asked[-1].range == "bytes=1000-"
    assert (bundle / "models/model.pt").read_bytes() == CONTENT


def test_what_is_there_and_right_is_left_alone(get, server, bundle):
    (bundle / "models").mkdir()
    (bundle / "models/model.pt").write_bytes(CONTENT)
    assert get(row(server, hash_val=hashlib.sha1(CONTENT).hexdigest())) == []
    assert get(row(server)) == []
    assert server.asked == []


def test_what_is_there_and_wrong_is_told(get, server, bundle):
    (bundle / "models").mkdir()
    (bundle / "models/model.pt").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"is there already, and is not the file of the list.*\n  help: remove it"):
        get(row(server, hash_val=hashlib.sha1(CONTENT).hexdigest()))
    assert (bundle / "models/model.pt").read_bytes() == b"mine"


@pytest.mark.parametrize("path", ["../evil.pt", "/tmp/evil.pt", "models/../../evil.pt", "..\\evil.pt", "C:evil.pt"])
def test_paths_that_lead_out_of_the_bundle(get, server, bundle, path):
    server.give("/model.pt", File(CONTENT))
    with pytest.raises(InputError, match=r"the name .* is refused|id 'large_files::1'") as caught:
        get(row(server, "good.pt"), row(server, path))
    assert caught.value.id == "large_files::1"
    assert server.asked == []
    assert files(bundle) == []
    assert sorted(entry.name for entry in bundle.parent.iterdir()) == ["bundle"]


@pytest.mark.parametrize("path", ["models/model.pt", "out.pt"])
def test_links_that_lead_out_of_the_bundle(get, server, bundle, tmp_path, path):
    (tmp_path / "outside").mkdir()
    (bundle / "models").symlink_to(tmp_path / "outside")
    (bundle / "out.pt").symlink_to(tmp_path / "outside" / "new.pt")
    server.give("/model.pt", File(CONTENT))
    with pytest.raises(InputError, match="a link leads it out of its place"):
        get(row(server, path))
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"path": "a"}], "a large file needs 'path' and 'url'"),
        ([{"url": "http://a/b"}], "a large file needs 'path' and 'url'"),
        (["a"], "a large file needs 'path' and 'url'"),
        ([{"path": 3, "url": "http://a/b"}], "a large file needs 'path' and 'url'"),
        ([{"path": "a", "url": "file:///etc/passwd"}], "only addresses that begin with http"),
        ([{"path": "a", "url": "http://a/b", "hash_val": "12", "hash_type": "crc"}], "hash_type 'crc' is no kind"),
        ([{"path": "a", "url": "http://a/b", "hash_val": "12", "hash_type": "md5"}], "hash_val '12' is no md5"),
        ([{"path": "a", "url": "http://a/b", "hash_val": "z" * 32}], "is no md5"),
        ([{"path": "a", "url": "http://a/b"}, {"path": "a", "url": "http://a/c"}], "it is there twice"),
    ],
)
def test_lists_that_are_wrong(get, bundle, rows, message):
    with pytest.raises((InputError, UsageError), match=message):
        get(*rows)
    assert files(bundle) == []


@pytest.mark.parametrize("content", [{"large_file": []}, {"large_files": {}}, {"large_files": "a"}])
def test_what_is_no_list(get, content):
    with pytest.raises(InputError, match="no list of large files stands there"):
        get(content, wrap=False)


def test_there_is_no_list(bundle, tmp_path):
    with pytest.raises(InputNotFoundError, match="has no list of large files"):
        download_large_files(bundle)
    with pytest.raises(InputNotFoundError, match="there is no folder"):
        download_large_files(tmp_path / "nowhere")
    with pytest.raises(InputNotFoundError, match=r"weights\.yml"):
        download_large_files(bundle, "weights.yml")
    assert missing_large_files(bundle) == []


def test_a_list_by_its_name(get, server, bundle):
    server.give("/model.pt", File(CONTENT))
    assert get(row(server), name="weights.json", large_file_name="weights.json") == ["models/model.pt"]


def test_a_stranger_s_list_asks_no_server_of_this_computer(get, server, bundle):
    write_origin(bundle, BundleOrigin("github", "https://github.com/a/b.zip"))
    with pytest.raises(InputError, match="the bundle came from elsewhere, and the address is of this"):
        get(row(server))
    assert server.asked == []
    write_origin(bundle, BundleOrigin("url", f"{server.url}/b.zip"))
    server.give("/model.pt", File(CONTENT))
    assert get(row(server)) == ["models/model.pt"]


def test_a_web_page_is_no_large_file(get, server, bundle):
    server.give("/model.pt", b"<!DOCTYPE html><title>Too many downloads</title>", Content_Type="text/html")
    with pytest.raises(DownloadError, match="a web page with the title 'Too many downloads'"):
        get(row(server))
    assert files(bundle) == []


def test_a_size_above_the_limit(get, server, bundle):
    server.give("/model.pt", File(CONTENT))
    with pytest.raises(DownloadError, match=r"is 102.4 kB large, and 1.0 kB is the most"):
        get(row(server), max_size="1kB")
    assert files(bundle) == []


def test_on_the_command_line(cli, server, bundle, monkeypatch):
    monkeypatch.chdir(bundle)
    server.give("/model.pt", File(CONTENT))
    (bundle / "large_files.json").write_text(json.dumps({"large_files": [row(server)]}))
    assert cli("download_large_files") == (0, "models/model.pt\n", "models/model.pt: 102.4 kB, complete\n")
    assert cli("download_large_files", "--bundle_path", str(bundle)) == (0, "", "models/model.pt: is there already\n")
    (bundle / "large_files.json").unlink()
    code, out, err = cli("download_large_files", str(bundle))
    assert (code, out) == (2, "")
    assert "has no list of large files" in err
