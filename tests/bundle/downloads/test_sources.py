"""Download a bundle from each source: github, monaihosting, ngc, ngc_private and huggingface_hub."""

from __future__ import annotations

import hashlib
import json
import logging

import pytest

from bundle_engine.bundle.digests import digest_of, tree_digests
from bundle_engine.bundle.origin import read_origin
from bundle_engine.errors import BundleEngineWarning, DownloadError, InputError, NotPublishedError, UsageError
from tests.bundle.downloads.bundles import ARCHIVE, FILES, SHA256, Hub, archive_of, files_in, left, missing, no_revision
from tests.network.server import Reply, Server

pytestmark = pytest.mark.usefixtures("sources")

INFO = "/Project-MONAI/model-zoo/dev/models/model_info.json"
ZIP = "/models/nvidia/monaihosting/spleen/versions/0.10.0/files/spleen_v0.10.0.zip"


def test_github_by_version(get, server, tmp_path):
    path = "/Project-MONAI/model-zoo/releases/download/hosting_storage_v1/spleen_v0.9.0.zip"
    server.give(path, ARCHIVE)
    folder = get("spleen", "0.9.0", source="github")
    assert files_in(folder) == FILES
    assert server.paths == [path]
    origin = read_origin(folder)
    assert (origin.source, origin.url, origin.version) == ("github", server.url + path, "0.9.0")


@pytest.mark.parametrize("digest", [None, f"sha256:{SHA256}", "sha256:" + "0" * 64], ids=["none", "right", "wrong"])
def test_github_takes_the_newest_version(get, server, tmp_path, digest):
    names = ["spleen_v0.9.0.zip", "spleen_v0.10.0.zip", "spleen_v0.11.0rc1.zip", "other_v2.zip"]
    assets = [{"name": name, "browser_download_url": "", "digest": digest} for name in names]
    server.give("/repos/me/zoo/releases", [{"tag_name": "v1", "assets": assets}])
    server.give("/me/zoo/releases/download/v1/spleen_v0.10.0.zip", ARCHIVE)
    if digest == "sha256:" + "0" * 64:
        with pytest.raises(DownloadError, match="not the file that was expected"):
            get("spleen", source="github", repo="me/zoo/v1")
        assert left(tmp_path) == []
    else:
        assert read_origin(get("spleen", source="github", repo="me/zoo/v1")).version == "0.10.0"


def test_github_gives_no_other_hosts(get, server, monkeypatch, tmp_path):
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("BUNDLE_ENGINE_GITHUB_URL", "http://github.example")
    path = "http://github.example/Project-MONAI/model-zoo/releases/download/hosting_storage_v1"
    server.redirect(f"{path}/spleen_v1.zip", "http://objects.githubusercontent.com/x?sig=secret")
    server.give("http://objects.githubusercontent.com/x", ARCHIVE)
    assert read_origin(get("spleen", "1", source="github")).served_by == "objects.githubusercontent.com"
    server.redirect(f"{path}/spleen_v2.zip", "http://evil.example/x")
    with pytest.raises(DownloadError, match=r"not known to use the host 'evil.example'"):
        get("spleen", "2", source="github", overwrite=True)


LIST = {f"{name}_v{version}": {"source": "x"} for name in ("spleen", "spleen_ct") for version in ("0.9.0", "0.10.0")}


@pytest.mark.parametrize(
    ("name", "version", "hint"),
    [
        ("spleen", "0.11.0", "'spleen' has the versions 0.9.0, 0.10.0"),
        ("splean", "0.10.0", "did you mean 'spleen'?"),
        ("splean", None, "did you mean 'spleen'?"),
        ("quite_another", None, "get_all_bundles_list shows what there is"),
    ],
)
@pytest.mark.parametrize("source", ["github", "monaihosting"])
def test_similar_names_are_offered(get, server, tmp_path, source, name, version, hint):
    assets = [{"name": f"{name}.zip"} for name in LIST]
    server.give("/repos/Project-MONAI/model-zoo/releases", [{"tag_name": "hosting_storage_v1", "assets": assets}])
    server.give(INFO, LIST)
    with pytest.raises(NotPublishedError, match=f"{source} has no bundle '{name}'") as caught:
        get(name, version, source=source)
    assert caught.value.hint == hint
    assert left(tmp_path) == []


