"""Setting up the log of a process."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from bundle_engine.errors import InputError
from bundle_engine.workflow import ConfigWorkflow
from bundle_engine.workflow.logs import apply_logging_file, default_log, log_to_file, stops_are_no_errors

FILE = """\
[loggers]
keys=root
[handlers]
keys=h
[formatters]
keys=f
[logger_root]
level=INFO
handlers=h
[handler_h]
class=StreamHandler
formatter=f
args=(sys.stdout,)
[formatter_f]
format=said %(message)s
"""


class Terminal(io.StringIO):
    def isatty(self):
        return True


class TestDefault:
    def test_is_plain_lines_where_there_is_no_terminal(self, bare_log, capsys):
        default_log()
        logging.getLogger("some.logger").info("hello %s", "you")
        err = capsys.readouterr().err
        assert err.endswith(" INFO some.logger: hello you\n")
        assert "\x1b" not in err

    def test_is_drawn_by_rich_on_a_terminal(self, bare_log, monkeypatch):
        monkeypatch.setattr(sys, "stderr", Terminal())
        default_log()
        assert [type(handler).__name__ for handler in bare_log.handlers] == ["RichHandler"]
        logging.getLogger("x").info("hello")
        assert "hello" in sys.stderr.getvalue()

    def test_follows_standard_error(self, bare_log, monkeypatch):
        default_log()
        monkeypatch.setattr(sys, "stderr", later := io.StringIO())
        logging.getLogger("x").info("hello")
        assert "hello" in later.getvalue()

    def test_is_set_up_once(self, bare_log):
        default_log()
        default_log()
        assert len(bare_log.handlers) == 1

    def test_leaves_the_log_of_the_program_alone(self, bare_log):
        bare_log.addHandler(own := logging.NullHandler())
        bare_log.setLevel(logging.ERROR)
        default_log()
        assert bare_log.handlers == [own]
        assert bare_log.level == logging.ERROR


class TestFile:
    def test_is_applied(self, bare_log, write, capsys):
        apply_logging_file(write("logging.conf", FILE))
        logging.getLogger("x").info("hello")
        assert capsys.readouterr().out == "said hello\n"

    def test_is_applied_once_while_nothing_changes(self, bare_log, write):
        path = write("logging.conf", FILE)
        apply_logging_file(path)
        first = bare_log.handlers[:]
        apply_logging_file(path)
        assert bare_log.handlers == first
        bare_log.handlers.clear()
        apply_logging_file(path)
        assert len(bare_log.handlers) == 1

    def test_is_applied_again_when_it_changes(self, bare_log, write, capsys):
        apply_logging_file(write("logging.conf", FILE))
        apply_logging_file(write("logging.conf", FILE.replace("said", "wrote")))
        logging.getLogger("x").info("hello")
        assert capsys.readouterr().out == "wrote hello\n"

    def test_keeps_loggers_that_exist(self, bare_log, write):
        logger = logging.getLogger("existing")
        apply_logging_file(write("logging.conf", FILE))
        assert not logger.disabled

    def test_that_cannot_be_applied_is_an_error(self, bare_log, write):
        path = write("logging.conf", FILE.replace("level=INFO", "level=LOUD"))
        with pytest.raises(InputError, match=r"the logging config cannot be applied.*root") as caught:
            apply_logging_file(path)
        assert caught.value.place.source == path


class TestLogFile:
    def test_gets_plain_lines_after_what_it_holds(self, bare_log, tmp_path):
        path = tmp_path / "out" / "run.log"
        path.parent.mkdir()
        path.write_text("before\n")
        default_log()
        log_to_file(path)
        log_to_file(str(path))
        logging.getLogger("x").info("hello")
        assert path.read_text().startswith("before\n")
        assert path.read_text().count(" INFO x: hello\n") == 1

    def test_that_cannot_be_written_is_an_error(self, bare_log, tmp_path):
        with pytest.raises(InputError, match="cannot write the log"):
            log_to_file(tmp_path)


class TestOfAWorkflow:
    def test_is_set_up_by_the_file_beside_the_config(self, bare_log, write, capsys):
        write("configs/logging.conf", FILE)
        steps = ConfigWorkflow(write("configs/train.json", {"run": "$__import__('logging').info('hello')"}))
        assert bare_log.handlers == []
        steps.initialize()
        steps.run()
        assert "said hello\n" in capsys.readouterr().out

    def test_is_the_default_where_there_is_no_file(self, bare_log, write, capsys):
        ConfigWorkflow(write("train.json", {})).initialize()
        assert "ERROR" in capsys.readouterr().err
        assert len(bare_log.handlers) == 1

    def test_is_left_alone_when_asked_to(self, bare_log, write):
        write("logging.conf", FILE)
        steps = ConfigWorkflow(write("train.json", {"run": "$1"}), logging_file=False)
        steps.initialize()
        steps.run()
        assert bare_log.handlers == []
        assert bare_log.level == logging.WARNING

    def test_is_not_set_up_when_the_config_is_wrong(self, bare_log, write, tmp_path):
        write("logging.conf", FILE.replace("StreamHandler", "FileHandler").replace("sys.stdout", f"'{tmp_path}/x.log'"))
        with pytest.raises(LookupError):
            ConfigWorkflow(write("train.json", {"run": "@nothing"})).initialize()
        assert bare_log.handlers == []
        assert not (tmp_path / "x.log").exists()

    def test_of_a_bad_file_is_an_error_from_the_beginning(self, bare_log, write):
        write("configs/logging.conf", FILE.replace("StreamHandler", "eval"))
        with pytest.raises(ValueError, match="GHSA-wvpx-5qmp-46g3"):
            ConfigWorkflow(write("configs/train.json", {"run": []}))

    def test_of_a_missing_file_is_an_error(self, write):
        with pytest.raises(FileNotFoundError, match=r"Cannot find the logging config file: nothing\.conf"):
            ConfigWorkflow(write("train.json", {}), logging_file="nothing.conf")


@pytest.mark.parametrize(
    ("error", "levels"),
    [
        pytest.param(KeyboardInterrupt, [], id="ctrl-c"),
        pytest.param(OSError, [logging.ERROR] * 4, id="error"),
        pytest.param(SystemExit, [logging.ERROR] * 2, id="exit"),
    ],
)
def test_what_engines_say_of_a_stop_is_left_out(
    error: type[BaseException], levels: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    from ignite.engine import Engine, Events
    from monai.handlers import StatsHandler

    def step(engine: Engine, batch: int) -> None:
        raise error("halfway")

    engine = Engine(step)
    StatsHandler(name="it").attach(engine)
    engine.add_event_handler(Events.ITERATION_STARTED, lambda: logging.getLogger("it").warning("begun"))
    logging.getLogger("it").propagate = True  # MONAI lets it write by itself
    with pytest.raises(error, match="halfway"), stops_are_no_errors():
        engine.run([1])
    assert [record.levelno for record in caplog.records if record.levelno > logging.WARNING] == levels
    assert [record.message for record in caplog.records if record.levelno == logging.WARNING] == ["begun"]
    logging.getLogger("it").error("after it")
    assert caplog.records[-1].message == "after it"


def test_an_error_while_stopping_is_told(caplog: pytest.LogCaptureFixture) -> None:
    def stop() -> None:
        try:
            raise KeyboardInterrupt
        finally:
            try:
                raise OSError("disk full")
            except OSError:
                logging.getLogger("it").exception("not saved")

    with pytest.raises(KeyboardInterrupt), stops_are_no_errors():
        stop()
    assert [record.message for record in caplog.records] == ["not saved"]
