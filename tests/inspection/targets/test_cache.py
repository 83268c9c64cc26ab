"""What is kept between runs: found again, noticed when it is stale, damaged or shared, and done without."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bundle_engine.inspection.targets import Found, NotFound, TargetIndex
from bundle_engine.inspection.targets import reading as reader
from bundle_engine.inspection.targets.store import Store, cache_folder

ROOT = Path(__file__).resolve().parents[3]


def age(path: Path, seconds: float = 60) -> None:
    """Make a file look as if it had been written some time ago: what was written just now is not kept."""
    then = time.time() - seconds
    os.utime(path, (then, then))


@pytest.fixture
def module(write) -> Path:
    path = write("m.py", "class A:\n    def __init__(self, a): ...\n")
    age(path)
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The modules that were read from source."""
    names: list[str] = []
    facts = reader.module_facts

    def noted(tree, source, module, **options):
        names.append(module)
        return facts(tree, source, module, **options)

    monkeypatch.setattr(reader, "module_facts", noted)
    return names


def parameters(module: Path, cache: Path, target: str = "m.A") -> list[str]:
    """Look a target up in an index of its own."""
    with TargetIndex(paths=[module.parent], cache=cache) as index:
        found = index.lookup(target)
        assert isinstance(found, Found)
        assert found.definition.parameters is not None
        return [parameter.name for parameter in found.definition.parameters]


def files(cache: Path) -> list[Path]:
    return sorted(cache.glob("targets-*.sqlite"))


def test_the_second_index_reads_nothing(module, cache, reads):
    assert parameters(module, cache) == ["a"]
    assert reads == ["m"]
    assert parameters(module, cache) == ["a"]
    assert reads == ["m"]
    assert len(files(cache)) == 1


def test_it_is_written_without_closing(module, cache, reads):
    index = TargetIndex(paths=[module.parent], cache=cache)
    index.lookup("m.A")
    del index
    parameters(module, cache)
    assert reads == ["m"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda path: path.write_text("class A:\n    def __init__(self, b): ...\n"), id="same-size"),
        pytest.param(lambda path: path.write_text("\nclass A:\n    def __init__(self, b): ...\n"), id="other-size"),
        pytest.param(
            lambda path: (path.write_text("#\nclass A:\n    def __init__(self, b): ...\n"), age(path)),
            id="other-size-and-same-age",
        ),
    ],
)
def test_a_changed_file_is_read_again(module, cache, reads, change):
    parameters(module, cache)
    change(module)
    assert parameters(module, cache) == ["b"]
    assert reads == ["m", "m"]


def test_what_was_written_just_now_is_not_kept(module, cache, reads):
    os.utime(module)
    parameters(module, cache)
    parameters(module, cache)
    assert reads == ["m", "m"]


def test_scripts_edited_between_lookups(module, cache, write):
    with TargetIndex(paths=[module.parent], cache=cache) as index:
        for name in ("b", "c", "d"):  # as fast as that the clock of the file system need not have moved
            module.write_text(f"class A:\n    def __init__(self, {name}): ...\n")
            found = index.lookup("m.A")
            assert isinstance(found, Found)
            assert [p.name for p in found.definition.parameters or ()] == [name]


def test_scripts_that_come_and_go_between_lookups(index: TargetIndex, write):
    assert isinstance(index.lookup("scripts.net.Net"), NotFound)
    write("scripts/__init__.py")
    assert isinstance(index.lookup("scripts.net.Net"), NotFound)
    path = write("scripts/net.py", "class Other: ...")
    assert isinstance(index.lookup("scripts.net.Net"), NotFound)
    path.write_text("class Net: ...")
    assert isinstance(index.lookup("scripts.net.Net"), Found)
    write("scripts/deep/net.py", "class Net: ...")
    assert isinstance(index.lookup("scripts.deep.net.Net"), Found)
    path.unlink()
    assert isinstance(index.lookup("scripts.net.Net"), NotFound)
    assert isinstance(index.lookup("scripts.deep.net.Net"), Found)


def test_a_base_edited_between_lookups(index: TargetIndex, write):
    write("scripts/base.py", "class Base:\n    def __init__(self, a): ...\n")
    write("scripts/net.py", "from scripts.base import Base\nclass Net(Base): ...\n")
    first = index.lookup("scripts.net.Net")
    write("scripts/base.py", "class Base:\n    def __init__(self, a, b): ...\n")
    second = index.lookup("scripts.net.Net")
    assert isinstance(first, Found)
    assert isinstance(second, Found)
    assert (first.definition.signature, second.definition.signature) == ("Net(a)", "Net(a, b)")


def test_installed_packages_are_looked_at_again_on_request(write, tmp_path, monkeypatch):
    package = write("installed.py", "A = 1")
    monkeypatch.syspath_prepend(str(package.parent))
    with TargetIndex(cache=tmp_path / "cache") as index:
        assert isinstance(index.lookup("installed.B"), NotFound)
        package.write_text("A = B = 1")
        assert isinstance(index.lookup("installed.B"), NotFound)
        index.refresh()
        assert isinstance(index.lookup("installed.B"), Found)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda file: file.write_bytes(b"no database"), id="no-database"),
        pytest.param(lambda file: file.write_bytes(b""), id="empty"),
        pytest.param(lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]), id="cut-short"),
        pytest.param(
            lambda file: file.write_bytes(file.read_bytes()[:100] + os.urandom(file.stat().st_size - 100)), id="noise"
        ),
        pytest.param(lambda file: execute(file, "UPDATE modules SET facts = x'00ff'"), id="rows-that-are-no-facts"),
        pytest.param(lambda file: execute(file, "UPDATE modules SET facts = 3"), id="rows-of-another-type"),
        pytest.param(lambda file: execute(file, "DROP TABLE modules"), id="a-table-missing"),
        pytest.param(
            lambda file: execute(file, "ALTER TABLE modules RENAME COLUMN facts TO other"), id="another-column"
        ),
    ],
)
def test_a_damaged_cache_is_made_anew(module, cache, reads, damage):
    parameters(module, cache)
    damage(files(cache)[0])
    assert parameters(module, cache) == ["a"]
    assert reads == ["m", "m"]
    assert parameters(module, cache) == ["a"]
    assert reads == ["m", "m"]


