"""Publish a bundle on the Hugging Face hub: what its library sends to a server in the hub's place."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.bundle.download import download
from bundle_engine.bundle.hub import push_to_hf_hub
from bundle_engine.bundle.origin import BundleOrigin, write_origin
from bundle_engine.errors import DownloadError, InputError, MissingDependencyError, UsageError
from tests.bundle.downloads.bundles import COMMIT, FILES, Hub
from tests.network.server import Asked, Reply, Server


class Publishing:
    """Takes what is published."""

    def __init__(self, server: Server) -> None:
        self.repos: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.header: dict[str, Any] = {}
        self.tags: dict[str, str] = {}
        self.server = server
        server.give("/api/repos/create", self.create)
        server.give("/api/models/me/spleen/preupload/main", self.preupload)
        server.give("/api/models/me/spleen/commit/main", self.commit)
        server.give("/api/models/me/spleen/refs", lambda _: self.refs())
        server.give(f"/api/models/me/spleen/tag/{COMMIT}", self.tag)
        server.give("/api/models/me/spleen/tag/latest_version", self.remove_tag)
        server.give("/api/validate-yaml", lambda _: Reply(b'{"errors": [], "warnings": []}'))

    def create(self, asked: Asked) -> Reply:
        self.repos.append(json.loads(asked.body))
        return Reply(json.dumps({"url": f"{self.server.url}/me/spleen", "name": "me/spleen"}).encode())

    def preupload(self, asked: Asked) -> Reply:
        files = [
            {"path": row["path"], "uploadMode": "regular", "shouldIgnore": False}
            for row in json.loads(asked.body)["files"]
        ]
        return Reply(json.dumps({"files": files}).encode())

    def commit(self, asked: Asked) -> Reply:
        for line in asked.body.splitlines():
            row = json.loads(line)
            if row["key"] == "header":
                self.header = row["value"]
            elif row["key"] == "file":
                self.files[row["value"]["path"]] = base64.b64decode(row["value"]["content"])
        url = f"{self.server.url}/me/spleen/commit/{COMMIT}"
        return Reply(json.dumps({"success": True, "commitOid": COMMIT, "commitUrl": url, "hookOutput": ""}).encode())

    def tag(self, asked: Asked) -> Reply:
        self.tags[json.loads(asked.body)["tag"]] = COMMIT
        return Reply(b"{}")

    def remove_tag(self, asked: Asked) -> Reply:
        self.tags.pop("latest_version")
        return Reply(b"{}")

    def refs(self) -> Reply:
        tags = [{"name": name, "ref": f"refs/tags/{name}", "targetCommit": COMMIT} for name in self.tags]
        return Reply(json.dumps({"tags": tags, "branches": [], "converts": []}).encode())


@pytest.fixture
def hub(server: Server, monkeypatch: pytest.MonkeyPatch) -> Publishing:
    monkeypatch.setenv("BUNDLE_ENGINE_HUGGINGFACE_URL", server.url)
    return Publishing(server)


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    folder = tmp_path / "bundles"
    for name, content in {**FILES, "models/model.pt": "weights", "scripts/__pycache__/a.pyc": "x"}.items():
        path = folder / "spleen" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    write_origin(folder / "spleen", BundleOrigin("url", "https://example.org/a.zip"))
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_bundle_is_published(hub, server, bundles):
    before = content(bundles)
    commit = push_to_hf_hub("me/spleen", "spleen", bundles, token="hf_secret", version="0.10.0")
    assert str(commit) == f"{server.url}/me/spleen/blob/main/" or COMMIT in repr(commit)
    assert sorted(hub.files) == sorted([*FILES, "README.md", "models/model.pt"])
    assert hub.files["configs/train.json"].decode() == FILES["configs/train.json"]
    assert hub.files["README.md"].decode() == (
        "---\ntags:\n- monai\n- medical\nlibrary_name: monai\nlicense: apache-2.0\n---\n# Spleen\n"
    )
    assert hub.repos[0]["name"] == "spleen"
    assert hub.repos[0]["organization"] == "me"
    assert hub.repos[0].get("private") is True or hub.repos[0].get("visibility") == "private"
    assert hub.header["summary"] == "Upload spleen 0.10.0"
    assert hub.tags == {"0.10.0": COMMIT}
    assert {asked.headers.get("authorization") for asked in server.asked} == {"Bearer hf_secret"}
    assert content(bundles) == before


def test_the_tag_of_the_latest_version_moves(hub, bundles):
    hub.tags["latest_version"] = "an old commit"
    push_to_hf_hub("me/spleen", "spleen", bundles, private=False, tag_as_latest_version=True)
    assert hub.tags == {"latest_version": COMMIT}
    assert hub.repos[0].get("private") is False or hub.repos[0].get("visibility") == "public"


def test_what_is_published_can_be_downloaded(hub, server, bundles, tmp_path, limits):
    push_to_hf_hub("me/spleen", "spleen", bundles, version="0.10.0")
    Hub(server, "me/spleen", hub.files, tags=("0.10.0",))
    folder = download(
        "spleen", bundle_dir=tmp_path / "new", source="huggingface_hub", repo="me/spleen", progress=False, limits=limits
    )
    assert {name: each for name, each in content(folder).items() if ".bundle_engine" not in name} == hub.files


def test_further_arguments_of_the_library(hub, bundles):
    push_to_hf_hub("me/spleen", "spleen", bundles, commit_message="By hand", ignore_patterns=["models/*", "*.md"])
    assert hub.header["summary"] == "By hand"
    assert sorted(hub.files) == ["LICENSE", "configs/metadata.json", "configs/train.json"]


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (("spleen", "spleen"), UsageError, "in the form of `repo_owner/repo_name`"),
        (("me/spleen", "splean"), InputError, "is no bundle"),
    ],
)
def test_what_cannot_be_published(hub, server, bundles, arguments, kind, message):
    with pytest.raises(kind, match=message):
        push_to_hf_hub(*arguments, bundles)
    assert server.asked == []


def test_arguments_that_are_settled(hub, server, bundles):
    with pytest.raises(UsageError, match="'path_in_repo' is settled already"):
        push_to_hf_hub("me/spleen", "spleen", bundles, path_in_repo="x")
    with pytest.raises(UsageError, match="delete_patterns are not supported"):
        push_to_hf_hub("me/spleen", "spleen", bundles, delete_patterns="*")
    assert server.asked == []


def test_a_token_that_is_wrong(hub, server, bundles):
    server.give("/api/repos/create", lambda _: Reply(b'{"error": "Invalid credentials"}', 401))
    with pytest.raises(DownloadError, match=r"answered 401 for 'me/spleen'.*\n  help: is a token needed") as caught:
        push_to_hf_hub("me/spleen", "spleen", bundles, token="hf_secret")
    assert "hf_secret" not in str(caught.value)


def test_without_the_library(hub, bundles, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'bundle-engine\[hub\]'"):
        push_to_hf_hub("me/spleen", "spleen", bundles)


def test_on_the_command_line(cli, hub, bundles):
    argv = ["--repo", "me/spleen", "--name", "spleen", "--bundle_dir", str(bundles), "--token", "hf_secret"]
    code, out, err = cli("push_to_hf_hub", *argv, "--private=False", "--commit_message", "First")
    assert (code, err) == (0, "")
    assert "me/spleen" in out
    assert hub.header["summary"] == "First"
    code, out, err = cli("push_to_hf_hub", "me/spleen")
    assert (code, out) == (2, "")
    assert err.startswith("error: repo, name and bundle_dir are needed")
