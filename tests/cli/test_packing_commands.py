"""pack and unpack on the command line."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path

import pytest

from bundle_engine.bundle.digests import digest_of, tree_digests


@pytest.fixture
def bundle(write, tmp_path) -> Path:
    write("mein bündel/configs/metadata.json", {"version": "0.10.0"})
    write("mein bündel/configs/train.json", {"a": 1})
    return tmp_path / "mein bündel"


def test_pack_and_unpack_print_the_digest_last(cli, bundle, tmp_path):
    code, out, err = cli("pack", str(bundle))
    archive = tmp_path / "mein bündel_v0.10.0.zip"
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert (code, out) == (0, f"{digest}  {archive.name}\n")
    tree = digest_of(tree_digests(bundle))
    assert err == f"packed 2 files, {archive.stat().st_size:,} bytes; digest of their list {tree}\n"
    code, out, err = cli("unpack", str(archive), "--output", "new", "--sha256", digest)
    assert (code, out) == (0, f"{tree}  {tmp_path / 'new'}\n")
    assert digest in err
    assert tree_digests(tmp_path / "new") == tree_digests(bundle)
    record = json.loads((tmp_path / "new/.bundle_engine/origin.json").read_text(encoding="utf-8"))
    assert (record["archive_digest"], record["tree_digest"]) == (digest, tree)


def test_running_twice_changes_nothing_unless_told(cli, bundle, tmp_path):
    assert cli("pack", str(bundle), "--output", "a.zip").code == 0
    before = (tmp_path / "a.zip").read_bytes()
    code, out, err = cli("pack", str(bundle), "--output", "a.zip")
    assert (code, out) == (2, "")
    assert "'a.zip' is there already\n  help: --overwrite replaces it" in err
    assert cli("pack", str(bundle), "--output", "a.zip", "--overwrite").code == 0
    assert (tmp_path / "a.zip").read_bytes() == before
    assert cli("unpack", "a.zip", "--output", "b").code == 0
    code, out, err = cli("unpack", "a.zip", "--output", "b")
    assert (code, out) == (2, "")
    assert "is there already\n  help: --overwrite replaces it" in err
    assert cli("unpack", "a.zip", "--output", "b", "--overwrite").code == 0


def test_a_ready_made_bundle_is_packed_by_its_name(cli, write, tmp_path):
    write("x", "")
    assert (
        cli("pack", "brain_tissue_segmentation", "--output", "a.zip", "--exclude", "models,eval,outputs,scripts").code
        == 2
    )
    assert cli("pack", "brain_tissue_segmentation", "--output", "a.zip", "--exclude", "scripts,docs/*.png").code == 0
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = archive.namelist()
    assert "brain_tissue_segmentation/configs/train.yaml" in names
    assert not any("/scripts/" in name or name.endswith(".png") for name in names)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["pack"], "no bundle is named"),
        (["pack", "no"], "there is no folder 'no'"),
        (["pack", "mein bündel/configs"], "did you mean the folder around it"),
        (["pack", "mein bündel", "--output", "no/a.zip"], "there is no folder 'no'"),
        (["pack", "mein bündel", "--without_large_files"], "lists no large files"),
        (["unpack"], "no archive is named"),
        (["unpack", "no.zip"], "cannot find the file 'no.zip'"),
        (["unpack", "page.zip"], "it is a web page"),
        (["unpack", "page.zip", "--sha256", "12"], "'12' is no SHA-256 digest"),
        (["unpack", "page.zip", "--sha256", "0" * 64], "another digest than expected"),
        (["unpack", "page.zip", "--max_size", "many"], "--max_size takes a number, not 'many'"),
        (["unpack", "page.zip", "--max_entries", "1k"], "--max_entries takes a number"),
        (["unpack", "zip.zip", "--max_size", "1kB"], "more than 1,000 bytes"),
        (["unpack", "zip.zip", "--max_entries", "1"], "more than 1 members"),
    ],
)
def test_wrong_input_is_named_and_nothing_written(cli, bundle, tmp_path, argv, message):
    (tmp_path / "page.zip").write_text("<!DOCTYPE html>")
    with zipfile.ZipFile(tmp_path / "zip.zip", "w") as archive:
        archive.writestr("configs/metadata.json", "{}" * 1000)
        archive.writestr("configs/train.json", "{}")
    before = sorted(os.listdir(tmp_path))
    code, out, err = cli(*argv)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
    assert "Traceback" not in err
    assert sorted(os.listdir(tmp_path)) == before


def test_a_warning_names_what_may_be_secret(cli, bundle):
    (bundle / ".env").write_text("TOKEN=1")
    code, _, err = cli("pack", str(bundle))
    assert code == 0
    assert "warning: files in the archive that may hold secrets: .env (--exclude .env leaves them out)" in err


@pytest.mark.parametrize(("size", "bytes_"), [("10", 10), ("1.5kB", 1500), ("20GB", 20 * 10**9), ("2 T", 2 * 10**12)])
def test_sizes_are_read(size, bytes_):
    from bundle_engine.cli.packing import _UNITS, _number

    assert _number("max_size", size, _UNITS) == bytes_