def test_monaihosting_takes_the_repository_of_the_hub(get, server, tmp_path):
    server.give(INFO, LIST)
    Hub(server, "MONAI/spleen", {**FILES, ".gitattributes": "*.pt lfs\n"}, tags=("0.9.0", "0.10.0"))
    folder = get("spleen")
    assert files_in(folder) == {**FILES, ".gitattributes": "*.pt lfs\n"}
    origin = read_origin(folder)
    assert (origin.source, origin.url, origin.version) == ("monaihosting", f"{server.url}/MONAI/spleen", "0.10.0")
    assert origin.tree_digest == digest_of(tree_digests(folder))
    assert left(tmp_path) == ["spleen"]
    asked = len(server.asked)
    assert get("spleen") == folder
    assert server.paths[asked:] == [INFO]


@pytest.mark.parametrize("answer", [missing, no_revision], ids=["repository", "version"])
def test_monaihosting_goes_on_to_ngc(get, server, answer):
    server.give("/api/models/MONAI/spleen/revision/0.10.0", answer)
    server.give(ZIP, ARCHIVE)
    folder = get("spleen", "0.10.0")
    assert files_in(folder) == FILES
    assert read_origin(folder).url == server.url + ZIP


def test_monaihosting_goes_on_to_the_address_of_the_list(get, server, tmp_path):
    sha1 = hashlib.sha1(ARCHIVE).hexdigest()
    server.give(INFO, {"spleen_v0.10.0": {"source": f"{server.url}/elsewhere.zip", "checksum": sha1}})
    server.give("/api/models/MONAI/spleen/revision/0.10.0", missing)
    server.give("/elsewhere.zip", ARCHIVE)
    assert read_origin(get("spleen")).url == f"{server.url}/elsewhere.zip"
    server.give("/elsewhere.zip", archive_of("spleen", {**FILES, "LICENSE": ""}))
    with pytest.raises(DownloadError, match="its SHA1 is"):
        get("spleen", overwrite=True)


def test_a_digest_is_that_of_an_archive(get, server):
    Hub(server, "MONAI/spleen", tags=("0.10.0",))
    server.give(ZIP, ARCHIVE)
    assert read_origin(get("spleen", "0.10.0", sha256=SHA256)).archive_digest == SHA256
    assert server.paths == [ZIP]
    with pytest.raises(UsageError, match="sha256 is the digest of an archive"):
        get("spleen", source="huggingface_hub", repo="a/b", sha256=SHA256)


def ngc(server: Server, base: str = "/models/nvidia/monaitoolkit/monai_spleen/versions", **versions: str) -> None:
    rows = [{"versionId": each.replace("_", "."), "createdDate": "2024-01-01"} for each in versions]
    server.give(f"{base}/", {"modelVersions": [row | {"versionId": row["versionId"][1:]} for row in rows]})
    for version, monai in versions.items():
        files = {**FILES, "configs/metadata.json": json.dumps({"monai_version": monai})}
        folder = f"{base}/{version[1:].replace('_', '.')}"
        server.give(f"{folder}/files", {"modelFiles": [{"path": name} for name in files]})
        for name, content in files.items():
            server.give(f"{folder}/files/{name}", content.encode())
        server.give(f"{folder}/zip", archive_of("", files))


@pytest.mark.parametrize(
    ("options", "folder"),
    [({}, "spleen"), ({"remove_prefix": None}, "monai_spleen"), ({"remove_prefix": ""}, "monai_spleen")],
)
def test_ngc_gives_single_files(get, server, tmp_path, options, folder):
    ngc(server, v0_9_0="1.0", v0_10_0="1.1")
    got = get("spleen", source="ngc", **options)
    assert got == tmp_path / "bundles" / folder
    assert list(files_in(got)) == sorted(FILES)
    assert read_origin(got).version == "0.10.0"
    assert left(tmp_path) == [folder]


def test_ngc_takes_the_newest_version_that_fits(get, server, capsys):
    ngc(server, v0_9_0="1.0", v0_10_0="99.0", v0_8_0="0.9")
    assert read_origin(get("monai_spleen", source="ngc", progress=True)).version == "0.9.0"
    assert "the newest version is 0.10.0; 0.9.0 is the newest for the installed MONAI" in capsys.readouterr().err


