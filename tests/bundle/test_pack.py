"""Packing bundles: the same bytes for the same content, and what is refused."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import warnings
import zipfile
import zlib
from pathlib import Path

import pytest

from bundle_engine.archives.zip_writer import ZipWriter
from bundle_engine.bundle.archive import is_bundle, make_archive, pack
from bundle_engine.bundle.digests import digest_of, parse_digests, tree_digests
from bundle_engine.bundle.origin import BundleOrigin, read_origin, write_origin
from bundle_engine.bundle.unpack import unpack
from bundle_engine.errors import BundleEngineWarning, InputError, InputNotFoundError, UsageError

ROOT = Path(__file__).resolve().parents[2]

FILES = {
    "configs/metadata.json": b'{"version": "0.2.1"}',
    "configs/train.yaml": b"a: 1\n",
    "models/model.pt": bytes(range(256)) * 9000,
    "docs/read me üß.md": "für alle".encode(),
    "LICENSE": b"",
}


def make(root: Path, files: dict[str, bytes] = FILES) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make(tmp_path / "mine")


def content(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_archive_is_a_plain_zip_with_one_folder_and_a_list(bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    packed = make_archive(bundle)
    assert packed.path == Path("mine_v0.2.1.zip")
    assert packed.digest == hashlib.sha256(packed.path.read_bytes()).hexdigest()
    assert (packed.size, packed.files) == (packed.path.stat().st_size, len(FILES))
    with zipfile.ZipFile(packed.path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names == sorted(names)
        listed = parse_digests(archive.read("mine/SHA256SUMS").decode())
        assert {name: archive.read(f"mine/{name}") for name in listed} == FILES
        assert set(names) == {f"mine/{name}" for name in [*FILES, "SHA256SUMS"]}
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100644}
    assert listed == tree_digests(bundle)
    assert packed.tree_digest == digest_of(listed)


def test_the_same_content_gives_the_same_bytes(bundle, tmp_path):
    first = pack(bundle, tmp_path / "1.zip").read_bytes()
    before = os.umask(0o077)
    try:
        other = make(tmp_path / "elsewhere" / "mine", dict(reversed(FILES.items())))
        for path in other.rglob("*"):
            os.utime(path, (10**9, 10**9))
        (other / "configs/train.yaml").chmod(0o755)
        make(
            other,
            {"scripts/__pycache__/a.pyc": b"x", ".git/HEAD": b"x", "configs/train.yaml~": b"x", "SHA256SUMS": b"x"},
        )
        (other / "empty").mkdir()
        write_origin(other, BundleOrigin("url", "https://example.org"))
        second = pack(other, tmp_path / "2.zip").read_bytes()
    finally:
        os.umask(before)
    assert first == second
    assert str(tmp_path).encode() not in first
    (other / "configs/train.yaml").write_bytes(b"a: 2\n")
    assert pack(other, tmp_path / "3.zip").read_bytes() != first


def test_the_bytes_are_these_for_ever(tmp_path):
    make(tmp_path / "b", {"configs/metadata.json": b"{}", "x": b"y" * 1000})
    digest = make_archive(tmp_path / "b", tmp_path / "b.zip").digest
    assert digest == "8e44b4fb2db81ba7d38f656f4763b5eb32063c2fb019e6de642daf58ddbec2a8"


@pytest.mark.parametrize("name", ["brain_tissue_segmentation", "hippocampus_segmentation"])
def test_our_bundles_come_back_as_they_were(tmp_path, name):
    copy = tmp_path / name
    shutil.copytree(
        ROOT / "bundles" / name,
        copy,
        ignore=shutil.ignore_patterns("__pycache__", "models", "eval", "outputs", "Task04*"),
    )
    archive = pack(copy, tmp_path)
    back = unpack(archive, tmp_path / "back")
    assert read_origin(back) is not None
    assert tree_digests(back) == tree_digests(copy)
    shutil.rmtree(back / ".bundle_engine")
    assert content(back) == content(copy)
    (tmp_path / "again").mkdir()
    shutil.move(back, tmp_path / "again" / name)
    assert pack(tmp_path / "again" / name, tmp_path / "again.zip").read_bytes() == archive.read_bytes()


def test_records_do_not_travel(bundle, tmp_path):
    write_origin(bundle, BundleOrigin("url", "https://example.org"))
    with zipfile.ZipFile(pack(bundle, tmp_path)) as archive:
        assert not any("bundle_engine" in name for name in archive.namelist())


def test_a_link_inside_travels_as_a_file(bundle, tmp_path):
    (bundle / "models/latest.pt").symlink_to("model.pt")
    with zipfile.ZipFile(pack(bundle, tmp_path)) as archive:
        assert archive.read("mine/models/latest.pt") == FILES["models/model.pt"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: (root / "x").symlink_to("/etc/passwd"), "leads outside of the bundle"),
        (lambda root: (root / "x").symlink_to("configs"), "link to a folder"),
        (lambda root: os.mkfifo(root / "x"), "no file but a device"),
        (lambda root: make(root, {"Licence": b"", "licence": b""}), "the same on some systems"),
        (lambda root: make(root, {"docs/aux.md": b""}), "name of a device"),
        (lambda root: make(root, {"docs/a:b": b""}), "colons have a meaning"),
        (lambda root: make(root, {"docs/a\nb": b""}), "control characters"),
        (lambda root: shutil.rmtree(root / "configs"), "is no bundle"),
        (lambda root: make(root, {"large_files.yml": b"- a\n"}), None),
    ],
    ids=["outside", "folder", "pipe", "capitals", "device-name", "colon", "newline", "no-bundle", "other-list"],
)
def test_what_cannot_be_packed_is_refused_and_nothing_written(bundle, tmp_path, spoil, message):
    spoil(bundle)
    if message is None:
        pack(bundle, tmp_path)
        return
    with pytest.raises(InputError, match=message):
        pack(bundle, tmp_path / "a.zip")
    assert sorted(os.listdir(tmp_path)) == ["mine"]


def test_no_bundle_gets_a_hint(bundle, tmp_path):
    with pytest.raises(InputError, match=f"did you mean the folder around it, '{bundle}'"):
        pack(bundle / "configs")
    with pytest.raises(InputError, match=f"did you mean '{bundle}'"):
        pack(tmp_path)
    with pytest.raises(InputNotFoundError, match="there is no folder"):
        pack(tmp_path / "no")
    assert is_bundle(bundle)
    assert not is_bundle(bundle / "docs")


def test_an_archive_that_is_there_stays(bundle, tmp_path):
    (tmp_path / "a.zip").write_text("old")
    with pytest.raises(UsageError, match="is there already"):
        pack(bundle, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_text() == "old"
    (bundle / "x").symlink_to("/etc/passwd")
    with pytest.raises(InputError):
        pack(bundle, tmp_path / "a.zip", overwrite=True)
    assert (tmp_path / "a.zip").read_text() == "old"
    (bundle / "x").unlink()
    assert (
        pack(bundle, tmp_path / "a.zip", overwrite=True).read_bytes() == pack(bundle, tmp_path / "b.zip").read_bytes()
    )


@pytest.mark.parametrize(
    ("output", "message"),
    [("no/a.zip", "there is no folder"), ("mine/a.zip", "in the bundle itself"), ("mine", "in the bundle itself")],
)
def test_an_archive_that_cannot_be_written_is_an_error(bundle, tmp_path, output, message):
    with pytest.raises(UsageError, match=message):
        pack(bundle, tmp_path / output)
    assert content(bundle) == FILES


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs users")
def test_a_read_only_folder_is_an_error(bundle, tmp_path):
    (tmp_path / "ro").mkdir()
    (tmp_path / "ro").chmod(0o555)
    output = tmp_path / "ro" if os.geteuid() else Path("/proc/self")  # root may write everywhere but there
    with pytest.raises(UsageError, match="cannot write"):
        pack(bundle, output / "a.zip")


def test_large_files_are_left_out_where_they_can_be_downloaded(bundle, tmp_path):
    with pytest.raises(UsageError, match="lists no large files"):
        pack(bundle, tmp_path, without_large_files=True)
    (bundle / "large_files.yml").write_text(
        "large_files:\n- path: ./models/model.pt\n  url: https://example.org/m\n- path: models/b.pt\n  url: https://x\n"
    )
    with zipfile.ZipFile(pack(bundle, tmp_path, without_large_files=True)) as archive:
        names = archive.namelist()
        listed = parse_digests(archive.read("mine/SHA256SUMS").decode())
    assert "mine/models/model.pt" not in names
    assert "mine/large_files.yml" in names
    assert "models/model.pt" not in listed
    (bundle / "large_files.yml").write_text("large_files:\n- path: models/model.pt\n")
    with pytest.raises(InputError, match="has no url"):
        pack(bundle, tmp_path / "b.zip", without_large_files=True)
    (bundle / "large_files.yml").write_text("- a")
    with pytest.raises(InputError):
        pack(bundle, tmp_path / "b.zip", without_large_files=True)


def test_what_is_excluded(bundle, tmp_path):
    make(bundle, {"eval/a/b.nii": b"x", "eval/c": b"x", "models/t.tmp": b"x"})
    with zipfile.ZipFile(pack(bundle, tmp_path, exclude=["eval/", "models/*.tmp"])) as archive:
        assert {name[5:] for name in archive.namelist()} == {*FILES, "SHA256SUMS"}
    with pytest.raises(UsageError, match="no file of the bundle is called 'evil'"):
        pack(bundle, tmp_path / "b.zip", exclude=["evil"])


@pytest.mark.parametrize(
    "name", [".env", "docs/.env.local", "id_rsa", "scripts/server.pem", ".netrc", "mlruns/0/meta.yaml", "eval/x"]
)
def test_what_is_probably_not_meant_for_others_is_named(bundle, tmp_path, name):
    make(bundle, {name: b"x"})
    with pytest.warns(
        BundleEngineWarning, match="files in the archive that (may hold secrets|look like what runs leave)"
    ) as caught:
        pack(bundle, tmp_path)
    assert name.split("/")[-1] in str(caught[0].message) or name.split("/")[0] in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pack(bundle, tmp_path / "b.zip", exclude=[name])


def test_progress_reaches_its_total(bundle, tmp_path):
    told: list[tuple[int, int]] = []
    pack(bundle, tmp_path, progress=lambda done, total: told.append((done, total)))
    size = sum(map(len, FILES.values()))
    assert told[-1] == (2 * size, 2 * size)
    assert told == sorted(told)


@pytest.mark.parametrize("largest", [0xFFFFFFFF, 10, 1])
def test_large_archives_use_the_64_bit_fields(tmp_path, largest):
    output = io.BytesIO()
    writer = ZipWriter(output.write, largest=largest)
    files = {"a/ü": b"x" * 50, "b": b"", "c": b"123"}
    for name, data in files.items():
        writer.add(name, len(data), zlib.crc32(data), [data[:20], data[20:]])
    assert writer.finish() == len(output.getvalue())
    assert (b"PK\6\6" in output.getvalue()) == (largest <= 10)
    with zipfile.ZipFile(output) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == files
    if shutil.which("unzip"):
        (tmp_path / "a.zip").write_bytes(output.getvalue())
        subprocess.run(["unzip", "-tq", tmp_path / "a.zip"], check=True, capture_output=True)


def test_a_file_that_changes_meanwhile_is_an_error(bundle, tmp_path):
    def change(done: int, total: int) -> None:
        if done >= total // 2:
            (bundle / "LICENSE").write_text("changed")

    with pytest.raises(InputError, match="'mine/LICENSE' changed while it was packed"):
        pack(bundle, tmp_path / "a.zip", progress=change)
    assert sorted(os.listdir(tmp_path)) == ["mine"]


def test_packing_needs_neither_torch_nor_numpy(bundle, tmp_path):
    code = (
        "import sys; from bundle_engine.bundle.archive import pack; from bundle_engine.bundle.unpack import unpack;"
        f"unpack(pack({str(bundle)!r}, {str(tmp_path / 'a.zip')!r}), {str(tmp_path / 'out')!r});"
        "print([name for name in ('torch', 'monai', 'numpy', 'requests', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
