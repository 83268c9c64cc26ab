"""What one config can do if it runs: its targets, and what its expressions name."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from bundle_engine.config import Id, expressions, tree
from bundle_engine.config.ids import COMPONENT_KEYS, EXPRESSION, MODE, REFERENCE, SIGILS, TARGET
from bundle_engine.config.names import DEFAULT_GLOBALS, is_import
from bundle_engine.inspection.manifest.code import Use, aliases_of, imported_roots, uses
from bundle_engine.inspection.manifest.entries import Noteworthy, Where
from bundle_engine.inspection.manifest.literals import Literals, parsed
from bundle_engine.inspection.manifest.tables import (
    FUNCTIONS_ON_FILES,
    judge,
    judge_attribute,
    mode_of_argument,
    urls_in,
    weights_kind,
)
from bundle_engine.inspection.targets import Ambiguous, Found, TargetIndex

__all__ = ["ConfigSurvey", "imported_names"]

_DATA = (
    ".json",
    ".yaml",
    ".yml",
    ".csv",
    ".tsv",
    ".nii",
    ".nii.gz",
    ".dcm",
    ".mha",
    ".mhd",
    ".nrrd",
    ".png",
    ".txt",
)


class ConfigSurvey:
    """Goes through the texts of one config once.

    Args:
        config: the config, macros written out.
        index: knows what is installed.
        where: says where an id was written.
        names: what import statements of other configs of the bundle bind.

    Attributes:
        callables: dotted path, how it is named, whether it is known, where.
        imports: dotted paths of modules, where.
        files: mode, path (empty where it is known only when it runs), text, argument or function, where.
        urls: address, where.
        noteworthy: what a person should look at.
        problems: what could not be read.
    """

    def __init__(
        self, config: Any, index: TargetIndex, where: Callable[[Id], Where], names: Mapping[str, str] | None = None
    ) -> None:
        self._config = config
        self._index = index
        self._where = where
        self._literals = Literals(config)
        self._names: dict[str, str] = {**(names or {}), **DEFAULT_GLOBALS, "env": "env"}
        self.callables: list[tuple[str, str, bool, Where]] = []
        self.imports: list[tuple[str, Where]] = []
        self.files: list[tuple[str, str, str, str, Where]] = []
        self.urls: list[tuple[str, Where]] = []
        self.noteworthy: set[Noteworthy] = set()
        self.problems: set[str] = set()

    def run(self) -> None:
        """Look at every value."""
        values = _values(self._config)
        for id, _, value, _ in values:
            if isinstance(value, str) and value[:1] == EXPRESSION and is_import(value):
                self._take_import(value, id)
        for id, key, value, component in values:
            if isinstance(value, dict):
                self._take_component(value, id)
            elif isinstance(value, str):
                self._take_text(value, id)
            self._take_path(key, value, id, component)

    # --- imports and targets ---

    def _take_import(self, text: str, id: Id) -> None:
        try:
            code = ast.parse(text[1:].strip())
        except (SyntaxError, ValueError):
            return
        where = self._where(id)
        self._names |= aliases_of(code)
        for name, _ in imported_roots(code):
            self.imports.append((name, where))
        for name in aliases_of(code).values():
            self._judge(name, text, where, only_kinds=("unpickling", "program", "native", "import", "network", "code"))

    def _take_component(self, component: dict[Any, Any], id: Id) -> None:
        if TARGET not in component:
            return
        target, at = component[TARGET], id.child(TARGET)
        where = self._where(at)
        if component.get(MODE) == "debug":
            self._note("code", MODE, "stops in the debugger", "debug", self._where(id.child(MODE)))
        if not isinstance(target, str) or target[:1] in SIGILS:
            self._note("dynamic", TARGET, "which target is called is known only when it runs", str(target), where)
            return
        path, known = self._definition(target)
        self.callables.append((path, "target", known, where))
        self.imports.append((path.rpartition(".")[0] or path, where) if "." in path else ("builtins", where))
        if "." in target:
            self.imports.append((target.rpartition(".")[0], where))
        self._judge(target if judge(target) is not None else path, target, where)
        self._take_arguments(target, path, component, id)

    def _take_arguments(self, target: str, path: str, component: dict[Any, Any], id: Id) -> None:
        """Note the file that a component reads or writes whose target is a function such as ``torch.load``."""
        for name in (target, path.removeprefix("builtins.")):
            found = FUNCTIONS_ON_FILES.get(name)
            if found is not None and found[2] in component:
                self._add_file(found[0], component[found[2]], id.child(found[2]), name)

    def _definition(self, name: str) -> tuple[str, bool]:
        found = self._index.lookup(name)
        if isinstance(found, (Found, Ambiguous)):
            return found.definition.path, True
        return name, False

    # --- texts ---

    def _take_text(self, text: str, id: Id) -> None:
        for url in urls_in(text):
            self.urls.append((url, self._where(id)))
        if text[:1] == EXPRESSION and not is_import(text):
            self._take_expression(text, id)

    def _take_expression(self, text: str, id: Id) -> None:
        where = self._where(id)
        read = parsed(text)
        if read is None:
            self.problems.add(f"an expression cannot be read: {text} ({where})")
            self._note("dynamic", "expression", "it cannot be read", text, where)
            return
        code, references = read
        names = {**self._names, **{name: _shown(reference, id) for name, reference in references.items()}}
        for use in uses(code, names):
            self._take_use(use, text, id, where)
            self._take_function(use, references, text, id)

    def _take_use(self, use: Use, text: str, id: Id, where: Where) -> None:
        if use.name[:1] == "@" and "." not in use.name.rpartition("::")[2] and use.call is None:
            return  # a mere reference
        path, known = self._definition(use.name) if use.is_known else (use.name, False)
        if use.call is not None or known:
            self.callables.append((path, "expression", known, where))
        if use.is_known and "." in use.name:
            self.imports.append((use.name.rpartition(".")[0], where))
        if use.is_known:
            self._judge(use.name if judge(use.name) is not None else path, text, where)
        for part in use.name.split("."):
            if (judgement := judge_attribute(part)) is not None:
                self._note(judgement.kind, use.name, judgement.why, text, where)

    def _take_function(self, use: Use, references: dict[str, expressions.Reference], text: str, id: Id) -> None:
        """Note the file that a call such as ``torch.load(…)`` reads or writes."""
        if use.call is None:
            return
        found = FUNCTIONS_ON_FILES.get(use.name)
        if found is None:
            for keyword in use.call.keywords:
                if keyword.arg and (mode := mode_of_argument(keyword.arg)) is not None:
                    literal = self._literals.of_node(keyword.value, references, id)
                    self._append_file(mode, literal, text, keyword.arg, id)
            return
        mode, position, name = found
        argument = next((keyword.value for keyword in use.call.keywords if keyword.arg == name), None)
        if argument is None and len(use.call.args) > position:
            argument = use.call.args[position]
        literal = self._literals.of_node(argument, references, id) if argument is not None else None
        self._append_file(mode, literal, text, use.name, id)

    # --- files ---

    def _take_path(self, key: str, value: Any, id: Id, component: bool) -> None:
        """Note what an argument, or a value of its own, of a name like ``output_dir`` leads to."""
        if component and key in COMPONENT_KEYS:
            return
        mode = mode_of_argument(key)
        if mode is not None and isinstance(value, (str, list)):
            for number, each in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(each, str):
                    self._add_file(mode, each, id.child(number) if isinstance(value, list) else id, key)
        elif isinstance(value, str) and value[:1] != REFERENCE:
            literal = self._literals.of(value, id)
            if literal is not None and _names_a_file(literal):
                self._add_file("reads or writes", value, id, key)

    def _add_file(self, mode: str, value: Any, id: Id, by: str) -> None:
        self._append_file(mode, self._literals.of(value, id), str(value), by, id)

    def _append_file(self, mode: str, literal: str | None, text: str, by: str, id: Id) -> None:
        if literal == "" or (literal is not None and "://" in literal):
            return  # no file at all, or an address, which is told as one
        self.files.append((mode, literal or "", text, by, self._where(id)))

    # --- noteworthy ---

    def _judge(self, name: str, text: str, where: Where, only_kinds: tuple[str, ...] = ()) -> None:
        judgement = judge(name)
        if judgement is not None and (not only_kinds or judgement.kind in only_kinds):
            self._note(judgement.kind, name, judgement.why, text, where)

    def _note(self, kind: str, name: str, why: str, text: str, where: Where) -> None:
        self.noteworthy.add(Noteworthy(kind, name, why, text, where))


def imported_names(config: Any) -> dict[str, str]:
    """Give the names that the import statements of a config bind, and the dotted paths that they stand for."""
    found: dict[str, str] = {}
    for _, _, text, _ in tree.strings(config, is_import):
        found |= aliases_of(ast.parse(text[1:].strip()))
    return found


def _values(config: Any) -> list[tuple[Id, str, Any, bool]]:
    """Give all values: id, key, value, and whether it is an argument of a component. Without recursion."""
    found: list[tuple[Id, str, Any, bool]] = []
    waiting: list[tuple[Any, str, Any, bool]] = [(None, "", config, False)]
    while waiting:
        path, key, value, component = waiting.pop()
        found.append((tree.id_of(path), key, value, component))
        if isinstance(value, dict):
            inside = TARGET in value
            waiting += [((path, k), str(k), v, inside) for k, v in reversed(list(value.items()))]
        elif isinstance(value, list):
            waiting += [((path, n), "", v, False) for n, v in reversed(list(enumerate(value)))]
    return found


def _shown(reference: expressions.Reference, at: Id) -> str:
    return REFERENCE + (reference.id.absolute(at) or reference.id.words)


def _names_a_file(text: str) -> bool:
    if "://" in text or "\n" in text:
        return False
    if weights_kind(text) is not None:
        return not _is_dotted(text)
    return text.lower().endswith(_DATA) and text.lower() not in _DATA


def _is_dotted(text: str) -> bool:
    """Tell whether a text is a name such as ``torch.bin`` rather than a file's."""
    return "/" not in text and all(part.isidentifier() for part in text.split(".")) and text.count(".") > 1