def test_ngc_takes_the_newest_where_none_fits_and_warns(get, server):
    ngc(server, v0_9_0="98.0", v0_10_0="99.0")
    with pytest.warns(BundleEngineWarning, match=r"'spleen' was made with MONAI 99.0, and MONAI \S+ is installed"):
        assert read_origin(get("spleen", source="ngc")).version == "0.10.0"


def test_an_interrupted_download_of_files_goes_on(get, server, tmp_path):
    ngc(server, v1="1.0")
    readme = "/models/nvidia/monaitoolkit/monai_spleen/versions/1/files/docs/README.md"
    server.give(readme, lambda _: Reply(b"", 500))
    with pytest.raises(DownloadError, match="answered 500"):
        get("spleen", "1", source="ngc")
    assert left(tmp_path) == [".spleen_1.files"]
    server.give(readme, FILES["docs/README.md"].encode())
    server.asked.clear()
    get("spleen", "1", source="ngc")
    assert len([path for path in server.paths if "/files/configs" in path]) == 0
    assert left(tmp_path) == ["spleen"]


@pytest.mark.parametrize("path", ["../../evil.txt", "/etc/evil", "a/../../evil", "C:\\evil", "con"])
def test_paths_of_a_list_that_lead_elsewhere(get, server, tmp_path, path):
    base = "/models/nvidia/monaitoolkit/monai_spleen/versions/1/files"
    server.give(base, {"modelFiles": [{"path": "configs/train.json"}, {"path": path}]})
    with pytest.raises(InputError, match="is refused"):
        get("spleen", "1", source="ngc")
    assert server.paths == [base]
    assert left(tmp_path) == []


def test_records_of_others_do_not_come_along(get, server):
    base = "/models/nvidia/monaitoolkit/monai_spleen/versions/1/files"
    names = [*FILES, ".bundle_engine/approval.json", "scripts/__pycache__/a.pyc"]
    server.give(base, {"modelFiles": [{"path": name} for name in names]})
    for name in names:
        server.give(f"{base}/{name}", FILES.get(name, "{}").encode())
    folder = get("spleen", "1", source="ngc")
    assert sorted(path.name for path in (folder / ".bundle_engine").iterdir()) == ["origin.json"]
    assert list(files_in(folder)) == sorted(FILES)


@pytest.mark.parametrize(
    ("content", "message"),
    [({"modelFiles": None}, "gives no list 'modelFiles'"), ([], "gives no list"), ({"modelFiles": []}, "is no bundle")],
)
def test_answers_of_ngc_that_make_no_sense(get, server, tmp_path, content, message):
    server.give("/models/nvidia/monaitoolkit/monai_spleen/versions/1/files", content)
    with pytest.raises(InputError, match=message):
        get("spleen", "1", source="ngc")
    assert left(tmp_path) == []


