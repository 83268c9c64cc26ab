"""Nothing but a command of the user uses the network, and a download needs neither torch nor MONAI."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.bundle.downloads.bundles import archive_of
from tests.network.server import Server

ROOT = Path(__file__).resolve().parents[3]
NETWORK = ("requests", "urllib3", "huggingface_hub", "httpx", "http.client")
HEAVY = ("torch", "monai", "numpy", "ignite")


def loaded(code: str, names: tuple[str, ...]) -> str:
    text = f"import sys\n{code}\nprint([name for name in {names!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


def test_importing_does_not_bring_the_network():
    modules = "download, hub, large_files, load, published, sources, versions"
    code = (
        f"from bundle_engine.bundle import {modules}\nfrom bundle_engine.cli import main\nmain(['download', '--help'])"
    )
    assert loaded(code, NETWORK + HEAVY) == "[]"


def test_a_download_is_light(server: Server, tmp_path: Path):
    server.give("/a.zip", archive_of())
    argv = ["download", "a", "--url", f"{server.url}/a.zip", "--bundle_dir", str(tmp_path)]
    code = f"from bundle_engine.cli import main\nassert main({argv!r}) == 0"
    assert loaded(code, (*HEAVY, "huggingface_hub")) == "[]"
    assert (tmp_path / "a" / "configs").is_dir()
