"""All that is known of one id of a config: its value and origin, what it needs, what needs it, what it builds."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from bundle_engine.config import ConfigParser, Id, links, tree
from bundle_engine.config.ids import (
    COMPONENT_KEYS,
    DISABLED,
    EXPRESSION,
    MANDATORY,
    MODE,
    RANKS,
    REFERENCE,
    SIGILS,
    TARGET,
    IdLike,
)
from bundle_engine.config.names import is_import
from bundle_engine.config.references import whole_reference
from bundle_engine.errors import Place
from bundle_engine.inspection.layout import lines, one_line, printable, with_comments
from bundle_engine.inspection.provenance import place_as_data, written_at
from bundle_engine.inspection.substitution import Plain, Values
from bundle_engine.inspection.targets import Ambiguous, Definition, Found, Lookup, NotFound, TargetIndex

__all__ = ["Argument", "Explanation", "Link", "TargetFacts", "explain", "render"]

Kind = Literal["component", "expression", "import statement", "reference", "mapping", "list", "mandatory", "value"]

_EXCERPT = 24  # lines of a value
_LINKS = 20  # of each kind
_WIDTH = 100
_LABEL = 12
_STEPS = frozenset({"initialize", "run", "finalize"})


@dataclass(frozen=True)
class Link:
    """A reference between the value and another one.

    Attributes:
        id: the id that is referred to.
        at: the id of the text that refers to it.
        text: that text.
        place: where it was written.
    """

    id: str
    at: str
    text: str
    place: Place


@dataclass(frozen=True)
class TargetFacts:
    """What a component's target is.

    Attributes:
        written: the target as the config has it.
        path: the dotted path of its definition; empty where that is not known.
        signature: its name and parameters.
        doc: the first line of its docstring.
        place: where it is defined.
        notes: what else there is to say: other meanings of a short name, deprecations, why nothing is known.
    """

    written: str
    path: str = ""
    signature: str = ""
    doc: str = ""
    place: Place | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Argument:
    """The parameter of a target that a value is given for.

    Attributes:
        of: the dotted path of the target.
        text: the parameter with its annotation and default, as the source writes it; empty where the target takes it
            among any others.
        note: what is wrong with it.
    """

    of: str
    text: str
    note: str = ""


@dataclass(frozen=True)
class Explanation:
    """All that is known of one id.

    Attributes:
        id: the id.
        kind: what stands there.
        value: what is written there, macros written out.
        origin: where it was written.
        overrode: where earlier values stand that it replaced, latest first.
        resolved: the plain value that a reference leads to, in a tuple of one; empty where there is none.
        needs: what the value refers to.
        used_by: what refers to the value, into it, or to what it stands in.
        target: what a component builds.
        argument: which argument of a component the value is.
        notes: whether it is disabled, and other things that decide on whether it is built.
    """

    id: str
    kind: Kind
    value: Any
    origin: Place
    overrode: tuple[Place, ...] = ()
    resolved: tuple[Any, ...] = ()
    needs: tuple[Link, ...] = ()
    used_by: tuple[Link, ...] = ()
    target: TargetFacts | None = None
    argument: Argument | None = None
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Give the explanation as plain data."""
        target, argument = self.target, self.argument
        row: dict[str, Any] = {
            "id": self.id,
            "kind": self.kind,
            "value": self.value,
            "origin": place_as_data(self.origin),
            "overrode": [{**place_as_data(place), "text": written_at(place)} for place in self.overrode],
        }
        if self.resolved:
            row["resolved"] = self.resolved[0]
        row["needs"] = [_link_as_data(link) for link in self.needs]
        row["used_by"] = [_link_as_data(link) for link in self.used_by]
        row["target"] = None
        if target is not None:
            defined = place_as_data(target.place) if target.place else None
            row["target"] = {**target.__dict__, "place": defined, "notes": list(target.notes)}
        row["argument"] = dict(argument.__dict__) if argument is not None else None
        row["notes"] = list(self.notes)
        return row


def _link_as_data(link: Link) -> dict[str, Any]:
    return {**link.__dict__, "place": place_as_data(link.place)}


def explain(parser: ConfigParser, id: IdLike, index: TargetIndex | None = None) -> Explanation:
    """Say all that is known of an id.

    Args:
        parser: the config.
        id: the id.
        index: knows what targets are; without one, a new one looks at what is installed and into the bundle.

    Raises:
        IdNotFoundError: when nothing stands there; the closest ids are offered.
        BundleEngineError: for a macro or a relative id that leads nowhere.
    """
    parser.parse(reset=False)
    at = Id.parse(id)
    value = parser[at]
    at = _as_written(parser.config, at)
    origin = parser.where(at)
    targets = _Targets(parser, index)
    needs, used_by = _links(parser, at)
    return Explanation(
        str(at),
        _kind(value),
        tree.copy(value),
        origin.place,
        origin.overrode,
        _resolved(parser.config, at, value),
        needs,
        used_by,
        _target_facts(targets, parser.config, at),
        _argument(targets, parser.config, at),
        tuple(_notes(parser, at, value)),
    )


