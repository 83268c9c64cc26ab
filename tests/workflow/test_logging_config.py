"""Logging files: both forms are read, nothing in them is run."""

from __future__ import annotations

import logging
import logging.handlers
import sys

import pytest

from bundle_engine.errors import InputError, InputNotFoundError
from bundle_engine.workflow.logging_config import read_logging_config

INI = """\
[loggers]
keys=root,engine

[handlers]
keys=console,file

[formatters]
keys=full

[logger_root]
level=INFO
handlers=console

[logger_engine]
level=WARNING
handlers=console,file
qualname=ignite.engine
propagate=0

[handler_console]
class=StreamHandler
level=INFO
formatter=full
args=(sys.stdout,)

[handler_file]
class=handlers.RotatingFileHandler
args=('run.log', 'a')
kwargs={'maxBytes': 10, 'backupCount': -1}

[formatter_full]
format=%(asctime)s - %(message)s
datefmt=%H:%M
"""


def test_the_ini_form_becomes_the_dict_form(write):
    assert read_logging_config(write("logging.conf", INI)) == {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"full": {"format": "%(asctime)s - %(message)s", "datefmt": "%H:%M"}},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "level": "INFO",
                "formatter": "full",
                "stream": "ext://sys.stdout",
            },
            "file": {
                "class": "logging.handlers.RotatingFileHandler",
                "filename": "run.log",
                "mode": "a",
                "maxBytes": 10,
                "backupCount": -1,
            },
        },
        "loggers": {"ignite.engine": {"level": "WARNING", "handlers": ["console", "file"], "propagate": False}},
        "root": {"level": "INFO", "handlers": ["console"]},
    }


def with_handler(*lines):
    return (
        "[loggers]\nkeys=root\n[handlers]\nkeys=h\n[formatters]\nkeys=f\n[logger_root]\nhandlers=h\n"
        "[handler_h]\n" + "\n".join(lines) + "\n[formatter_f]\nformat=%(message)s\n"
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(["class=StreamHandler"], {}, id="no-arguments"),
        pytest.param(["class=StreamHandler", "args="], {}, id="empty-arguments"),
        pytest.param(
            ["class=logging.StreamHandler", "args=(sys.stderr,)"], {"stream": "ext://sys.stderr"}, id="stderr"
        ),
        pytest.param(["class=FileHandler", "args=['x.log']"], {"filename": "x.log"}, id="list"),
        pytest.param(["class=FileHandler", "args=('x%%d.log',)"], {"filename": "x%d.log"}, id="percent"),
        pytest.param(
            ["class=logging.handlers.SysLogHandler", "args=(('localhost', 514),)"],
            {"address": ("localhost", 514)},
            id="nested-tuple",
        ),
        pytest.param(
            ["class=handlers.MemoryHandler", "args=(10,)", "target=h"], {"capacity": 10, "target": "h"}, id="target"
        ),
    ],
)
def test_arguments_of_ini_handlers_get_their_names(write, lines, expected):
    handler = read_logging_config(write("logging.conf", with_handler(*lines)))["handlers"]["h"]
    assert handler.pop("class").startswith("logging.")
    assert handler == expected


PAYLOAD = "__import__('os').system('touch pwned')"


