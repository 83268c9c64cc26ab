"""Digests of files and bundles, and their list."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bundle_engine.bundle.digests import (
    Differences,
    digest_of,
    files_of,
    format_digests,
    left_out,
    parse_digests,
    tree_digests,
    verify_digests,
)
from bundle_engine.errors import InputError, InputNotFoundError
from bundle_engine.hashing import file_digest

A, B = hashlib.sha256(b"a").hexdigest(), hashlib.sha256(b"b").hexdigest()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    root = tmp_path / "mine"
    for name, text in {"b.txt": "b", "configs/a.yaml": "a", "a b/ü.txt": "b"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(InputNotFoundError, match="there is no folder"):
        tree_digests(tmp_path / "no")


def test_a_tree_has_the_digests_of_its_files_in_order(bundle):
    assert tree_digests(bundle) == {"a b/ü.txt": B, "b.txt": B, "configs/a.yaml": A}
    assert list(tree_digests(bundle)) == sorted(tree_digests(bundle))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (".bundle_engine/origin.json", True),
        (".Bundle_Engine/origin.json", True),
        ("models/.bundle_engine/x", False),
        ("SHA256SUMS", True),
        ("docs/SHA256SUMS", False),
        ("scripts/__pycache__/a.cpython-311.pyc", True),
        ("scripts/a.pyc", False),  # Python imports it
        (".git/config", True),
        (".gitignore", False),
        ("configs/train.yaml~", True),
        ("configs/.train.yaml.swp", True),
        (".DS_Store", True),
        ("docs/._README.md", True),
        (".env", False),
        ("a#b#", False),
    ],
)
def test_what_does_not_count(bundle, name, expected):
    before = tree_digests(bundle)
    (bundle / name).parent.mkdir(parents=True, exist_ok=True)
    (bundle / name).write_text("x")
    assert left_out(name) is expected
    assert (tree_digests(bundle) == before) is expected


def test_a_link_to_a_file_inside_counts_as_that_file(bundle):
    (bundle / "link").symlink_to(Path("configs") / "a.yaml")
    assert tree_digests(bundle)["link"] == A


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: (root / "x").symlink_to("/etc/passwd"), "leads outside of the bundle"),
        (lambda root: (root / "x").symlink_to("../mine2"), "leads outside of the bundle"),
        (lambda root: (root / "x").symlink_to("/"), "leads outside of the bundle"),
        (lambda root: (root / "x").symlink_to("configs"), "link to a folder"),
        (lambda root: (root / "x").symlink_to("."), "link to a folder"),
        (lambda root: (root / "x").symlink_to("nothing"), "leads to nothing"),
        (lambda root: (root / "x").symlink_to("x"), "leads to nothing"),
        (lambda root: os.mkfifo(root / "x"), "no file but a device"),
        (lambda root: open(os.fsencode(root) + b"/\xff", "w").close(), "is not UTF-8"),
    ],
    ids=["file-outside", "sibling", "root", "folder", "itself-folder", "broken", "circle", "pipe", "not-utf8"],
)
def test_what_could_change_unseen_is_refused(bundle, make, message):
    (bundle.parent / "mine2").write_text("x")
    make(bundle)
    with pytest.raises(InputError, match=message):
        files_of(bundle)


def test_the_list_is_read_as_it_is_written():
    digests = {"a": A, "a b/ü.txt": B, "new\nline\\ \r": A}
    assert parse_digests(format_digests(digests)) == digests
    assert format_digests({"b": B, "a": A}) == f"{A}  a\n{B}  b\n"
    assert digest_of(digests) == hashlib.sha256(format_digests(digests).encode()).hexdigest()
    assert parse_digests(f"# made by hand\r\n\r\n{A.upper()} *./x\r\n") == {"x": A}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "no line of a list of digests"),
        (f"{A} x", "no line of a list of digests"),
        (f"{A[:-1]}  x", "no line of a list of digests"),
        (f"{A}  x\n{B}  x", "two digests"),
    ],
)
def test_a_list_that_is_none_is_an_error(text, message):
    with pytest.raises(InputError, match=message) as caught:
        parse_digests(text, source="L")
    assert str(caught.value.place).startswith("L:")


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum")
def test_sha256sum_reads_the_list_and_we_read_its(bundle):
    (bundle / "odd\\name\nx").write_text("a")
    digests = tree_digests(bundle)
    (bundle / "SHA256SUMS").write_text(format_digests(digests), encoding="utf-8")
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=bundle, check=True, capture_output=True)
    done = subprocess.run(["sha256sum", *digests], cwd=bundle, check=True, capture_output=True)
    assert done.stdout.decode() == format_digests(digests)
    assert digest_of(digests) == file_digest(bundle / "SHA256SUMS")


def test_differences_are_told_apart(bundle):
    digests = tree_digests(bundle)
    assert verify_digests(bundle, digests) == Differences((), (), ())
    assert not verify_digests(bundle, digests)
    (bundle / "b.txt").unlink()
    (bundle / "configs/a.yaml").write_text("c")
    (bundle / "new").write_text("c")
    found = verify_digests(bundle, digests)
    assert found == Differences(("b.txt",), ("configs/a.yaml",), ("new",))
    assert found.lines() == ["missing: b.txt", "changed: configs/a.yaml", "extra: new"]
