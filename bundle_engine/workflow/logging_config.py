"""Read a logging configuration without running anything that is written in it.

`logging.config.fileConfig` passes ``class=``, ``args=`` and ``kwargs=`` of an INI file to `eval`, and
`logging.config.dictConfig` calls whatever a ``()`` or an ``ext://`` names. A bundle may come from anywhere, so both
forms are read here into the one plain mapping that `dictConfig` takes, and what could run code is refused.
"""

from __future__ import annotations

import ast
import configparser
import logging
import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from bundle_engine.config.ids import PATH_SUFFIXES, Id
from bundle_engine.errors import BundleEngineError, InputError, InputNotFoundError, Place, PolicyError
from bundle_engine.workflow.files import near_files

__all__ = ["read_logging_config"]

_STREAMS = {"sys.stdout": "ext://sys.stdout", "sys.stderr": "ext://sys.stderr"}
_MODULES = {"": "logging", "logging": "logging", "handlers": "logging.handlers", "logging.handlers": "logging.handlers"}
_ADVISORY = "why such a file can run code: security advisory GHSA-wvpx-5qmp-46g3 of MONAI"

_Refuse = Callable[[tuple[str, ...], str], BundleEngineError]
"""Make the error for (the keys that lead to a value, what is wrong with it)."""


def read_logging_config(path: str | os.PathLike[str], *, streams_only: bool = False) -> dict[str, Any]:
    """Read a logging file into a mapping for `logging.config.dictConfig`.

    Args:
        path: an INI file in the form of `logging.config.fileConfig`; or, if its name ends in .json, .yaml or .yml,
            a mapping in the form of `logging.config.dictConfig`.
        streams_only: refuse all that writes anywhere else than to standard output and standard error.

    Raises:
        PolicyError: for what `streams_only` refuses.
        InputNotFoundError: when there is no such file.
        InputError: when it cannot be read, or holds anything but plain values, ``sys.stdout``, ``sys.stderr`` and
            the handlers and formatters of `logging` and `logging.handlers`.
    """
    path = Path(path)
    if not path.is_file():
        raise InputNotFoundError(f"Cannot find the logging config file: {path}.", hint=near_files(path))
    if path.name.lower().endswith(PATH_SUFFIXES):
        from bundle_engine.config.source import load

        document = load(path)

        def refuse(keys: tuple[str, ...], why: str) -> BundleEngineError:
            spot = document.find(Id(keys))
            return _refusal(path, " ".join(f"[{key}]" for key in keys), why, spot.value if spot else None)

        config = {"version": 1, "disable_existing_loggers": False, **document.data}
        _refuse_code(config, refuse)
        return _with_streams_only(config, path) if streams_only else config

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the logging config file {path}: {error}") from error
    config = _Ini(path, text).config()
    return _with_streams_only(config, path) if streams_only else config


def _with_streams_only(config: dict[str, Any], path: Path) -> dict[str, Any]:
    """Give a config back if it writes to the standard streams only, in plain formats."""

    def refuse(what: str, why: str) -> PolicyError:
        hint = "--logging_file False leaves the file out; --log_file FILE writes a log where you want it"
        return PolicyError(
            f"the logging config {path} needs full trust: {what} {why}", place=Place(str(path)), hint=hint
        )

    for name, handler in (config.get("handlers") or {}).items():
        if handler.get("class") not in ("logging.StreamHandler", "logging.NullHandler"):
            raise refuse(f"the handler '{name}'", "is none that writes to a standard stream")
        if handler.get("stream") not in (None, *_STREAMS.values()):
            raise refuse(f"the stream of the handler '{name}'", "is none of the standard ones")
        if more := set(handler) - {"class", "level", "formatter", "filters", "stream"}:
            raise refuse(f"the handler '{name}'", f"has the argument '{sorted(map(str, more))[0]}'")
    for name, formatter in (config.get("formatters") or {}).items():
        if formatter.get("class") not in (None, "logging.Formatter") or formatter.get("style") not in (None, "%"):
            raise refuse(f"the formatter '{name}'", "is none of Python's in the style '%'")
        if more := set(formatter) - {"class", "style", "format", "datefmt", "validate"}:
            raise refuse(f"the formatter '{name}'", f"has the argument '{sorted(map(str, more))[0]}'")
    return config


