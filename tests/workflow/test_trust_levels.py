"""Below full trust, nothing around the config runs code either: scripts, classes, logs, tracking, arguments."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bundle_engine import create_workflow
from bundle_engine.cli.entry import main
from bundle_engine.errors import BundleEngineError, PolicyError, UsageError
from bundle_engine.workflow.create import read_args_file

NET = "net: {_target_: UNet, spatial_dims: 2, in_channels: 1, out_channels: 2, channels: [4, 8], strides: [2]}\n"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle whose scripts, if they are imported, leave a mark."""
    root = tmp_path / "bundle"
    (root / "configs").mkdir(parents=True)
    (root / "configs" / "metadata.json").write_text('{"version": "0.1"}')
    (root / "configs" / "inference.yaml").write_text(NET + "run:\n  - $@net.to('cpu')\n")
    (root / "scripts").mkdir()
    touch = f"open({str(root / 'mark')!r}, 'w').close()\n"
    (root / "scripts" / "__init__.py").write_text(touch)
    (root / "scripts" / "workflow.py").write_text(touch)
    for name in ("monai", "fire", "ignite", "torch"):
        (root / f"{name}.py").write_text(touch)
    return root


def marked(bundle: Path) -> bool:
    return (bundle / "mark").exists()


@pytest.mark.parametrize("trust", ["safe", "full"])
def test_a_config_of_the_list_runs(trust: str, bundle: Path) -> None:
    for name in ("monai", "fire", "ignite", "torch"):
        (bundle / f"{name}.py").unlink()
    assert main(["run", "--bundle", str(bundle), "--workflow", "inference", "--trust", trust]) == 0


def test_modules_of_the_bundle_are_not_imported(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bundle / "configs" / "own.yaml").write_text("x: {_target_: scripts.workflow.touch}\nrun: ['$@x']\n")
    monkeypatch.chdir(bundle)
    monkeypatch.syspath_prepend("")
    assert main(["run", "--bundle", ".", "--workflow", "own", "--trust", "safe"]) == 2
    assert main(["run", "--bundle", ".", "--workflow", "inference", "--trust", "safe"]) == 0
    assert not marked(bundle)
    assert "" in sys.path


def test_modules_that_shadow_installed_ones_are_not_imported(bundle: Path) -> None:
    import subprocess

    root = str(Path(__file__).resolve().parents[2])
    code = (
        f"import sys; sys.path[1:1] = [{root!r}]\n"
        "from bundle_engine.cli.entry import main\n"
        "sys.exit(main(['run', '--bundle', '.', '--workflow', 'inference', '--trust', 'safe']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=bundle, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not marked(bundle)


@pytest.mark.parametrize("name", ["scripts.workflow.MyWorkflow", "PythonicWorkflow", "os.system"])
def test_a_class_of_the_bundle_is_no_workflow(name: str, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run_workflow", name, "--bundle", str(bundle), "--workflow", "inference", "--trust", "safe"]) == 2
    assert "is Python code, which needs full trust" in capsys.readouterr().err
    assert not marked(bundle)


def test_an_args_file_does_not_say_how_far_to_trust(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (bundle / "args.yaml").write_text("trust: full\n")
    arguments = ["run", "--bundle", str(bundle), "--workflow", "inference", "--args_file", str(bundle / "args.yaml")]
    for more in ([], ["--trust", "safe"]):
        assert main([*arguments, *more]) == 2
        assert "does not say how far to trust" in capsys.readouterr().err
    with pytest.raises(UsageError):
        read_args_file({"trust": "full"})
    with pytest.raises(UsageError):
        create_workflow(args_file={"trust": "full"})


def test_a_config_does_not_say_it_either(bundle: Path) -> None:
    file = bundle / "configs" / "own.yaml"
    file.write_text("trust: full\n_trust_: full\npolicy: full\n_policy: full\nrun: [$print('x')]\n")
    assert main(["run", "--bundle", str(bundle), "--workflow", "own", "--trust", "safe"]) == 2


def test_an_args_file_names_no_files_elsewhere_by_extending_them(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("a: 1\n")
    (bundle / "args.yaml").write_text("_extends_: ../secret.yaml\n")
    with pytest.raises(PolicyError, match="outside of the config's folder"):
        create_workflow(args_file=bundle / "args.yaml", config_file=bundle / "configs" / "inference.yaml", trust="safe")


def test_tracking_needs_full_trust(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ["run", "--bundle", str(bundle), "--workflow", "inference", "--trust", "safe", "--tracking", "mlflow"]
    assert main(run) == 2
    assert "tracking writes files" in capsys.readouterr().err


LOGGING = {
    "file": "class=FileHandler\nargs=('MARK',)",
    "rotating": "class=logging.handlers.RotatingFileHandler\nargs=('MARK',)",
    "socket": "class=logging.handlers.SocketHandler\nargs=('127.0.0.1', 9)",
    "http": "class=logging.handlers.HTTPHandler\nargs=('127.0.0.1:9', '/')",
    "mail": "class=logging.handlers.SMTPHandler\nargs=('127.0.0.1', 'a', 'b', 'c')",
    "syslog": "class=logging.handlers.SysLogHandler\nargs=()",
    "other-class": "class=os.system\nargs=('touch MARK',)",
    "evaluated": "class=StreamHandler\nargs=(open('MARK', 'w'),)",
}


@pytest.mark.parametrize("kind", LOGGING)
def test_a_log_goes_to_standard_streams_only(kind: str, bundle: Path) -> None:
    text = "[loggers]\nkeys=root\n[handlers]\nkeys=h\n[formatters]\nkeys=\n[logger_root]\nlevel=INFO\nhandlers=h\n[handler_h]\n"
    (bundle / "configs" / "logging.conf").write_text(text + LOGGING[kind].replace("MARK", str(bundle / "mark")) + "\n")
    with pytest.raises(BundleEngineError):
        create_workflow(config_file=bundle / "configs" / "inference.yaml", trust="safe")
    assert not marked(bundle)


@pytest.mark.parametrize(
    "text",
    [
        "handlers: {h: {class: logging.FileHandler, filename: MARK}}",
        "handlers: {h: {(): os.system, command: touch MARK}}",
        "handlers: {h: {class: logging.StreamHandler, stream: ext://os.environ}}",
        "handlers: {h: {class: logging.StreamHandler, stream: cfg://version}}",
        "formatters: {f: {style: '{', format: '{message.__class__}'}}",
        "formatters: {f: {class: logging.BufferingFormatter}}",
        "filters: {f: {(): os.system, command: touch MARK}}",
    ],
)
def test_a_log_of_the_other_form_too(text: str, bundle: Path) -> None:
    (bundle / "configs" / "logging.yaml").write_text(text.replace("MARK", str(bundle / "mark")))
    with pytest.raises(BundleEngineError):
        create_workflow(config_file=bundle / "configs" / "inference.yaml", trust="safe")
    assert not marked(bundle)


def test_everything_outside_in_all_steps_is_named(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = bundle / "configs" / "own.yaml"
    file.write_text(
        "initialize: [$open('x')]\nrun: [$eval('x'), '@d']\nfinalize: [$exec('x')]\nd: {_target_: os.getcwd}\n"
    )
    assert main(["run", "--bundle", str(bundle), "--workflow", "own", "--trust", "safe"]) == 2
    told = capsys.readouterr().err
    for name in ("4 things", "open", "eval", "exec", "os.getcwd"):
        assert name in told


def test_an_unknown_level_is_told(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--bundle", str(bundle), "--trust", "some"]) == 2
    assert "trust is data, safe or full, not 'some'" in capsys.readouterr().err