@pytest.mark.parametrize(
    ("lines", "place", "reason"),
    [
        pytest.param([f"class={PAYLOAD}"], "[handler_h] class", "is no handler", id="call"),
        pytest.param(["class=eval", f'args=("{PAYLOAD}",)'], "[handler_h] class", "is no handler", id="eval"),
        pytest.param([f"class=({PAYLOAD}, StreamHandler)[1]"], "[handler_h] class", "is no handler", id="subscript"),
        pytest.param(["class=logging.Logger"], "[handler_h] class", "is no handler", id="no-handler"),
        pytest.param(["class=logging.Formatter"], "[handler_h] class", "is no handler", id="formatter-as-handler"),
        pytest.param(["class=os.system"], "[handler_h] class", "is no handler", id="other-module"),
        pytest.param(["class=logging.os.system"], "[handler_h] class", "is no handler", id="through-logging"),
        pytest.param(["class=handlers.QueueHandler"], "[handler_h] class", "needs a queue", id="queue"),
        pytest.param(["level=INFO"], "[handler_h] class", "is missing", id="no-class"),
        pytest.param(
            ["class=StreamHandler", f"args=({PAYLOAD},)"], "[handler_h] args", "is not allowed", id="call-in-args"
        ),
        pytest.param(
            ["class=StreamHandler", "args=(sys.path,)"], "[handler_h] args", "'sys.path'", id="other-attribute"
        ),
        pytest.param(["class=StreamHandler", "args=(open,)"], "[handler_h] args", "'open'", id="name"),
        pytest.param(["class=StreamHandler", "args=[x for x in ()]"], "[handler_h] args", "not allowed", id="loop"),
        pytest.param(
            ["class=StreamHandler", "args=('ext://os.system',)"], "[handler_h] args", "'ext://os.system'", id="ext"
        ),
        pytest.param(
            ["class=StreamHandler", f"kwargs={{'stream': {PAYLOAD}}}"], "[handler_h] kwargs", "not allowed", id="kwargs"
        ),
        pytest.param(["class=StreamHandler", "kwargs={**sys.modules}"], "[handler_h] kwargs", "'**'", id="unpacking"),
        pytest.param(["class=StreamHandler", "args=(("], "[handler_h] args", "never closed", id="syntax"),
        pytest.param(["class=StreamHandler", "args=1"], "[handler_h] args", "is no tuple", id="no-tuple"),
        pytest.param(["class=StreamHandler", "kwargs=(1,)"], "[handler_h] kwargs", "is no dict", id="no-dict"),
        pytest.param(["class=FileHandler"], "[handler_h] args", "missing a required argument", id="missing"),
        pytest.param(["class=FileHandler", "args=('%d',)"], "[handler_h] args", "a lone % is written %%", id="percent"),
    ],
)
def test_ini_handlers_that_could_run_code_are_refused(write, tmp_path, monkeypatch, lines, place, reason):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="is refused") as caught:
        read_logging_config(write("logging.conf", with_handler(*lines)))
    error = caught.value
    assert isinstance(error, InputError)
    assert place in error.message
    assert reason in error.message
    assert error.place.line in (9, 10, 11)
    assert "GHSA-wvpx-5qmp-46g3" in str(error)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("no sections", "cannot read the logging config", id="no-ini"),
        pytest.param("[loggers]\nkeys=root\n[handlers]\nkeys=h\n[formatters]\nkeys=\n", "[handler_h]", id="no-section"),
        pytest.param("[formatters]\nkeys=\n", "[handlers]", id="no-handlers"),
        pytest.param(with_handler("class=StreamHandler").replace("keys=root", ""), "[loggers] keys", id="no-keys"),
        pytest.param(
            with_handler("class=StreamHandler").replace("keys=f", "keys=f,g") + "[formatter_g]\nclass=os.system",
            "[formatter_g] class = 'os.system' is no formatter",
            id="formatter",
        ),
        pytest.param(INI.replace("propagate=0", "propagate=x"), "[logger_engine] propagate", id="propagate"),
    ],
)
def test_broken_ini_files_are_errors_with_their_place(write, content, message):
    path = write("logging.conf", content)
    with pytest.raises(InputError) as caught:
        read_logging_config(path)
    assert message in str(caught.value)
    assert path in str(caught.value)


DICT = {
    "formatters": {"f": {"format": "%(message)s"}},
    "handlers": {"h": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "f"}},
    "root": {"level": "INFO", "handlers": ["h"]},
}


def test_the_dict_form_is_taken_as_it_is(write):
    config = read_logging_config(write("logging.json", DICT))
    assert config == {"version": 1, "disable_existing_loggers": False, **DICT}


@pytest.mark.parametrize(
    ("section", "change", "reason"),
    [
        pytest.param("handlers", {"h": {"()": "os.system"}}, "[handlers] [h] [()]", id="factory"),
        pytest.param("handlers", {"h": {"class": "os.system"}}, "[handlers] [h] [class]", id="class"),
        pytest.param(
            "handlers",
            {"h": {"class": "logging.StreamHandler", "stream": "ext://os.environ"}},
            "'ext://os.environ'",
            id="ext",
        ),
        pytest.param("formatters", {"f": {"class": "os.system"}}, "[formatters] [f] [class]", id="formatter"),
        pytest.param("formatters", {"f": {"()": "os.system"}}, "[formatters] [f] [()]", id="formatter-factory"),
        pytest.param("filters", {"x": {"()": "os.system"}}, "[filters] [x] [()]", id="filter"),
        pytest.param("handlers", {"h": {"class": "logging.StreamHandler", ".": {"a": 1}}}, "[.]", id="attributes"),
        pytest.param(
            "handlers", {"h": {"class": "logging.StreamHandler", "queue": {"()": "os.system"}}}, "[queue]", id="queue"
        ),
        pytest.param(
            "loggers", {"x": {"handlers": ["ext://os.environ"]}}, "[loggers] [x] [handlers] [0]", id="in-a-list"
        ),
        pytest.param("handlers", ["h"], "[handlers] is no mapping", id="list"),
        pytest.param("handlers", {"h": 1}, "[handlers] [h] is no mapping", id="number"),
    ],
)
@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_the_dict_form_must_not_call_anything(write, section, change, reason, suffix):
    with pytest.raises(InputError) as caught:
        read_logging_config(write(f"logging.{suffix}", {**DICT, section: change}))
    assert reason in caught.value.message
    assert "GHSA-wvpx-5qmp-46g3" in str(caught.value)
    assert caught.value.place.line == 1


def test_a_missing_file_is_an_error_with_similar_names(write):
    path = write("logging.conf", INI)
    with pytest.raises(FileNotFoundError, match="Cannot find the logging config file") as caught:
        read_logging_config(path.replace(".conf", ".cnf"))
    assert isinstance(caught.value, InputNotFoundError)
    assert "logging.conf" in caught.value.hint


def test_a_file_that_is_no_text_is_an_error(tmp_path):
    path = tmp_path / "logging.conf"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot read the logging config file"):
        read_logging_config(path)


def test_reading_does_not_touch_the_log(write, bare_log):
    read_logging_config(write("logging.conf", INI))
    assert bare_log.handlers == []
    assert isinstance(sys.modules["logging.handlers"], type(logging))