def execute(file: Path, statement: str) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute(statement)
    connection.close()


def test_a_folder_where_the_file_should_be(module, cache, reads):
    parameters(module, cache)
    file = files(cache)[0]
    file.unlink()
    file.mkdir()
    assert parameters(module, cache) == ["a"]


def test_a_cache_that_somebody_holds(module, cache, reads, monkeypatch):
    monkeypatch.setattr("bundle_engine.inspection.targets.store._WAIT", 0.01)
    parameters(module, cache)
    holder = sqlite3.connect(files(cache)[0], isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        assert parameters(module, cache) == ["a"]
    finally:
        holder.close()
    assert reads == ["m", "m"]
    assert parameters(module, cache) == ["a"]
    assert reads == ["m", "m"]


def test_another_version_of_the_reader_has_its_own_file(module, cache, monkeypatch):
    parameters(module, cache)
    old = files(cache)[0]
    monkeypatch.setattr("bundle_engine.inspection.targets.store._MAKERS", ("facts",))
    parameters(module, cache)
    assert len(files(cache)) == 2
    age(old, 100 * 86_400)
    monkeypatch.setattr("bundle_engine.inspection.targets.store._MAKERS", ("reading",))
    parameters(module, cache)
    assert old not in files(cache)


def test_the_number_of_rows_is_bounded(write, cache, monkeypatch):
    monkeypatch.setattr("bundle_engine.inspection.targets.store._MOST_ROWS", 3)
    for number in range(6):
        module = write(f"m{number}.py", "class A: ...")
        age(module)
        parameters(module, cache, f"m{number}.A")
    with sqlite3.connect(files(cache)[0]) as connection:
        rows = connection.execute("SELECT module FROM modules").fetchall()
    connection.close()
    assert [row[0] for row in rows] == ["m3", "m4", "m5"]


def test_the_folder_is_named_by_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("BUNDLE_ENGINE_CACHE_DIR", str(tmp_path / "here" / "there"))
    assert cache_folder() == tmp_path / "here" / "there"
    monkeypatch.delenv("BUNDLE_ENGINE_CACHE_DIR")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *args, **options: tmp_path / "user")
    assert cache_folder() == tmp_path / "user"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="the rights of files are of POSIX")
def test_a_folder_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("BUNDLE_ENGINE_CACHE_DIR", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *args, **options: tmp_path / "file" / "below")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    mine = tmp_path / f"bundle_engine-{os.getuid()}"
    assert cache_folder() == mine
    assert mine.stat().st_mode & 0o077 == 0
    mine.chmod(0o777)  # somebody else may have put something there
    assert cache_folder() is None
    monkeypatch.setenv("BUNDLE_ENGINE_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert cache_folder() is None


def test_without_a_cache(module, tmp_path, reads):
    (tmp_path / "file").write_text("")
    for cache in (False, tmp_path / "file" / "below"):
        with TargetIndex(paths=[module.parent], cache=cache) as index:
            assert isinstance(index.lookup("m.A"), Found)
    assert reads == ["m", "m"]
    assert Store(None).file is None


PROGRAM = """
import sys
from bundle_engine.inspection.targets import Found, TargetIndex

with TargetIndex(cache=sys.argv[1]) as index:
    for target in ("UNet", "LoadImaged", "torch.optim.Adam", "ignite.metrics.Accuracy"):
        found = index.lookup(target)
        assert isinstance(found, Found), found
        print(target, found.definition.signature)
    print(len(index.short_names()))
    assert not {"torch", "monai", "ignite", "numpy", "griffe"} & set(sys.modules), "something was imported"
    print("bundle_engine.inspection.targets.reading" in sys.modules)
"""


def start(cache: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(cache)], env=environment, stdout=subprocess.PIPE, text=True
    )


def test_processes_that_build_the_cache_at_once(cache):
    cold = [start(cache) for _ in range(3)]
    outputs = {process.communicate(timeout=300)[0] for process in cold}
    assert [process.returncode for process in cold] == [0, 0, 0]
    assert len(outputs) == 1
    (output,) = outputs
    assert output.endswith("True\n")  # the sources were read
    warm = start(cache)
    assert warm.communicate(timeout=300)[0] == output.removesuffix("True\n") + "False\n"
    assert warm.returncode == 0


def test_progress_is_told_once(tmp_path):
    told: list[tuple[int, int, str]] = []
    for _ in range(2):
        with TargetIndex(cache=tmp_path / "cache", progress=lambda *step: told.append(step)) as index:
            index.lookup("UNet")
    total = told[0][1]
    assert [done for done, _, _ in told] == list(range(total + 1))
    assert told[0][2] == "monai"
    assert total > 300


def test_a_target_with_its_package_gathers_no_short_names(tmp_path):
    told: list[int] = []
    with TargetIndex(cache=tmp_path / "cache", progress=lambda *step: told.append(step[0])) as index:
        assert isinstance(index.lookup("monai.networks.nets.UNet"), Found)
    assert told == []