def test_ngc_private(get, server, tmp_path, monkeypatch, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    base = "/org/clinic/team/seg/models/monai_spleen/versions"
    ngc(server, base, v0_10_0="1.0", v0_9_0="1.0")
    server.give("/token", {"token": "sh0rt"})
    monkeypatch.setenv("NGC_API_KEY", "l0ng")
    folder = get("spleen", source="ngc_private", repo="org/clinic/team/seg", progress=True)
    assert list(files_in(folder)) == sorted(FILES)
    assert read_origin(folder).url == f"{server.url}{base}/0.10.0/zip"
    assert server.asked[0].headers["Authorization"] == "ApiKey l0ng"
    assert {asked.headers["Authorization"] for asked in server.asked[1:]} == {"Bearer sh0rt"}
    told = caplog.text + "".join(capsys.readouterr()) + (folder / ".bundle_engine" / "origin.json").read_text()
    assert "l0ng" not in told
    assert "sh0rt" not in told


@pytest.mark.parametrize(("team", "repo"), [(None, "org/clinic"), ("seg", "org/clinic/team/seg")])
def test_ngc_private_by_the_environment(get, server, monkeypatch, team, repo):
    ngc(server, f"/{repo}/models/monai_spleen/versions", v1="1.0")
    server.give("/token", {"token": "sh0rt"})
    monkeypatch.setenv("NGC_API_KEY", "l0ng")
    monkeypatch.setenv("NGC_ORG", "clinic")
    if team:
        monkeypatch.setenv("NGC_TEAM", team)
    assert get("spleen", "1", source="ngc_private").name == "spleen"


@pytest.mark.parametrize(
    ("environment", "repo", "answer", "message"),
    [
        ({}, "org/a", None, "needs an API key\n  help: set NGC_API_KEY"),
        ({"NGC_API_KEY": "l0ng"}, None, None, "needs a repo"),
        ({"NGC_API_KEY": "l0ng"}, "clinic", None, "in the form of `org/org_name` or"),
        ({"NGC_API_KEY": "l0ng"}, "org/a", {}, "gives no token"),
        ({"NGC_API_KEY": "l0ng"}, "org/a", {"token": "a\r\nX: y"}, "gives no token"),
    ],
)
def test_ngc_private_needs_a_key(get, server, monkeypatch, environment, repo, answer, message):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if answer is not None:
        server.give("/token", answer)
    with pytest.raises((UsageError, DownloadError), match=message) as caught:
        get("spleen", source="ngc_private", repo=repo)
    assert "l0ng" not in str(caught.value)


@pytest.mark.parametrize(
    ("tags", "version", "expected"),
    [
        (("0.9.0", "0.10.0", "0.2.0"), None, "0.10.0"),
        (("0.9.0", "latest_version", "0.10.0"), None, "latest_version"),
        ((), None, "main"),
        (("0.9.0",), "0.9.0", "0.9.0"),
    ],
)
def test_huggingface_hub(get, server, tmp_path, tags, version, expected):
    Hub(server, "me/spleen", tags=tags)
    folder = get("spleen", version, source="huggingface_hub", repo="me/spleen", token="hf_secret")
    assert files_in(folder) == FILES
    origin = read_origin(folder)
    assert (origin.source, origin.url, origin.version) == ("huggingface_hub", f"{server.url}/me/spleen", expected)
    assert f"/api/models/me/spleen/revision/{expected}" in [path.partition("?")[0] for path in server.paths]
    assert {asked.headers.get("authorization") for asked in server.asked} == {"Bearer hf_secret"}
    assert left(tmp_path) == ["spleen"]


def test_a_repository_that_is_too_large(get, server, tmp_path):
    Hub(server, "me/spleen", {**FILES, "models/model.pt": b"x" * 5000})
    with pytest.raises(DownloadError, match=r"'me/spleen' is 5\.\d kB large, and 5.0 kB is the most"):
        get("spleen", source="huggingface_hub", repo="me/spleen", max_size="5kB")
    assert not [path for path in server.paths if "resolve" in path]


def test_a_repository_with_a_name_that_leads_elsewhere(get, server, tmp_path):
    Hub(server, "me/spleen", {**FILES, "../../evil.txt": "x"})
    with pytest.raises(InputError, match=r"the name '../../evil.txt' is refused"):
        get("spleen", source="huggingface_hub", repo="me/spleen")
    assert not [path for path in server.paths if "resolve" in path]
    assert not list(tmp_path.rglob("evil.txt"))


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (missing, NotPublishedError, "there is no repository 'me/spleen'"),
        (no_revision, NotPublishedError, "there is no such version of 'me/spleen'"),
        (lambda _: Reply(b"", 403), DownloadError, "answered 403 for 'me/spleen'\n  help: is a token needed"),
    ],
)
def test_what_the_hub_refuses(get, server, tmp_path, answer, kind, message):
    server.give("/api/models/me/spleen/revision/1", answer)
    with pytest.raises(kind, match=message):
        get("spleen", "1", source="huggingface_hub", repo="me/spleen", token="hf_secret")
    assert left(tmp_path) == []


def test_the_hub_needs_its_library(get, server, monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"pip install 'bundle-engine\[hub\]'"):
        get("spleen", source="huggingface_hub", repo="me/spleen")
    server.give(ZIP, ARCHIVE)
    monkeypatch.setattr("bundle_engine.bundle.sources.monaihosting.find_spec", lambda _: None)
    assert get("spleen", "0.10.0").name == "spleen"  # the Model Zoo is had without it