def _as_written(config: Any, id: Id) -> Id:
    """Write an id as the config does: ``list::-1`` is the last item by its number."""
    value, keys = config, []
    for key in id:
        try:
            found = tree.child_key(value, key)
        except LookupError:
            return id
        keys.append(str(found))
        value = value[found]
    return Id(keys)


def _kind(value: Any) -> Kind:
    if isinstance(value, dict):
        return "component" if TARGET in value else "mapping"
    if isinstance(value, list):
        return "list"
    if isinstance(value, str):
        if value == MANDATORY:
            return "mandatory"
        if value[:1] == EXPRESSION:
            return "import statement" if is_import(value) else "expression"
        if value[:1] == REFERENCE and whole_reference(value) is not None:
            return "reference"
    return "value"


def _resolved(config: Any, at: Id, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, str) or value[:1] not in SIGILS:
        return ()
    found = Values(config).of(value, at)
    return (found.value,) if isinstance(found, Plain) and found.value != value else ()


def _links(parser: ConfigParser, id: Id) -> tuple[tuple[Link, ...], tuple[Link, ...]]:
    needs: list[Link] = []
    used: list[tuple[int, Link]] = []
    for at, targets in links.references(parser.config):
        inside = id.covers(at)
        for target in dict.fromkeys(targets):
            within = id.covers(target)
            if within if inside else not (within or target.covers(id)):
                continue
            link = Link(str(target), str(at), parser[at], parser.where(at).place)
            if inside:
                needs.append(link)
            else:
                used.append((0 if target == id else abs(len(id) - len(target)), link))
    used.sort(key=lambda pair: pair[0])  # what refers to the value itself comes first
    return tuple(needs), tuple(link for _, link in used)


# --- targets ---


class _Targets:
    """Looks up targets, with an index that is made when something asks."""

    def __init__(self, parser: ConfigParser, index: TargetIndex | None) -> None:
        self._parser = parser
        self._index = index

    def lookup(self, target: str) -> Lookup:
        if self._index is None:
            root = self._parser.bundle_root
            self._index = TargetIndex(paths=[root] if root is not None else [])
        return self._index.lookup(target)

    def definition(self, target: Any) -> Definition | None:
        if not isinstance(target, str) or target[:1] in SIGILS:
            return None
        found = self.lookup(target)
        return found.definition if isinstance(found, (Found, Ambiguous)) else None


def _target_facts(targets: _Targets, config: Any, at: Id) -> TargetFacts | None:
    value = tree.find(config, at)
    if at and at[-1] == TARGET:
        written = value
    elif isinstance(value, dict) and TARGET in value:
        written = value[TARGET]
    else:
        return None
    if not isinstance(written, str) or written[:1] in SIGILS:
        return TargetFacts(str(written), notes=("which target it is, is known when it runs",))
    found = targets.lookup(written)
    if isinstance(found, NotFound):
        near = f"; did you mean {', '.join(found.near)}?" if found.near else ""
        instead = f"; {found.successor} took its place" if found.successor else ""
        return TargetFacts(written, notes=(f"not found: {found.reason}{near}{instead}",))
    if not isinstance(found, (Found, Ambiguous)):
        return TargetFacts(written, notes=(f"not known: {found.why}",))
    definition = found.definition
    notes = []
    if isinstance(found, Ambiguous):
        notes.append(f"the short name has other meanings: {', '.join(found.choices[1:])}")
    if definition.parameters is None and definition.why:
        notes.append(f"its parameters are not known: {definition.why}")
    marks = [mark for mark in definition.deprecations if mark.state != "later"]
    notes += [f"{mark.state}: {mark.kind} {mark.name}; {mark.message}".rstrip("; ") for mark in marks]
    return TargetFacts(written, definition.path, definition.signature, definition.doc, definition.place, tuple(notes))


def _argument(targets: _Targets, config: Any, at: Id) -> Argument | None:
    """Find out which argument of a component a value is."""
    if not at or at[-1] in COMPONENT_KEYS:
        return None
    around = tree.find(config, at.parent)
    if not isinstance(around, dict) or TARGET not in around:
        return None
    definition = targets.definition(around[TARGET])
    if definition is None or definition.parameters is None:
        return Argument(str(around[TARGET]), "")
    parameter = definition.parameter(at[-1])
    if parameter is not None:
        return Argument(definition.path, str(parameter))
    return Argument(definition.path, "", "" if definition.open else f"it takes no argument '{at[-1]}'")


# --- what decides on whether it is built ---


