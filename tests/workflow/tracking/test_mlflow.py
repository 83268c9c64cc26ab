"""What MLflow knows of a run, read back through its client."""

from __future__ import annotations

import json
import logging
import re
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.errors import MissingDependencyError, TrackingError
from bundle_engine.workflow import ConfigWorkflow
from bundle_engine.workflow.tracking import current_run
from bundle_engine.workflow.tracking.parameters import LONGEST_NAME, LONGEST_VALUE, parameters_of

pytest.importorskip("mlflow")

needs_database = pytest.mark.usefixtures("database")


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, for making one takes seconds."""
    pytest.importorskip("sqlalchemy")  # what the database needs beyond mlflow-skinny
    pytest.importorskip("alembic")
    from bundle_engine.workflow.tracking import store

    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    store.connect(f"sqlite:///{file}", "Default")
    return file


@pytest.fixture
def database(empty_store: Path, tmp_path: Path) -> None:
    """An empty database in the test's folder."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")


def client(uri: str | None = None) -> Any:
    import mlflow

    return mlflow.MlflowClient(tracking_uri=uri or f"sqlite:///{Path('mlflow.db').absolute()}")


def only_run(uri: str | None = None, experiment: str = "monai_experiment") -> Any:
    found = client(uri)
    [run] = found.search_runs([found.get_experiment_by_name(experiment).experiment_id])
    return run


def history(run: Any, name: str) -> list[tuple[int, float]]:
    return [(entry.step, entry.value) for entry in client().get_metric_history(run.info.run_id, name)]


def start(file: str, **more: Any) -> ConfigWorkflow:
    workflow = ConfigWorkflow(file, tracking=more.pop("tracking", "mlflow"), logging_file=False, **more)
    workflow.initialize()
    return workflow


@pytest.fixture
def printed(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[str], list[float]]]:
    """Read numbers from what StatsHandlers print."""
    handler_log = logging.getLogger("monai.handlers.StatsHandler")
    from monai.handlers import StatsHandler  # noqa: F401  # it sets the log up at its import

    handler_log.addHandler(caplog.handler)
    caplog.set_level(logging.INFO)

    def numbers(pattern: str) -> list[float]:
        texts = [record.getMessage() for record in caplog.records if record.name == handler_log.name]
        return [float(found[1]) for text in texts if (found := re.search(pattern + r" ([\d.]+)", text))]

    yield numbers
    handler_log.removeHandler(caplog.handler)


@needs_database
def test_the_numbers_are_those_of_the_log(config: Callable[..., str], printed: Callable[[str], list[float]]) -> None:
    model = {"_target_": "CheckpointSaver", "save_dir": "out", "save_dict": {"model": "@network"}, "save_final": True}
    model["final_filename"] = "model.pt"
    workflow = start(config(), **{"+train::handlers": [model], "tracking_artifacts": ["out/model.pt", "nothing"]})
    assert workflow.tracked_run is not None
    assert client().get_run(workflow.tracked_run.run_id).info.status == "RUNNING"
    assert current_run() is workflow.tracked_run
    workflow.run()
    workflow.finalize()
    run = only_run()
    assert run.info.run_id == workflow.tracked_run.run_id
    assert run.info.status == "FINISHED"
    assert re.fullmatch(r"small_training_\d{8}_\d{6}", run.info.run_name)
    assert (run.data.tags["bundle"], run.data.tags["bundle.version"]) == ("Small training", "1.2.3")
    assert run.data.params["max_epochs"] == "2"
    assert run.data.params["optimizer.lr"] == "0.01"
    assert run.data.params["initialize"] == "['$monai.utils.set_determinism(0)']"
    assert run.data.params["note"] == "x" * (LONGEST_VALUE - 3) + "..."
    losses, scores = printed("Loss:"), printed("score:")
    assert len(losses) == 6
    assert [(step, pytest.approx(value, abs=1e-4)) for step, value in history(run, "train_loss")] == [
        *enumerate(losses, 1)
    ]
    assert [(step, pytest.approx(value, abs=1e-4)) for step, value in history(run, "score")] == [*enumerate(scores, 1)]
    assert history(run, "lr_group_0") == [(step, 0.01) for step in range(1, 7)]
    artifacts = {item.path for item in client().list_artifacts(run.info.run_id)}
    assert {re.sub(r"\d+", "N", name) for name in artifacts} == {"config_N_N.json", "model.pt"}


