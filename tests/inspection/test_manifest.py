"""What a bundle can do if it runs: complete, and in an order that depends on nothing else."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.errors import UsageError
from bundle_engine.inspection import Subject, TargetIndex
from bundle_engine.inspection.manifest import Manifest, manifest_of, manifest_of_bundle
from bundle_engine.inspection.manifest.tables import judge, urls_in, weights_kind
from bundle_engine.inspection.manifest.text import render

ROOT = Path(__file__).resolve().parents[2]
HIPPOCAMPUS = ROOT / "bundles" / "hippocampus_segmentation"
MINE = '''\
"""Mine."""
import os.path as p
from urllib.request import urlopen

from . import other
from .deep.down import thing


def load(path):
    urlopen("https://example.org/x?y=1")
    return eval(open(path).read()), p.join("a", "b")
'''


@pytest.fixture(scope="module")
def index() -> Iterator[TargetIndex]:
    with TargetIndex() as made:
        yield made


@pytest.fixture
def bundle(tmp_path: Path) -> Callable[..., Path]:
    """Write a bundle: configs by name, other files by path."""

    def write(configs: dict[str, Any], **files: str) -> Path:
        for name, content in {f"configs/{name}.json": content for name, content in configs.items()}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


@pytest.fixture
def survey(bundle: Callable[..., Path], index: TargetIndex) -> Callable[..., Manifest]:
    def take(config: Any, **files: str) -> Manifest:
        return manifest_of_bundle(bundle({"train": config}, **files), index=index)

    return take


@pytest.mark.parametrize(
    ("value", "kind", "name"),
    [
        pytest.param("$eval('1')", "code", "eval", id="eval"),
        pytest.param("$exec('x = 1')", "code", "exec", id="exec"),
        pytest.param("$__import__('os').system('ls')", "import", "__import__", id="dunder-import"),
        pytest.param("$__import__('os').system('ls')", "program", "….system", id="method-of-unknown"),
        pytest.param("$monai.utils.module.os.system('ls')", "program", "monai.utils.module.os.system", id="through"),
        pytest.param("$torch.load('m.pt')", "unpickling", "torch.load", id="torch-load"),
        pytest.param("$np.load('a.npy', allow_pickle=True)", "unpickling", "numpy.load", id="np-load"),
        pytest.param("$open('/etc/passwd').read()", "file", "open", id="open"),
        pytest.param("$[f for f in (eval,)][0]('1')", "code", "eval", id="not-called-by-name"),
        pytest.param("$(lambda eval: eval)(1) or eval('1')", "code", "eval", id="shadowed"),
        pytest.param("$[eval for eval in [eval('1')]]", "code", "eval", id="shadowed-behind"),
        pytest.param("$().__class__.__bases__", "internals", "….__class__.__bases__", id="dunders"),
        pytest.param("$__builtins__['eval']", "internals", "__builtins__", id="builtins"),
        pytest.param("$getattr(@a, 'x')", "internals", "getattr", id="getattr"),
        pytest.param("$f'{eval(1)}'", "code", "eval", id="in-a-format"),
        pytest.param("$@x ?? eval('1')", "code", "eval", id="in-a-default"),
        pytest.param("$env('HOME')", "environment", "env", id="env"),
        pytest.param("$torch.hub.load('a/b', 'c')", "network", "torch.hub.load", id="hub"),
        pytest.param("$1 +", "dynamic", "expression", id="unreadable"),
        pytest.param({"_target_": "os.system", "command": "ls"}, "program", "os.system", id="target"),
        pytest.param({"_target_": "builtins.eval", "_args_": ["1"]}, "code", "builtins.eval", id="target-eval"),
        pytest.param({"_target_": "eval", "_args_": ["1"]}, "code", "eval", id="target-short"),
        pytest.param({"_target_": "subprocess.run"}, "program", "subprocess.run", id="target-program"),
        pytest.param({"_target_": "pickle.load"}, "unpickling", "pickle.load", id="target-pickle"),
        pytest.param({"_target_": "$@a.b"}, "dynamic", "_target_", id="dynamic-target"),
        pytest.param({"_target_": "torch.nn.ReLU", "_mode_": "debug"}, "code", "_mode_", id="debug"),
        pytest.param(
            {"_target_": "torch.nn.ReLU", "_disabled_": True, "x": "$eval('1')"}, "code", "eval", id="disabled"
        ),
        pytest.param("$from os import system as s", "program", "os.system", id="import-of-a-function"),
        pytest.param("$import subprocess as s", "program", "subprocess", id="import-of-a-module"),
    ],
)
def test_noteworthy(survey: Callable[..., Manifest], value: Any, kind: str, name: str) -> None:
    found = survey({"a": 1, "deep": [{"x": value}]}).noteworthy
    assert (kind, name) in [(each.kind, each.name) for each in found]
    assert all(each.where.id.startswith("deep::0::x") and each.where.source == "configs/train.json" for each in found)
    assert all(each.why for each in found)


def test_aliases_are_followed(survey: Callable[..., Manifest]) -> None:
    found = survey({"imports": ["$import os as harmless", "$from os import path as p"], "a": "$harmless.remove('x')"})
    assert ("file", "os.remove") in [(each.kind, each.name) for each in found.noteworthy]
    assert ("os", "standard library") in [(root.name, root.kind) for root in found.roots]
    assert ("writes", "x", "os.remove") in [(use.mode, use.path, use.by) for use in found.files]


@pytest.mark.parametrize(
    "value",
    [
        "$@a + 1",
        "$torch.device('cpu')",
        "$os.path.join('a', 'b')",
        "$[x.shape for x in @a]",
        "$lambda x: x['image']",
        "$lambda input: input.shape",
        "$monai.handlers.from_engine(['pred', 'label'])",
        "$len(@a) * max(1, 2)",
        "just eval(text)",
        "$'eval(1)'",
        {"_target_": "torch.nn.Linear", "in_features": 1, "out_features": 2},
    ],
    ids=str,
)
def test_what_is_not_noteworthy(survey: Callable[..., Manifest], value: Any) -> None:
    assert survey({"imports": ["$import os"], "a": 1, "x": value}).noteworthy == ()


def test_callables_and_packages(survey: Callable[..., Manifest]) -> None:
    found = survey(
        {
            "net": {"_target_": "UNet", "act": "$torch.nn.ReLU"},
            "again": {"_target_": "UNet"},
            "call": "$np.zeros(3).sum() + @net.forward(@x)",
            "gone": {"_target_": "no_such_package.f"},
        }
    )
    rows = {each.path: (each.how, each.known, [where.id for where in each.where]) for each in found.callables}
    assert rows["monai.networks.nets.unet.UNet"] == ("target", True, ["again::_target_", "net::_target_"])
    assert rows["torch.nn.modules.activation.ReLU"][:2] == ("expression", True)
    assert rows["no_such_package.f"] == ("target", False, ["gone::_target_"])
    assert rows["….sum"] == rows["@net.forward"] == ("expression", False, ["call"])
    assert {root.name: root.kind for root in found.roots} == {
        "monai": "installed",
        "no_such_package": "not found",
        "numpy": "installed",
        "torch": "installed",
    }


def test_own_modules(survey: Callable[..., Manifest], tmp_path: Path) -> None:
    found = survey(
        {"a": {"_target_": "scripts.mine.load", "path": "x"}},
        **{
            "scripts/__init__.py": "",
            "scripts/mine.py": MINE,
            "scripts/other.py": "import numpy\n",
            "scripts/deep/down.py": "thing = 1\n",
            "scripts/broken.py": "def f(:\n",
            ".git/hidden.py": "import ctypes\n",
        },
    )
    modules = {module.name: module for module in found.modules}
    assert list(modules) == ["scripts", "scripts.broken", "scripts.deep.down", "scripts.mine", "scripts.other"]
    mine = modules["scripts.mine"]
    assert (mine.file, mine.imports) == ("scripts/mine.py", ("os", "scripts", "urllib"))
    assert mine.sha256 == hashlib.sha256(MINE.encode()).hexdigest()
    assert "invalid syntax" in modules["scripts.broken"].problem
    assert any("scripts/broken.py cannot be read" in problem for problem in found.problems)
    noted = [(each.kind, each.name, str(each.where)) for each in found.noteworthy]
    assert noted == [
        ("network", "urllib.request.urlopen", "scripts/mine.py:10"),
        ("code", "eval", "scripts/mine.py:11"),
        ("file", "open", "scripts/mine.py:11"),
    ]
    assert [(url.url, str(url.where[0])) for url in found.urls] == [("https://example.org/x?y=1", "scripts/mine.py:10")]
    assert {root.name: root.kind for root in found.roots}.items() >= {"scripts": "own", "numpy": "installed"}.items()


def test_a_config_leads_to_the_modules_that_it_needs(bundle: Callable[..., Path], index: TargetIndex) -> None:
    root = bundle(
        {"train": {"a": {"_target_": "scripts.mine.load"}}},
        **{
            "scripts/__init__.py": "",
            "scripts/mine.py": MINE,
            "scripts/other.py": "",
            "scripts/deep/down.py": "",
            "scripts/unused.py": "import ctypes\n",
        },
    )
    found = manifest_of(Subject.load(root / "configs" / "train.json"), index)
    assert [m.name for m in found.modules] == ["scripts", "scripts.deep.down", "scripts.mine", "scripts.other"]
    assert "ctypes" not in [each.name for each in found.roots]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param({"save_dir": "out"}, ("writes", "out", "save_dir"), id="plain"),
        pytest.param({"h": {"_target_": "x", "load_path": "m.pt"}}, ("reads", "m.pt", "load_path"), id="argument"),
        pytest.param(
            {"o": "out", "h": {"_target_": "x", "save_dir": "@o"}}, ("writes", "out", "save_dir"), id="reference"
        ),
        pytest.param({"r": ".", "save_dir": "$@r + '/models'"}, ("writes", "./models", "save_dir"), id="sum"),
        pytest.param({"r": "a", "save_dir": "$f'{@r}/b'"}, ("writes", "a/b", "save_dir"), id="format"),
        pytest.param({"r": "a", "save_dir": "$os.path.join(@r, 'b', 'c')"}, ("writes", "a/b/c", "save_dir"), id="join"),
        pytest.param({"r": "$@q + '/b'", "q": "a", "save_dir": "@r"}, ("writes", "a/b", "save_dir"), id="chain"),
        pytest.param({"save_dir": "$Path('a') / 'b'"}, ("writes", "a/b", "save_dir"), id="path"),
        pytest.param({"save_dir": "@none ?? out"}, ("writes", "out", "save_dir"), id="default"),
        pytest.param({"save_dir": "\\$x"}, ("writes", "$x", "save_dir"), id="escaped"),
        pytest.param({"save_dir": "$f()"}, ("writes", "", "save_dir"), id="dynamic"),
        pytest.param({"save_dir": "@a", "a": "$@save_dir + 'x'"}, ("writes", "", "save_dir"), id="circle"),
        pytest.param({"cache_dir": "c"}, ("reads or writes", "c", "cache_dir"), id="by-the-end-of-its-name"),
        pytest.param({"data": ["a.nii.gz"]}, ("reads or writes", "a.nii.gz", ""), id="by-the-suffix"),
        pytest.param({"a": "$torch.load('x' + '.pt')"}, ("reads", "x.pt", "torch.load"), id="function"),
        pytest.param({"a": "$open(file='x')"}, ("reads or writes", "x", "open"), id="function-by-keyword"),
        pytest.param({"a": "$torch.save(@b, f())"}, ("writes", "", "torch.save"), id="function-dynamic"),
        pytest.param({"a": {"_target_": "torch.load", "f": "y.pt"}}, ("reads", "y.pt", "torch.load"), id="target"),
        pytest.param({"a": "$go(output_dir='z')"}, ("writes", "z", "output_dir"), id="keyword"),
    ],
)
def test_files(survey: Callable[..., Manifest], config: Any, expected: tuple[str, str, str]) -> None:
    found = survey(config).files
    assert expected in [(use.mode, use.path, use.by) for use in found]
    assert all(use.dynamic == (not use.path) for use in found)


@pytest.mark.parametrize("value", ["", None, True, 3, "https://a.org/b"])
def test_what_is_no_file(survey: Callable[..., Manifest], value: Any) -> None:
    assert survey({"save_dir": value}).files == ()


def test_addresses_downloads_and_weights(survey: Callable[..., Manifest]) -> None:
    large = {
        "large_files": [
            {"path": "models/model.pt", "url": "https://a.org/m.pt", "hash_type": "md5", "hash_val": "12"},
            {"path": "models/model.safetensors", "url": "https://a.org/m.s"},
        ]
    }
    found = survey(
        {
            "a": "see https://b.org/x, and http://c.org.",
            "save_dir": "s3://bucket/key",
            "m": "$@d + '/net.ts'",
            "d": "m",
        },
        **{
            "configs/metadata.json": json.dumps({"references": ["https://doi.org/10.1/2"]}),
            "large_files.yml": json.dumps(large),
            "models/there.onnx": "x",
        },
    )
    assert [url.url for url in found.urls] == [
        "http://c.org",
        "https://a.org/m.pt",
        "https://a.org/m.s",
        "https://b.org/x",
        "https://doi.org/10.1/2",
        "s3://bucket/key",
    ]
    assert [(d.path, d.url, d.hash) for d in found.downloads] == [
        ("models/model.pt", "https://a.org/m.pt", "md5:12"),
        ("models/model.safetensors", "https://a.org/m.s", ""),
    ]
    assert [(w.path, w.kind, w.runs_code, w.there) for w in found.weights] == [
        ("m/net.ts", "TorchScript", True, False),
        ("models/model.pt", "PyTorch checkpoint (pickle)", True, False),
        ("models/model.safetensors", "safetensors: weights only", False, False),
        ("models/there.onnx", "ONNX graph", False, True),
    ]
    assert all("://" not in use.path for use in found.files)


def test_other_files_with_code(survey: Callable[..., Manifest]) -> None:
    found = survey({"a": 1}, **{"lib/x.so": "", "configs/logging.conf": "[loggers]", "configs/logging.json": "{}"})
    assert [(each.kind, each.where.source) for each in found.noteworthy] == [
        ("code", "configs/logging.conf"),
        ("code", "configs/logging.json"),
        ("native", "lib/x.so"),
    ]


def test_configs_that_only_make_sense_together(bundle: Callable[..., Path], index: TargetIndex) -> None:
    root = bundle(
        {
            "train": {
                "imports": ["$import os as system"],
                "root": "r",
                "l": [{"_target_": "torch.nn.ReLU"}],
                "run": "$@l",
            },
            "multi_train": {"~l": None, "l2": "@root", "save_dir": "$@root + '/s'", "run": "$system.remove(@save_dir)"},
            "broken": "{",
        }
    )
    found = manifest_of_bundle(root, index=index)
    assert len(found.problems) == 1
    assert "broken.json" in found.problems[0]
    assert ("file", "os.remove", "run") in [(each.kind, each.name, each.where.id) for each in found.noteworthy]
    assert "torch.nn.modules.activation.ReLU" in [each.path for each in found.callables]
    assert ("writes", "r/s", "save_dir") in [(use.mode, use.path, use.by) for use in found.files]


def test_what_cannot_be_read_is_said_and_the_rest_is_told(survey: Callable[..., Manifest]) -> None:
    found = survey({"a": "%nowhere", "b": "$eval('1')", "~c": None})
    assert [each.name for each in found.noteworthy] == ["eval"]
    assert any("the macro '%nowhere' leads to nothing" in problem for problem in found.problems)
    assert any("'~c' deletes nothing" in problem for problem in found.problems)


def test_one_workflow(bundle: Callable[..., Path], index: TargetIndex) -> None:
    root = bundle({"train": {"a": "$eval('1')"}, "infer": {"a": "$exec('1')"}})
    assert [each.name for each in manifest_of_bundle(root, "infer", index).noteworthy] == ["exec"]
    assert [each.name for each in manifest_of_bundle(root, "infer, train.json", index).noteworthy] == ["eval"]
    assert len(manifest_of_bundle(root, index=index).noteworthy) == 2
    with pytest.raises(UsageError, match="has no config 'evaluate' in its folder 'configs'"):
        manifest_of_bundle(root, "evaluate", index)


def test_a_bundle_of_this_repository(index: TargetIndex) -> None:
    with TargetIndex(paths=[HIPPOCAMPUS]) as own:
        found = manifest_of_bundle(HIPPOCAMPUS, index=own)
    paths = {each.path for each in found.callables}
    assert {"monai.networks.nets.dynunet.DynUNet", "scripts.inferer.MirrorInferer"} <= paths
    assert {root.name: root.kind for root in found.roots}["scripts"] == "own"
    assert "not found" not in {root.kind for root in found.roots}
    assert {module.name for module in found.modules} >= {"scripts.data", "scripts.download"}
    in_configs = {each.kind for each in found.noteworthy if each.where.id}
    assert in_configs <= {"environment"}
    assert not found.problems
    assert any(use.mode == "reads" and use.path.endswith("/model.pt") for use in found.files)


def test_the_order_is_always_the_same(index: TargetIndex) -> None:
    first, second = (json.dumps(manifest_of_bundle(HIPPOCAMPUS, index=index).as_dict()) for _ in range(2))
    assert first == second
    rows = json.loads(first)
    assert [row["path"] for row in rows["callables"]] == sorted(row["path"] for row in rows["callables"])
    assert set(rows) == {
        "configs", "callables", "roots", "modules", "files", "urls", "downloads", "weights", "noteworthy", "problems"
    }  # fmt: skip


def test_text(survey: Callable[..., Manifest]) -> None:
    text = render(survey({"a": "$eval('1')", "save_dir": "$f()", "n": {"_target_": "torch.nn.ReLU"}}))
    lines = text.split("\n")
    assert lines[0] == "noteworthy: 1"
    assert lines[1:4] == ["  code: eval  a (configs/train.json:1)", "      $eval('1')", "      runs code from text"]
    assert "  writes: known when it runs, $f()  save_dir  save_dir (configs/train.json:1)" in lines
    assert "weights: none" in lines
    assert "\x1b" not in text
    assert render(Manifest(problems=("x",)), colour=True).startswith("\x1b[1mcould not be read: 1")


def test_nothing_reaches_the_terminal_as_a_command(survey: Callable[..., Manifest]) -> None:
    config = {"\x1b[2K": "$eval('\x1b[1A\u202e')", "save_dir": "\x1b[8m", "u": "http://a/\x9b2K", "_target_": "\x1bc"}
    assert all(line.isprintable() for line in render(survey(config)).split("\n"))


def test_long_expressions(survey: Callable[..., Manifest]) -> None:
    found = survey(
        {"save_dir": "$" + " + ".join(["'a'"] * 3000), "x": "$f(output_dir=" + "(" * 90 + "1" + ")" * 90 + ")"}
    )
    assert {(use.by, use.dynamic) for use in found.files} == {("save_dir", True), ("output_dir", True)}


def test_what_is_no_file_is_left_alone(survey: Callable[..., Manifest], tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "dangling.pt").symlink_to("nowhere")
    found = survey({"a": 1})
    assert (found.modules, found.weights) == ((), ())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("os.execv", "program"),
        ("os.path.join", None),
        ("os.listdir", "file"),
        ("shutil.rmtree", "file"),
        ("subprocess.Popen", "program"),
        ("a.subprocess.Popen", "program"),
        ("importlib.import_module", "import"),
        ("torch.compile", None),
        ("torch.nn.Linear", None),
        ("evaluate", None),
        ("osmium.x", None),
    ],
)
def test_judging_names(name: str, kind: str | None) -> None:
    found = judge(name)
    assert (found.kind if found else None) == kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a/model.PT", "PyTorch checkpoint (pickle)"),
        ("m.safetensors", "safetensors: weights only"),
        ("a.b", None),
        ("x", None),
    ],
)
def test_kinds_of_weights(path: str, kind: str | None) -> None:
    found = weights_kind(path)
    assert (found[0] if found else None) == kind


def test_addresses_in_text() -> None:
    assert urls_in("(see https://a.org/b_(c)?d=1#e). Or ftp://x/y") == ["https://a.org/b_(c)?d=1#e", "ftp://x/y"]
    assert urls_in("no://thing, C:/x, a::b") == []