def _notes(parser: ConfigParser, at: Id, value: Any) -> Iterator[str]:
    if value == MANDATORY and isinstance(value, str):
        yield f"it has to be set before something needs it: --{at}=VALUE"
    values = Values(parser.config)
    for depth in range(len(at), -1, -1):
        id = Id(at[:depth])
        component = tree.find(parser.config, id)
        if not isinstance(component, dict) or TARGET not in component:
            continue
        whose = "it" if id == at else f"'{id}', in which it stands,"
        if DISABLED in component:
            yield from _about_disabled(parser, values, id.child(DISABLED), component[DISABLED], whose)
        if RANKS in component:
            place = parser.where(id.child(RANKS)).place
            yield f"{whose} is built on the ranks {one_line(component[RANKS])} only ({place})"
        if id == at and component.get(MODE, "default") == "callable":
            yield "it is not called: _mode_ is 'callable', so it gives the target with the arguments bound"


def _about_disabled(parser: ConfigParser, values: Values, id: Id, flag: Any, whose: str) -> Iterator[str]:
    place = parser.where(id).place
    found = values.of(flag, id) if isinstance(flag, str) else Plain(flag)
    if not isinstance(found, Plain):
        yield f"{whose} may be disabled, which is known when it runs: {DISABLED} is {one_line(flag)} ({place})"
    elif str(found.value).strip().lower() == "true":
        yield f"{whose} is disabled: {DISABLED} is {one_line(flag)} ({place})"


# --- text ---


def render(explanation: Explanation, *, colour: bool = False) -> str:
    """Write an explanation for people.

    Args:
        explanation: what to write.
        colour: mark headings with the codes that terminals understand.
    """
    bold, dim, plain = ("\x1b[1m", "\x1b[2m", "\x1b[0m") if colour else ("", "", "")
    out = [f"{bold}{printable(explanation.id) or 'the whole config'}{plain}  {dim}{explanation.kind}{plain}"]
    out += [f"    {line}" for line in _excerpt(explanation.value)]
    for label, rows in _sections(explanation):
        for number, row in enumerate(map(printable, rows)):
            out.append(f"{bold}{label.ljust(_LABEL)}{plain}{row}" if number == 0 else " " * _LABEL + row)
    return "\n".join(out)


def _sections(explanation: Explanation) -> Iterator[tuple[str, list[str]]]:
    if explanation.resolved:
        yield "value", [one_line(explanation.resolved[0])]
    yield "written", [str(explanation.origin)]
    if explanation.overrode:
        yield "instead of", [_replaced(place) for place in explanation.overrode]
    if explanation.notes:
        yield "note", [row for note in explanation.notes for row in _filled(note)]
    if explanation.argument is not None:
        argument = explanation.argument
        text = f"{argument.text}, an argument of {argument.of}" if argument.text else f"an argument of {argument.of}"
        yield "argument", _filled(f"{text}; {argument.note}" if argument.note else text)
    if explanation.target is not None:
        yield "target", list(_about_target(explanation.target))
    id = explanation.id
    yield "needs", _link_rows([(link.id, link.at, link.text) for link in explanation.needs], "nothing", id)
    used = [(link.at, link.id, link.text) for link in explanation.used_by]
    parent, nothing = Id.parse(id).parent, "nothing"
    if explanation.argument is not None:
        nothing = f"'{parent}', whose argument it is"
    elif id and Id.parse(id)[0] in _STEPS:
        nothing = "the workflow, as one of its steps"
    yield "used by", _link_rows(used, nothing, id)


def _about_target(target: TargetFacts) -> Iterator[str]:
    yield target.written if target.path in ("", target.written) else f"{target.written}, which is {target.path}"
    if target.signature:
        yield from _filled(target.signature)
    if target.doc:
        yield from _filled(target.doc)
    if target.place is not None:
        yield f"{target.place.source}:{target.place.line}" if target.place.line else target.place.source
    for note in target.notes:
        yield from _filled(note)


def _replaced(place: Place) -> str:
    text = written_at(place)
    return f"{text}  at {place}" if text else str(place)


def _link_rows(rows: list[tuple[str, str, str]], nothing: str, id: str) -> list[str]:
    if not rows:
        return [nothing]
    shown = rows[:_LINKS]
    width = min(max(len(first) for first, _, _ in shown), 40)
    out = []
    for first, second, text in shown:
        via = "" if second == id else f" ({second.removeprefix(f'{id}::')})"
        out.append(f"{first.ljust(width)}  {one_line(text, 60)}{via}")
    return [*out, f"… {len(rows) - _LINKS} more"] if len(rows) > _LINKS else out


def _filled(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH - _LABEL, subsequent_indent="    ", break_on_hyphens=False) or [""]


def _excerpt(value: Any) -> list[str]:
    rows = with_comments(lines(value), {}).rstrip("\n").split("\n")
    shown = [row if len(row) <= _WIDTH else f"{row[: _WIDTH - 1]}…" for row in rows[:_EXCERPT]]
    return [*shown, f"… {len(rows) - _EXCERPT} more lines"] if len(rows) > _EXCERPT else shown