@needs_database
def test_secrets_stay_here(config: Callable[..., str], tmp_path: Path) -> None:
    start(config(train_url="https://me:do-not-tell@example.com/x")).run()
    run = only_run()
    assert run.data.params["api_key"] == "???"
    assert "do-not-tell" not in json.dumps(run.data.to_dictionary())
    [uploaded] = tmp_path.glob("mlruns/*/artifacts/config_*.json")
    assert "do-not-tell" not in uploaded.read_text()
    assert json.loads(uploaded.read_text())["max_epochs"] == 2
    assert b"do-not-tell" not in (tmp_path / "mlflow.db").read_bytes()


@needs_database
@pytest.mark.parametrize(
    ("step", "error", "status"),
    [
        pytest.param("$1 / 0", ArithmeticError, "FAILED", id="exception"),
        pytest.param("$[].throw()", Exception, "FAILED", id="another"),
        pytest.param("$signal.raise_signal(signal.SIGINT)", KeyboardInterrupt, "KILLED", id="ctrl-c"),
        pytest.param("$sys.exit(3)", SystemExit, "KILLED", id="exit"),
        pytest.param("$sys.exit(0)", SystemExit, "FINISHED", id="exit-well"),
    ],
)
@pytest.mark.parametrize("part", ["run", "initialize"])
def test_the_status_says_how_it_ended(
    config: Callable[..., str], step: str, error: type[BaseException], status: str, part: str
) -> None:
    imports = ["$import torch", "$import signal", "$import sys"]
    workflow = ConfigWorkflow(
        config(**{"run": [], "initialize": [], part: [step], "imports": imports}), tracking="mlflow", logging_file=False
    )
    try:
        workflow.initialize()
        workflow.run()
    except BaseException as caught:
        assert isinstance(caught, error) or isinstance(caught.__cause__, error)
    assert only_run().info.status == status


@needs_database
def test_a_training_that_is_interrupted_keeps_its_metrics(config: Callable[..., str]) -> None:
    stop = {"_target_": "StatsHandler", "iteration_print_logger": "$lambda engine: 1 / (3 - engine.state.iteration)"}
    workflow = start(config(), **{"+train::handlers": [stop]})
    with pytest.raises(Exception, match="division"):
        workflow.run()
    run = only_run()
    assert run.info.status == "FAILED"
    assert [step for step, _ in history(run, "train_loss")] == [1, 2]


