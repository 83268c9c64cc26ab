"""Archives of bundles as strangers make them: with any names, kinds and modes of members."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

META = "b/configs/metadata.json"
GOOD = {META: b"{}", "b/scripts/a.py": b"x = 1\n", "b/docs/\u00fc \u00df.md": b"text"}


def zipped(
    path: Path, files: dict[str, bytes] | list[tuple[object, bytes]], method: int = zipfile.ZIP_DEFLATED
) -> Path:
    rows = files.items() if isinstance(files, dict) else files
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in rows:
            archive.writestr(name, data)
    return path


def member(
    name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"", link: str = "", mode: int = 0o644
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode = kind, link, len(data), mode
    return info, data


def tarred(
    path: Path, members: list[tuple[tarfile.TarInfo, bytes]], mode: str = "w:gz", format: int = tarfile.PAX_FORMAT
) -> Path:
    with tarfile.open(path, mode, format=format) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return path


def unix(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


def make_zip(path: Path) -> Path:
    return zipped(path, GOOD)


def make_tar(path: Path) -> Path:
    return tarred(path, [member(name, data=data) for name, data in GOOD.items()], "w")


def make_tgz(path: Path) -> Path:
    return tarred(path, [member(name, data=data) for name, data in GOOD.items()])
