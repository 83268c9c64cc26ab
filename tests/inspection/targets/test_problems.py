"""Files that cannot be read are said, and never raise."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bundle_engine.inspection.targets import Found, NotFound, TargetIndex, Unknown
from bundle_engine.inspection.targets import library as library_module

BROKEN = {
    "syntax-error": ("class A:\n    def f(self:\n", "is not valid Python", 2),
    "indentation": ("class A:\nx = 1\n", "is not valid Python", 2),
    "null-byte": ("A = 1\0", "is not valid Python", 0),
    "nested-too-deep": ("A = " + "(" * 5_000 + ")" * 5_000, "is not valid Python", None),
    "added-up-too-deep": ("A = " + "1 + " * 50_000 + "1", None, None),
}


@pytest.mark.parametrize("case", BROKEN, ids=list(BROKEN))
def test_a_file_that_is_no_python(index: TargetIndex, write, case):
    source, message, line = BROKEN[case]
    file = write("scripts/net.py", source)
    write("scripts/good.py", "class B: ...")
    found = index.lookup("scripts.net.A")
    if message is None:  # Python may be able to read it
        return
    assert isinstance(found, Unknown)
    assert message in found.why
    (problem,) = index.problems
    assert problem.module == "scripts.net"
    assert message in problem.message
    assert problem.place.source == str(file)
    assert line is None or problem.place.line == line
    assert isinstance(index.lookup("scripts.good.B"), Found)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"A = '\xff'", "is not valid Python", id="not-utf-8"),
        pytest.param(b"# coding: never-heard-of\nA = 1", "is not valid Python", id="unknown-encoding"),
    ],
)
def test_a_file_in_no_known_encoding(index: TargetIndex, write, content, message):
    write("m.py").write_bytes(content)
    assert isinstance(index.lookup("m.A"), Unknown)
    assert [message in problem.message for problem in index.problems] == [True]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("# coding: latin-1\nA = 'ä'\n".encode("latin-1"), id="latin-1"),
        pytest.param(b"\xef\xbb\xbfA = 1\n", id="byte-order-mark"),
        pytest.param(b"x = 1\r\nA = 1\r\n", id="windows"),
        pytest.param(b"A = '\\ud800'\n", id="surrogate"),
        pytest.param(b"A = '\\d'\n", id="invalid-escape"),
    ],
)
def test_a_file_in_a_known_encoding(tmp_path: Path, write, content):
    path = write("m.py")
    path.write_bytes(content)
    os.utime(path, (1, 1))
    for _ in range(2):
        with TargetIndex(paths=[path.parent], cache=tmp_path / "cache") as index:
            assert isinstance(index.lookup("m.A"), Found)
            assert index.problems == ()


def test_a_problem_is_gone_when_the_file_is_mended(index: TargetIndex, write):
    path = write("m.py", "class A(:")
    assert isinstance(index.lookup("m.A"), Unknown)
    assert len(index.problems) == 1
    path.write_text("class A: ...")
    assert isinstance(index.lookup("m.A"), Found)
    assert index.problems == ()


def test_a_problem_is_gone_with_its_file(index: TargetIndex, write):
    path = write("m.py", "class A(:")
    index.lookup("m.A")
    path.unlink()
    assert isinstance(index.lookup("m.A"), NotFound)
    assert index.problems == ()


def test_the_docstring_of_a_file_that_broke_meanwhile(index: TargetIndex, write):
    path = write("m.py", 'class A:\n    """What it is."""\n')
    found = index.lookup("m.A")
    assert isinstance(found, Found)
    path.write_text("class A(:")
    assert index.doc(found.definition) == ""
    path.unlink()
    assert index.doc(found.definition) == ""


def test_a_file_that_changes_while_it_is_read(index: TargetIndex, write, monkeypatch):
    path = write("m.py", "class A: ...")
    stamps = iter(range(1_000))
    monkeypatch.setattr(library_module, "stamp_of", lambda file: (next(stamps), path.stat().st_size))
    assert isinstance(index.lookup("m.A"), Unknown)
    assert [problem.message for problem in index.problems] == ["the module 'm' cannot be read: it keeps changing"]


def test_a_file_that_has_changed_while_it_was_read(index: TargetIndex, write, monkeypatch):
    path = write("m.py", "class A: ...")
    read_bytes = Path.read_bytes
    contents = iter([b"class", b"class A: ..."])

    def read(self: Path) -> bytes:
        return next(contents) if self == path else read_bytes(self)

    monkeypatch.setattr(Path, "read_bytes", read)
    assert isinstance(index.lookup("m.A"), Found)


def test_a_file_that_is_gone_before_it_is_read(index: TargetIndex, write, monkeypatch):
    path = write("m.py", "class A: ...")
    index._library.finder.find("m")
    path.unlink()
    assert isinstance(index.lookup("m.A"), (NotFound, Unknown))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the rights of files do not stop root")
def test_a_file_that_must_not_be_read(index: TargetIndex, write):
    write("m.py", "class A: ...").chmod(0)
    assert isinstance(index.lookup("m.A"), Unknown)
    assert "Permission denied" in index.problems[0].message


def test_a_file_that_is_too_large(index: TargetIndex, write, monkeypatch):
    monkeypatch.setattr(library_module, "_LARGEST", 5)
    write("m.py", "class A: ...")
    assert isinstance(index.lookup("m.A"), Unknown)
    assert "too large" in index.problems[0].message


def test_a_link_that_leads_nowhere(index: TargetIndex, write):
    folder = write("here.py").parent
    (folder / "m.py").symlink_to(folder / "nowhere.py")
    assert isinstance(index.lookup("m.A"), (NotFound, Unknown))


def test_aliases_too_many_to_follow(index: TargetIndex, write):
    write("m.py", "\n".join(["class A0: ...", *(f"A{n + 1} = A{n}" for n in range(3_000))]))
    found = index.lookup("m.A3000")
    assert isinstance(found, (Found, Unknown))
    assert isinstance(index.lookup("m.A3"), Found)


def test_without_monai(write, tmp_path, monkeypatch):
    folder = write("m.py", "class A: ...").parent
    monkeypatch.setattr(sys, "path", [str(folder), *(entry for entry in sys.path if "site-packages" not in entry)])
    with TargetIndex(cache=tmp_path / "cache") as index:
        found = index.lookup("UNet")
        assert isinstance(found, NotFound)
        assert found.root == "monai"
        assert "MONAI is not installed" in found.reason
        assert isinstance(index.lookup("m.A"), Found)
        assert isinstance(index.lookup("dict"), Found)
        assert index.short_names() == {}


def test_a_monai_that_is_broken(write, tmp_path):
    write("monai/__init__.py", "from .utils.module import load_submodules\n")
    write("monai/utils/__init__.py")
    write("monai/utils/module.py", "def load_submodules(): ...\n")
    nets = write("monai/nets.py", "class UNet: ...\nclass VNet(:\n")
    for _ in range(2):
        with TargetIndex(paths=[nets.parents[1]], cache=tmp_path / "cache") as index:
            assert isinstance(index.lookup("UNet"), Unknown)  # it might be in the file that cannot be read
            assert isinstance(index.lookup("load_submodules"), Found)
            assert [problem.module for problem in index.problems] == ["monai.nets"]
    nets.write_text("class UNet: ...\n")
    with TargetIndex(paths=[nets.parents[1]], cache=tmp_path / "cache") as index:
        assert isinstance(index.lookup("UNet"), Found)
        assert isinstance(index.lookup("VNet"), NotFound)


def test_a_foreign_importer_that_fails(index: TargetIndex, monkeypatch):
    class Importer:
        def find_spec(self, name, path, target=None):
            raise RuntimeError("never ask me")

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Importer()])
    assert isinstance(index.lookup("missing_package.A"), Unknown)


def test_an_importer_of_an_editable_installation(index: TargetIndex, tmp_path, monkeypatch):
    from importlib.util import spec_from_file_location

    file = tmp_path / "elsewhere" / "edited.py"
    file.parent.mkdir()
    file.write_text("class A: ...")

    class Importer:
        def find_spec(self, name, path, target=None):
            return spec_from_file_location(name, file) if name == "edited" else None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Importer()])
    found = index.lookup("edited.A")
    assert isinstance(found, Found)
    assert found.definition.file == str(file)