@needs_database
def test_a_run_goes_on(config: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    first = start(config())
    first.run()
    assert first.tracked_run is not None
    second = ConfigWorkflow(config(more=1), tracking="mlflow", logging_file=False)
    second.tracking_run_id = first.tracked_run.run_id
    second.initialize()
    second.run()
    run = only_run()
    assert run.data.params["more"] == "1"
    assert len(history(run, "score")) == 4
    monkeypatch.setenv("MLFLOW_RUN_ID", "nonexistent")
    with pytest.raises(TrackingError, match="has no run 'nonexistent' to go on with"):
        start(config())


@needs_database
def test_runs_of_one_name_are_not_mixed_up(config: Callable[..., str]) -> None:
    for _ in range(2):
        workflow = start(config(run=["$1 / 0"]), run_name="same")
        with pytest.raises(Exception, match="division"):
            workflow.run()
    start(config(), run_name="same").run()
    found = client()
    runs = found.search_runs([found.get_experiment_by_name("monai_experiment").experiment_id])
    assert [(run.info.status, len(history(run, "score"))) for run in runs] == [
        ("FINISHED", 2),
        ("FAILED", 0),
        ("FAILED", 0),
    ]


@needs_database
def test_the_environment_says_where(config: Callable[..., str], tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "elsewhere").mkdir()
    uri = f"sqlite:///{tmp_path}/elsewhere/store.db"
    (tmp_path / "mlflow.db").rename(tmp_path / "elsewhere" / "store.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    start(config(), experiment_name="mine").run()
    assert not (tmp_path / "mlflow.db").exists()
    assert only_run(uri, "mine").info.status == "FINISHED"


@needs_database
def test_settings_of_monai_take_part(config: Callable[..., str], tmp_path: Path) -> None:
    settings = {
        "handlers_id": {"trainer": {"id": "train::trainer", "handlers": "train::handlers"}},
        "configs": {
            "tracking_uri": f"sqlite:///{tmp_path}/mlflow.db",
            "experiment_name": "theirs",
            "run_name": "named",
            "save_execute_config": False,
            "trainer": {
                "_target_": "MLFlowHandler",
                "tracking_uri": "@tracking_uri",
                "experiment_name": "@experiment_name",
                "run_name": "@run_name",
                "output_transform": "$monai.handlers.from_engine(['loss'], first=True)",
                "close_on_complete": True,
            },
        },
    }
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    start(config(), tracking="settings.json").run()
    run = only_run(experiment="theirs")
    assert (run.info.run_name, run.info.status) == ("named", "FINISHED")
    assert len(history(run, "Loss")) == 6
    assert run.data.params["optimizer.lr"] == "0.01"


@needs_database
def test_metrics_wait_for_a_store_that_does_not_answer(config: Callable[..., str], caplog: Any) -> None:
    workflow = start(config())
    run = workflow.tracked_run
    assert run is not None
    whole = run.client.log_batch

    def broken(*_: Any, **__: Any) -> None:
        raise ConnectionError("the disk is full")

    run.client.log_batch = broken
    run.log_metrics({"a": 1.0, "no_number": "x"}, 1)
    run.send(last=True)
    run.client.log_batch = whole
    run.log_metrics({"a": 2.0}, 2)
    run.finish()
    assert history(only_run(), "a") == [(1, 1.0), (2, 2.0)]
    assert "'no_number' is no number, and is not tracked" in caplog.messages
    assert any("the disk is full" in message for message in caplog.messages)


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that takes connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted: list[socket.socket] = []
        server.settimeout(0.1)
        stop = threading.Event()

        def accept() -> None:
            while not stop.is_set():
                try:
                    accepted.append(server.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        stop.set()
        thread.join()
        for connection in accepted:
            connection.close()


def closed_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"http://me:do-not-tell@127.0.0.1:{found.getsockname()[1]}"


@pytest.mark.parametrize("kind", ["closed", "silent", "folder", "unwritable"])
def test_a_store_that_cannot_be_used_is_an_error_before_anything_runs(
    config: Callable[..., str], kind: str, monkeypatch: Any, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if kind == "unwritable":
        pytest.importorskip("sqlalchemy")
        (tmp_path / "file").write_text("")
    uri = {
        "closed": closed_port,
        "silent": lambda: request.getfixturevalue("silent_server"),
        "folder": lambda: "./mlruns",
        "unwritable": lambda: f"sqlite:///{tmp_path}/file/mlflow.db",
    }[kind]()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    workflow = ConfigWorkflow(config(initialize=["$torch.save(1, 'built')"]), tracking="mlflow", logging_file=False)
    with pytest.raises(TrackingError) as caught:
        workflow.initialize()
    expected = {
        "closed": "cannot be used",
        "silent": "cannot be used",
        "folder": "does not track into plain folders",
        "unwritable": "cannot track into 'sqlite:///",
    }
    assert expected[kind] in caught.value.message
    assert caught.value.hint
    assert "do-not-tell" not in str(caught.value)
    assert not (tmp_path / "built").exists()


def test_a_package_that_is_missing_is_named(config: Callable[..., str], monkeypatch: Any) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(MissingDependencyError, match=r"needs sqlalchemy") as caught:
        start(config())
    assert caught.value.hint == "pip install 'bundle-engine[tracking]'"


@pytest.mark.parametrize("tracking", ["none", "None", None])
def test_none_turns_it_off(config: Callable[..., str], tracking: str | None, tmp_path: Path) -> None:
    workflow = start(config(), tracking=tracking)
    workflow.run()
    assert workflow.tracked_run is None
    assert not list(tmp_path.glob("mlflow*"))
    assert not (tmp_path / "out").exists()


def test_the_command_line_turns_off_what_an_args_file_asks_for(config: Callable[..., str], tmp_path: Path) -> None:
    from bundle_engine.cli.commands import run

    (tmp_path / "args.json").write_text(json.dumps({"tracking": "mlflow", "config_file": config()}))
    assert run(args_file="args.json", tracking="none", record=False, logging_file=False) == 0
    assert not list(tmp_path.glob("mlflow*"))


def test_parameters_are_flat_short_and_of_allowed_characters() -> None:
    config = {
        "_meta_": {"version": "1"},
        "a": {"b": [1, 2], "c": [{"_target_": "X"}, None], "odd@+key": True},
        "n" * 300: 1,
        "nothing": {},
        "empty": [],
    }
    found = parameters_of(config, longest_value=5)
    long = next(name for name in found if name.startswith("nnn"))
    assert found == {
        "a.b": "[1...",
        "a.c.0._target_": "X",
        "a.c.1": "None",
        "a.odd__key": "True",
        long: "1",
        "empty": "[]",
    }
    assert len(long) <= LONGEST_NAME
