"""A bundle in memory, and servers in the place of those that publish bundles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from tests.network.server import Asked, File, Reply, Server, zipped

METADATA = {"version": "0.10.0", "monai_version": "1.0.0", "network_data_format": {}}
FILES: dict[str, str] = {
    "configs/metadata.json": json.dumps(METADATA),
    "configs/train.json": '{"network_def": {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 1}}',
    "docs/README.md": "# Spleen\n",
    "LICENSE": "Apache License\nVersion 2.0, January 2004\n",
}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def archive_of(folder: str = "spleen", files: Mapping[str, str] = FILES) -> bytes:
    return zipped({f"{folder}/{name}" if folder else name: content for name, content in files.items()})


ARCHIVE = archive_of()
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()


def files_in(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".bundle_engine" not in path.parts
    }


def left(tmp_path: Path) -> list[str]:
    folder = tmp_path / "bundles"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


class Hub:
    """The few addresses of the Hugging Face hub that its library asks for one repository.

    Args:
        server: where they are.
        repo: its name.
        files: what is in it.
        tags: names of its tags; ``main`` is its branch.
    """

    def __init__(
        self, server: Server, repo: str, files: Mapping[str, str | bytes] = FILES, tags: tuple[str, ...] = ("0.9.0",)
    ) -> None:
        self.server, self.repo, self.tags = server, repo, list(tags)
        self.files = {name: each.encode() if isinstance(each, str) else each for name, each in files.items()}
        self.created: list[str] = []
        self.commits: list[dict[str, bytes]] = []
        server.give(f"/api/models/{repo}/refs", lambda _: self.refs())
        for revision in (*tags, "main", COMMIT):
            server.give(f"/api/models/{repo}/revision/{revision}", lambda _: self.info())
            server.give(f"/api/models/{repo}/tree/{revision}", lambda _: self.tree())
        for name, content in self.files.items():
            server.give(f"/{repo}/resolve/{COMMIT}/{name}", self.file(content))

    def refs(self) -> Reply:
        def refs(kind: str, names: list[str]) -> list[dict[str, str]]:
            return [{"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": COMMIT} for name in names]

        row = {"tags": refs("tags", self.tags), "branches": refs("heads", ["main"]), "converts": []}
        return Reply(json.dumps(row).encode())

    def info(self) -> Reply:
        siblings = [
            {"rfilename": name, "size": len(content), "blobId": hashlib.sha1(content).hexdigest()}
            for name, content in self.files.items()
        ]
        row = {"id": self.repo, "modelId": self.repo, "sha": COMMIT, "siblings": siblings, "tags": [], "private": False}
        return Reply(json.dumps(row).encode())

    def tree(self) -> Reply:
        rows = [
            {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
            for name, content in self.files.items()
        ]
        return Reply(json.dumps(rows).encode())

    def file(self, content: bytes) -> File:
        give = File(content, etag=f'"{hashlib.sha1(content).hexdigest()}"')

        def answer(asked: Asked) -> Reply:
            reply = give(asked)
            reply.headers["X-Repo-Commit"] = COMMIT
            return reply

        return answer  # type: ignore[return-value]


def missing(asked: Asked) -> Reply:
    """Answer as the hub does for a repository that is not there."""
    return Reply(b'{"error": "Repository not found"}', 404, {"X-Error-Code": "RepoNotFound"})


def no_revision(asked: Asked) -> Reply:
    return Reply(b'{"error": "Invalid rev id"}', 404, {"X-Error-Code": "RevisionNotFound"})
