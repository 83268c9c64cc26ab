"""What the tests of metadata share: a small bundle to change, and a server on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

TENSOR = {
    "type": "image",
    "format": "magnitude",
    "num_channels": 1,
    "spatial_shape": ["8*n", "8*n"],
    "dtype": "float32",
}
METADATA: dict[str, Any] = {
    "version": "0.1.0",
    "changelog": {"0.1.0": "first version"},
    "monai_version": "1.4.0",
    "pytorch_version": "2.4.0",
    "numpy_version": "1.26.4",
    "task": "segmentation",
    "description": "a network",
    "authors": "its authors",
    "copyright": "Copyright (c) its authors",
    "network_data_format": {"inputs": {"image": TENSOR}, "outputs": {"pred": TENSOR}},
}
CONFIG = "lr: 0.001\nrun:\n- $print(@lr)\n"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle with which nothing is wrong."""
    folder = tmp_path / "bundle"
    (folder / "configs").mkdir(parents=True)
    (folder / "docs").mkdir()
    (folder / "configs" / "metadata.json").write_text(json.dumps(METADATA, indent=2))
    (folder / "configs" / "main.yaml").write_text(CONFIG)
    (folder / "LICENSE").write_text("do as you please\n")
    (folder / "docs" / "README.md").write_text("# a bundle\n")
    return folder


Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Give a function that serves content on this machine and returns its address; `requests` counts."""
    servers: list[ThreadingHTTPServer] = []

    def start(content: bytes, status: int = 200, **headers: str) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                start.requests += 1  # type: ignore[attr-defined]
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(content))} | headers).items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/schema.json"

    start.requests = 0  # type: ignore[attr-defined]
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
