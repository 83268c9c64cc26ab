"""Describe any object in plain values, so that equal descriptions mean equal behaviour: for the keys of a cache.

Plain values, arrays and tensors stand for themselves. An object is its class and its state. A class or a function of an
installed package is its name and the version of the package; one of the user's own is its name and the text of the
modules it comes from, and of those that these use. A lambda is its code, with the values that it takes from around it.
A path to a file that exists is that file's content.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import json
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import Any

from bundle_engine.data.sources import code_of_module

__all__ = ["NotDescribableError", "describe", "digest_of"]

_PLAIN = (type(None), bool, int, str)
_LONGEST_PATH = 4096
_DEEPEST = 200
_LAST_READ = ("filenames", "has_series")  # what MONAI's readers note of the file that they read last


class NotDescribableError(Exception):
    """Something whose behaviour cannot be told by looking at it; the message says what and where."""


def digest_of(description: Any) -> str:
    """Give the digest of a description: 40 hexadecimal digits."""
    text = json.dumps(description, separators=(",", ":"), ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


def describe(value: Any, content: Callable[[str], str | None]) -> Any:
    """Describe an object.

    Args:
        value: the object.
        content: gives the digest of the content of a path; None where it leads to no file.

    Returns:
        lists, texts and numbers that can be written as JSON.

    Raises:
        NotDescribableError: for an object whose state cannot be seen, such as a random generator of torch.
    """
    return _Describer(content).describe(value)


class _Describer:
    def __init__(self, content: Callable[[str], str | None]) -> None:
        self._content = content
        self._seen: dict[int, int] = {}
        self._alive: list[Any] = []  # what was seen stays, so that no id is given again
        self._depth = 0

    def describe(self, value: Any) -> Any:
        if type(value) in (str, Path) or isinstance(value, PurePath):
            return self._text(str(value))
        if type(value) in _PLAIN:
            return value
        if type(value) is float:
            return ["float", value.hex()]
        if id(value) in self._seen:
            return ["seen", self._seen[id(value)]]
        self._seen[id(value)] = len(self._seen)
        self._alive.append(value)
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NotDescribableError("it is nested too deeply")
        try:
            return self._compound(value)
        finally:
            self._depth -= 1

    def _text(self, text: str) -> Any:
        if 0 < len(text) <= _LONGEST_PATH and "\n" not in text and "\0" not in text:
            digest = self._content(text)
            if digest is not None:
                return ["file", text, digest]
        return ["text", text]

    def _compound(self, value: Any) -> Any:
        if isinstance(value, enum.Enum):
            return ["enum", _name_of(type(value)), value.name]
        kind = type(value)
        if kind in (list, tuple):
            return [kind.__name__, [self.describe(item) for item in value]]
        if kind in (set, frozenset):
            return [kind.__name__, sorted(json.dumps(self.describe(item)) for item in value)]
        if kind in (dict, types.MappingProxyType):
            return ["dict", [[self.describe(key), self.describe(item)] for key, item in value.items()]]
        if kind in (bytes, bytearray):
            return ["bytes", hashlib.blake2b(bytes(value)).hexdigest()]
        if kind in (complex, range, slice, type(Ellipsis), type(NotImplemented)):
            return [kind.__name__, repr(value)]
        array = _array(value)
        return array if array is not None else self._callable_or_object(value)

    def _callable_or_object(self, value: Any) -> Any:
        if isinstance(value, types.ModuleType):
            return ["module", value.__name__, code_of_module(value.__name__)]
        if isinstance(value, type):
            return ["class", _name_of(value), self._code(value)]
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.MethodType):
            return ["method", self.describe(value.__self__), value.__func__.__qualname__]
        if isinstance(value, types.BuiltinFunctionType | types.MethodDescriptorType | types.WrapperDescriptorType):
            return self._builtin(value)
        if isinstance(value, types.CellType):
            return ["cell", self.describe(value.cell_contents)]
        if isinstance(value, types.CodeType):
            return self._plain_code(value)
        return self._object(value)

    def _builtin(self, value: Any) -> Any:
        owner = getattr(value, "__self__", None)
        if owner is not None and not isinstance(owner, types.ModuleType):
            return ["method", self.describe(owner), value.__qualname__]
        return ["builtin", getattr(value, "__module__", None), value.__qualname__]

    def _object(self, value: Any) -> Any:
        kind = type(value)
        if getattr(value, "__qualname__", None) and getattr(value, "__module__", None) and callable(value):
            return ["named", value.__module__, value.__qualname__, code_of_module(value.__module__)]
        if kind.__module__ == "numpy" and kind.__name__ == "ufunc":
            return ["ufunc", value.__name__]
        if kind.__module__ == "torch" and kind.__name__ in ("dtype", "device", "memory_format", "layout"):
            return [kind.__name__, str(value)]
        if kind.__module__ == "torch" and kind.__name__ == "Generator":
            raise NotDescribableError("it holds a random generator")
        try:
            reduced = value.__reduce_ex__(2)
        except Exception as error:
            raise NotDescribableError(f"the state of a '{kind.__qualname__}' cannot be seen") from error
        if isinstance(reduced, str):
            return ["global", kind.__module__, reduced]
        make, arguments, *state = reduced
        if kind.__module__ == "monai.data.image_reader" and state and isinstance(state[0], dict):
            state[0] = {name: part for name, part in state[0].items() if name not in _LAST_READ}
        parts = [list(part) if part is not None and index > 0 else part for index, part in enumerate(state[:3])]
        return ["object", _name_of(kind), self._code(kind), *map(self.describe, (make, arguments, *parts))]

    def _code(self, kind: type) -> list[str]:
        """Give the code of a class and of those it derives from."""
        modules = dict.fromkeys(base.__module__ for base in kind.__mro__ if base is not object)
        if any(base.__module__ == "__main__" and not _main_file() for base in kind.__mro__):
            raise NotDescribableError(f"the class '{kind.__qualname__}' was not read from a file")
        return [code_of_module(module) for module in modules]

    def _function(self, function: types.FunctionType) -> Any:
        plain = function.__closure__ is None and "<" not in function.__qualname__
        module = sys.modules.get(function.__module__ or "")
        found = getattr(module, function.__name__, None)
        if plain and found is function and getattr(module, "__file__", None):
            return ["function", function.__module__, function.__qualname__, code_of_module(function.__module__)]
        around = [self.describe(cell) for cell in function.__closure__ or ()]
        names = _names_in(function.__code__)
        used = [[name, self.describe(function.__globals__[name])] for name in names if name in function.__globals__]
        defaults = [self.describe(function.__defaults__), self.describe(function.__kwdefaults__)]
        return ["lambda", self._plain_code(function.__code__), around, used, *defaults]

    def _plain_code(self, code: types.CodeType) -> Any:
        consts = [self.describe(each) for each in code.co_consts]
        raw = base64.b64encode(code.co_code).decode()
        shape = [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags]
        names = [list(code.co_names), list(code.co_varnames), list(code.co_freevars), list(code.co_cellvars)]
        table = base64.b64encode(getattr(code, "co_exceptiontable", b"")).decode()
        return ["code", raw, consts, names, shape, table]


def _names_in(code: types.CodeType) -> list[str]:
    """Give the names that code looks up, that of functions in it included."""
    names = dict.fromkeys(code.co_names)
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            names |= dict.fromkeys(_names_in(const))
    return list(names)


def _name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _main_file() -> str | None:
    return getattr(sys.modules.get("__main__"), "__file__", None)


def _array(value: Any) -> Any:
    """Describe an array, a tensor or a number of NumPy; None for everything else."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        if value.layout is not torch.strided:
            raise NotDescribableError("it holds a sparse tensor")
        plain = value.detach().cpu().as_subclass(torch.Tensor).contiguous()
        data = plain.reshape(-1).view(torch.uint8).numpy().tobytes() if plain.numel() else b""
        more = _meta_of(value)
        return ["tensor", str(value.dtype), list(value.shape), hashlib.blake2b(data, digest_size=20).hexdigest(), more]
    if numpy is None:
        return None
    if isinstance(value, numpy.dtype):
        return ["dtype", str(value)]
    if isinstance(value, numpy.ndarray | numpy.generic):
        whole = numpy.ascontiguousarray(value)
        if whole.dtype.hasobject:
            raise NotDescribableError("it holds an array of objects")
        digest = hashlib.blake2b(whole.tobytes(), digest_size=20).hexdigest()
        return [type(value).__name__, str(whole.dtype.descr), list(value.shape), digest]
    return None


def _meta_of(value: Any) -> Any:
    """Describe what a tensor carries with it."""
    state: Mapping[str, Any] = getattr(value, "__dict__", {})
    return _Describer(lambda _: None).describe(dict(state)) if state else None
