"""Read the values of command-line arguments."""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Mapping
from typing import Any

from bundle_engine.cli.command import Option
from bundle_engine.errors import UsageError

__all__ = ["is_yes_or_no", "read_option", "read_value"]

_COMPOUND = (ast.List, ast.Tuple, ast.Dict, ast.Set, ast.UnaryOp)  # what can be a literal, besides a constant
_YES, _NO = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


def read_value(text: str) -> Any:
    """Read the value of an override: a Python literal, in which words need no quotes, or else the text itself.

    This is how fire reads values, so ``1e-3`` is a number, ``[a, b]`` a list of strings, ``None`` is None and
    ``a,b`` a tuple. Beyond it, words may have dots: ``[{_target_: torch.nn.ReLU}]``. And a plain text is never
    changed, while fire would drop what looks like a comment in ``step #2``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns about strange literals, such as 1if
            tree = ast.parse(text, mode="eval").body
            if isinstance(tree, ast.Constant):
                return text if tree.value is ... or _has_comment(text) else tree.value
            if not isinstance(tree, _COMPOUND) or _has_comment(text):
                return text
            # only here, for fire takes 40 ms to import
            from fire.parser import DefaultParseValue

            value = DefaultParseValue(text)
            if value == text and text[0] in "[{(":
                value = DefaultParseValue(ast.unparse(_DottedWords().visit(tree)))
                value = text if isinstance(value, str) else value
            return value
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return text


class _DottedWords(ast.NodeTransformer):
    """Make strings of dotted names."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        written = ast.unparse(node)
        return ast.Constant(written) if all(part.isidentifier() for part in written.split(".")) else node


def _has_comment(text: str) -> bool:
    if "#" not in text:
        return False
    import io
    import tokenize

    try:
        return any(token.type == tokenize.COMMENT for token in tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return True


def read_option(option: Option, text: str) -> Any:
    """Read the value of an option according to its kind.

    Raises:
        UsageError: when a switch gets anything but yes or no.
    """
    if option.kind == "switch":
        return _switch(option.name, text)
    if text == "None":
        return None
    if option.kind in ("log", "optional") and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if option.kind == "files":
        return _files(text)
    if option.kind == "texts":
        return [text]
    if option.kind == "settings" and text.startswith("{"):
        value = read_value(text)
        return value if isinstance(value, Mapping) else text
    return text


def is_yes_or_no(text: str) -> bool:
    """Tell whether a text is what a switch takes."""
    return text.lower() in (*_YES, *_NO)


def _switch(name: str, text: str) -> bool:
    if is_yes_or_no(text):
        return text.lower() in _YES
    raise UsageError(f"--{name} is a switch, and cannot be '{text}'", hint=f"write --{name}, or --{name}=False")


def _files(text: str) -> Any:
    """Read one or several paths: ``a``, ``a,b``, ``['a','b']``, ``[a,b]``; or a mapping for the content itself."""
    if os.path.exists(text):
        return [text]
    if text[:1] in "[({":
        value = read_value(text)
        if isinstance(value, Mapping):
            return value
        if isinstance(value, list | tuple):
            return [str(item) for item in value]
        text = text.strip("[]()")
    return _split_paths(text)


def _split_paths(text: str) -> list[str]:
    """Split at commas, but not at those in the name of a file that exists."""
    parts = text.split(",")
    paths: list[str] = []
    while parts:
        most = len(parts)
        joined = (",".join(parts[:n]).strip() for n in range(most, 0, -1))
        used, path = next(((most - i, p) for i, p in enumerate(joined) if os.path.exists(p)), (1, parts[0].strip()))
        if path:
            paths.append(path)
        parts = parts[used:]
    return paths