def _refusal(path: Path, where: str, why: str, place: Place | None) -> InputError:
    return InputError(f"the logging config {path} is refused: {where} {why}", place=place, hint=_ADVISORY)


class _Ini:
    """The form of `logging.config.fileConfig`, section by section."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.text = path, text
        self.ini = configparser.ConfigParser()
        try:
            self.ini.read_string(text, source=str(path))
        except configparser.Error as error:
            line = getattr(error, "lineno", None) or next((n for n, _ in getattr(error, "errors", ())), 0)
            rows = text.split("\n")
            place = Place(str(path), line, 1, rows[line - 1]) if 0 < line <= len(rows) else Place(str(path))
            hint = "the form is that of Python's logging.config.fileConfig; .json and .yaml hold that of dictConfig"
            raise InputError("cannot read the logging config", place=place, hint=hint) from error

    def config(self) -> dict[str, Any]:
        formatters = {name: self.formatter(f"formatter_{name}") for name in self.names("formatters", must=False)}
        handlers = {name: self.handler(f"handler_{name}") for name in self.names("handlers")}
        loggers = {}
        root: dict[str, Any] = {}
        for name in self.names("loggers"):
            section = f"logger_{name}"
            logger = self.logger(section)
            if name == "root":
                root = logger
                continue
            propagate = self.option(section, "propagate")
            try:
                logger["propagate"] = bool(int(propagate)) if propagate is not None else True
            except ValueError:
                self.fail(section, "propagate", f"= {propagate!r}, and takes 0 or 1")
            loggers[self.option(section, "qualname") or name] = logger
        return {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": formatters,
            "handlers": handlers,
            "loggers": loggers,
            "root": root,
        }

    def names(self, section: str, *, must: bool = True) -> list[str]:
        listed = self.option(section, "keys")
        if listed is None and must:
            self.fail(section, "keys", "is missing")
        return [name.strip() for name in (listed or "").split(",") if name.strip()]

    def formatter(self, section: str) -> dict[str, Any]:
        config = {name: self.option(section, name, raw=True) for name in ("format", "datefmt", "style")}
        if (name := self.option(section, "class")) is not None:
            config["class"] = self.logging_class(section, name, logging.Formatter)
        return {key: value for key, value in config.items() if value is not None}

    def handler(self, section: str) -> dict[str, Any]:
        import inspect

        name = self.option(section, "class")
        if name is None:
            self.fail(section, "class", "is missing")
        dotted = self.logging_class(section, name, logging.Handler)
        args = self.literal(section, "args", ())
        kwargs = self.literal(section, "kwargs", {})
        if not isinstance(args, tuple | list):
            self.fail(section, "args", f"= {args!r} is no tuple, such as ('run.log',)")
        if not isinstance(kwargs, dict) or not all(isinstance(key, str) for key in kwargs):
            self.fail(section, "kwargs", f"= {kwargs!r} is no dict with names as keys")
        try:
            bound = inspect.signature(_find_class(dotted)).bind(*args, **kwargs).arguments
        except TypeError as error:
            self.fail(section, "args", f"does not fit {dotted}: {error}")
        config: dict[str, Any] = {"class": dotted, **bound}
        for option in ("level", "formatter", "target"):
            if value := self.option(section, option):
                config[option] = value
        return config

    def logger(self, section: str) -> dict[str, Any]:
        config: dict[str, Any] = {}
        if level := self.option(section, "level"):
            config["level"] = level
        handlers = (self.option(section, "handlers") or "").split(",")
        config["handlers"] = [name.strip() for name in handlers if name.strip()]
        return config

    def option(self, section: str, option: str, *, raw: bool = False) -> str | None:
        try:
            return self.ini.get(section, option, raw=raw)
        except configparser.NoOptionError:
            return None
        except configparser.NoSectionError:
            raise InputError(
                f"the logging config {self.path} has no section [{section}]", place=Place(str(self.path))
            ) from None
        except configparser.InterpolationError as error:
            self.fail(section, option, f"cannot be filled in ({error.message}); a lone % is written %%")

    def logging_class(self, section: str, name: str, base: type) -> str:
        dotted, why = _logging_class(name, base)
        if why:
            self.fail(section, "class", f"= {name!r} {why}")
        return dotted

    def literal(self, section: str, option: str, default: Any) -> Any:
        written = self.option(section, option)
        if not written:
            return default
        try:
            return _literal(ast.parse(written.strip(), mode="eval").body)
        except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
            why = error.msg if isinstance(error, SyntaxError) else str(error)
            self.fail(
                section, option, f"= {written!r} is not made of plain values, sys.stdout and sys.stderr only: {why}"
            )

    def fail(self, section: str, option: str, why: str) -> NoReturn:
        place = _ini_place(self.path, self.text, section, option)
        raise _refusal(self.path, f"[{section}] {option}", why, place)


def _literal(node: ast.expr) -> Any:
    """Give the value of an expression made of literals and of the two standard streams."""
    if isinstance(node, ast.Tuple | ast.List):
        items = [_literal(item) for item in node.elts]
        return tuple(items) if isinstance(node, ast.Tuple) else items
    if isinstance(node, ast.Dict):
        if None in node.keys:
            raise ValueError("'**' is not allowed")
        return {_literal(key): _literal(value) for key, value in zip(node.keys, node.values, strict=True) if key}
    if isinstance(node, ast.Attribute | ast.Name):
        written = ast.unparse(node)
        if written not in _STREAMS:
            raise ValueError(f"'{written}' is not allowed")
        return _STREAMS[written]
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and "://" in node.value:
        _check_protocol(node.value)
    if isinstance(node, ast.Constant | ast.UnaryOp):
        return ast.literal_eval(node)
    raise ValueError(f"'{ast.unparse(node)}' is not allowed")


def _check_protocol(text: str) -> None:
    if text.startswith("ext://") and text not in _STREAMS.values():
        raise ValueError(f"'{text}' is not allowed, of all 'ext://' only {' and '.join(_STREAMS.values())}")


def _logging_class(name: Any, base: type) -> tuple[str, str]:
    """Give the dotted path of a class of `logging`, or else an empty one and what is wrong with it."""
    kind = base.__name__.lower()
    module, _, attribute = str(name).strip().rpartition(".")
    if module not in _MODULES or not attribute.isidentifier():
        return "", f"is no {kind} of 'logging' or 'logging.handlers'"
    dotted = f"{_MODULES[module]}.{attribute}"
    found = _find_class(dotted)
    if not (isinstance(found, type) and issubclass(found, base)):
        return "", f"is no {kind} of 'logging' or 'logging.handlers'"
    if attribute == "QueueHandler":
        return "", "needs a queue, which a file cannot give"
    return dotted, ""


def _find_class(dotted: str) -> Any:
    module, _, attribute = dotted.rpartition(".")
    return getattr(import_module(module), attribute, None)


def _refuse_code(config: dict[str, Any], refuse: _Refuse) -> None:
    """Look through the form of `dictConfig` for what would be imported or called."""
    for section, base in (("handlers", logging.Handler), ("formatters", logging.Formatter)):
        entries = config.get(section) or {}
        if not isinstance(entries, dict):
            raise refuse((section,), "is no mapping")
        for name, entry in entries.items():
            if not isinstance(entry, dict):
                raise refuse((section, name), "is no mapping")
            if "class" in entry:
                dotted, why = _logging_class(entry["class"], base)
                if why:
                    raise refuse((section, name, "class"), f"= {entry['class']!r} {why}")
                entry["class"] = dotted
            for key in ("queue", "listener"):
                if key in entry:
                    raise refuse((section, name, key), "is not allowed")
    _refuse_calls(config, (), refuse)


def _refuse_calls(value: Any, keys: tuple[str, ...], refuse: _Refuse) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key in ("()", "."):
                raise refuse((*keys, key), "would call or change something by its name; only 'class' is allowed")
            _refuse_calls(item, (*keys, str(key)), refuse)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_calls(item, (*keys, str(index)), refuse)
    elif isinstance(value, str):
        try:
            _check_protocol(value)
        except ValueError as error:
            raise refuse(keys, f"cannot be followed: {error}") from None


def _ini_place(path: Path, text: str, section: str, option: str) -> Place:
    """Find the line of an option of an INI file, or that of its section."""
    inside, place = False, Place(str(path))
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip()
        if bare.startswith("["):
            inside = bare == f"[{section}]"
            if inside:
                place = Place(str(path), number, 1, line, len(bare))
        elif inside and bare.replace(":", "=").partition("=")[0].strip().lower() == option:
            return Place(str(path), number, 1, line, max(1, len(bare)))
    return place
