"""The components of a config and what flows between them, from the list of the data to the steps that run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from bundle_engine.config import ConfigParser, closest, tree
from bundle_engine.config.ids import DISABLED, EXPRESSION, REFERENCE, TARGET, Id
from bundle_engine.errors import IdNotFoundError, Place
from bundle_engine.inspection.kinds import Kind, Targets, definition_of, kind_of, kind_of_argument
from bundle_engine.inspection.survey import Survey, entries_of, is_live
from bundle_engine.inspection.targets.definitions import Definition

__all__ = ["STEPS", "DataFlow", "Edge", "FlowNode", "Form", "data_flow"]

Form = Literal["step", "component", "collection", "expression", "value", "missing"]

#: ids of the steps of a workflow, in the order in which they happen
STEPS = ("initialize", "run", "finalize")


@dataclass(frozen=True)
class FlowNode:
    """A value of a config that others refer to, or a step that runs.

    Attributes:
        id: its id.
        kind: the part it plays.
        form: how it is written: a step of the workflow, a component, a plain list or mapping that holds components
            or references, an expression, a plain value, or nothing at all where a reference leads nowhere.
        caption: what it is, in a few words: the target, the expression, the value.
        group: the section of the config that it stands in; empty for the top.
        items: captions of the components inside that nothing else refers to.
        aliases: ids that are nothing but a reference to it.
        disabled: whether it is switched off in the config.
        definition: what is known of its target.
        place: where it was written.
        value: the value as written.
    """

    id: str
    kind: Kind
    form: Form
    caption: str
    group: str = ""
    items: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    disabled: bool = False
    definition: Definition | None = field(default=None, compare=False)
    place: Place | None = field(default=None, compare=False)
    value: Any = field(default=None, compare=False, repr=False)

    @property
    def label(self) -> str:
        """The id without its section, which a drawing shows around it."""
        return str(Id(Id.parse(self.id)[1:])) if self.group else self.id


@dataclass(frozen=True)
class Edge:
    """A reference, in the direction in which the data flows.

    Attributes:
        source: id of the node that is referred to.
        target: id of the node that refers to it.
        uses: the ids at which the references stand; none where the source is a part of the target.
    """

    source: str
    target: str
    uses: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataFlow:
    """Components and what flows between them.

    Attributes:
        nodes: in the order of the document, by id.
        edges: in the order of their targets.
    """

    nodes: Mapping[str, FlowNode]
    edges: tuple[Edge, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """The sections that have nodes, in the order of the document; without the top."""
        return tuple(dict.fromkeys(node.group for node in self.nodes.values() if node.group))

    def only(self, wanted: Callable[[FlowNode], bool]) -> DataFlow:
        """Leave out the nodes that are not wanted, and all edges to and from them."""
        nodes = {id: node for id, node in self.nodes.items() if wanted(node)}
        return DataFlow(nodes, tuple(e for e in self.edges if e.source in nodes and e.target in nodes))

    def without_values(self) -> DataFlow:
        """Leave out plain values."""
        return self.only(lambda node: node.kind != "value")

    def around(self, id: str, steps: int) -> DataFlow:
        """Leave what can be reached from a node in some steps along or against the flow, without turning back.

        Raises:
            IdNotFoundError: when the id is in no node; the closest ones are offered.
        """
        centre = self._node_of(id)
        near = {centre}
        for pairs in (
            [(edge.source, edge.target) for edge in self.edges],
            [(edge.target, edge.source) for edge in self.edges],
        ):
            following: dict[str, list[str]] = {}
            for start, end in pairs:
                following.setdefault(start, []).append(end)
            front = {centre}
            for _ in range(steps):
                front = {end for start in front for end in following.get(start, ())} - near
                near |= front
        return self.only(lambda node: node.id in near)

    def _node_of(self, id: str) -> str:
        names = {alias: node.id for node in self.nodes.values() for alias in node.aliases}
        names.update((node, node) for node in self.nodes)
        parsed = Id.parse(id)
        for depth in range(len(parsed), 0, -1):
            if (found := names.get(str(Id(parsed[:depth])))) is not None:
                return found
        near = closest.matches(str(parsed), names)
        hint = f"did you mean {closest.either(near)}?" if near else "--all also shows what no step reaches"
        raise IdNotFoundError(f"the graph has no '{parsed}'", id=str(parsed), hint=hint)


def data_flow(
    parser: ConfigParser, targets: Targets, *, steps: Sequence[str] = STEPS, everything: bool = False
) -> DataFlow:
    """Find the components of a config and what flows between them, without resolving anything.

    Args:
        parser: the config.
        targets: looks up what targets name.
        steps: ids of the steps that run.
        everything: also take what no step reaches. It is so, too, for a config without any step.

    Raises:
        BundleEngineError: for macros and relative ids that lead nowhere.
    """
    config = parser.to_dict()
    survey = Survey(config, [Id.parse(step) for step in steps])
    entries = [id for id in survey.steps if id in survey.ids]
    if everything or not entries:
        survey.take_all()
    edges = survey.edges()
    wanted = survey.ids if everything or not entries else _upstream(entries, edges)
    ordered = sorted(wanted, key=_document_order(config))
    kinds = _Kinds(targets, survey, edges)
    nodes = {}
    for id in ordered:
        node = _node(survey, kinds, id)
        place = None if node.form == "missing" else parser.where(id).place
        nodes[node.id] = replace(node, place=place)
    order = {id: number for number, id in enumerate(nodes)}
    kept = [
        Edge(str(source), str(target), tuple(map(str, uses)))
        for (source, target), uses in edges.items()
        if source in wanted and target in wanted
    ]
    kept.sort(key=lambda edge: (order[edge.target], order[edge.source]))
    return DataFlow(nodes, tuple(kept))


class _Kinds:
    """Tells the kinds of nodes."""

    def __init__(self, targets: Targets, survey: Survey, edges: Mapping[tuple[Id, Id], list[Id]]) -> None:
        self._targets = targets
        self._given: dict[Id, Kind] = {}
        for source, at in survey.given_whole():
            kind = kind_of_argument(at[-1])
            if kind is not None and _is_argument(survey.config, at):
                self._given.setdefault(source, kind)

    def of_component(self, component: Mapping[Any, Any]) -> tuple[Kind, Definition | None]:
        definition = definition_of(self._targets, target) if isinstance(target := component[TARGET], str) else None
        return kind_of(self._targets, definition), definition

    def by_use(self, id: Id, otherwise: Kind) -> Kind:
        return self._given.get(id, otherwise)

    def of_items(self, value: Any) -> Kind | None:
        """Give the kind that most components in a list or mapping have."""
        count: dict[Kind, int] = {}
        for component in _components(value):
            kind, _ = self.of_component(component)
            if kind != "other":
                count[kind] = count.get(kind, 0) + 1
        return max(count.items(), key=lambda pair: pair[1])[0] if count else None


def _node(survey: Survey, kinds: _Kinds, id: Id) -> FlowNode:
    group = _group(survey, id)
    aliases = tuple(map(str, survey.names_of(id)))
    if id in survey.missing:
        return FlowNode(str(id), "missing", "missing", "nothing has this id", group, aliases=aliases)
    value = survey.value(id)
    definition: Definition | None = None
    items: list[str] = []
    kind: Kind
    form: Form
    if id in survey.steps:
        kind, form = "entry", "step"
        written = value if isinstance(value, list) else [value]
        items = [_caption(step) for step in written]
        caption = {"run": "what runs", "initialize": "before the run", "finalize": "after the run"}.get(str(id), "step")
    elif isinstance(value, dict) and TARGET in value:
        (kind, definition), form = kinds.of_component(value), "component"
        kind = kinds.by_use(id, kind) if kind == "other" else kind
        items = _items({key: inner for key, inner in value.items() if key != TARGET}, id, survey.ids)
        caption = _caption(value)
    elif isinstance(value, (dict, list)) and is_live(value):
        kind, form = kinds.of_items(value) or kinds.by_use(id, "expression"), "collection"
        items = _items(value, id, survey.ids)
        caption = _size(value)
    elif isinstance(value, str) and value[:1] in (EXPRESSION, REFERENCE):
        kind, form, caption = kinds.by_use(id, "expression"), "expression", _caption(value)
    else:
        kind, form = "value", "value"
        if isinstance(value, (dict, list)):
            kind = kinds.by_use(id, "value")
        caption = _caption(value)
    disabled = isinstance(value, dict) and str(value.get(DISABLED, False)).lower() == "true"
    return FlowNode(str(id), kind, form, caption, group, tuple(items), aliases, disabled, definition, value=value)


def _group(survey: Survey, id: Id) -> str:
    """Give the section that an id stands in: a mapping at the top that is no node itself."""
    if len(id) < 2 or survey.node_around(Id(id[:1])) is not None or Id(id[:1]) in survey.aliases:
        return ""
    return id[0]


def _items(value: Any, id: Id, nodes: set[Id]) -> list[str]:
    """Give the captions of what stands in a component or list, one level into its lists and mappings."""
    found: list[str] = []
    listed = isinstance(value, list)
    for key, inner in entries_of(value):
        at = id.child(key)
        if isinstance(inner, dict) and TARGET in inner:
            found.append(_caption(inner) if listed or at in nodes else f"{key}: {_caption(inner)}")
        elif listed and isinstance(inner, str) and inner[:1] in (REFERENCE, EXPRESSION):
            found.append(_caption(inner))
        elif isinstance(inner, (dict, list)) and at not in nodes:
            found += [_caption(each) for _, each in entries_of(inner) if isinstance(each, dict) and TARGET in each]
            if isinstance(inner, list) and any(isinstance(each, dict) for each in inner):
                found += [_caption(each) for each in inner if isinstance(each, str) and each[:1] == REFERENCE]
    return found


def _caption(value: Any) -> str:
    """Say in one line what a value is."""
    if isinstance(value, dict):
        if isinstance(target := value.get(TARGET), str):
            return target.rpartition(".")[2] if target[:1] not in (REFERENCE, EXPRESSION) else target
        return _size(value)
    if isinstance(value, list):
        short = repr(value) if len(value) <= 8 and not any(isinstance(v, (dict, list)) for v in value) else ""
        return short.replace("'", "") if 0 < len(short) <= 48 else _size(value)
    text = " ".join(value.split()) if isinstance(value, str) else repr(value)
    text = {"None": "null", "True": "true", "False": "false"}.get(text, text) if not isinstance(value, str) else text
    return text if len(text) <= 200 else text[:199] + "…"


def _size(value: Any) -> str:
    number = len(value)
    what = "item" if isinstance(value, list) else "key"
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _components(value: Any) -> Iterator[Mapping[Any, Any]]:
    for _, inner in entries_of(value):
        if isinstance(inner, dict) and TARGET in inner:
            yield inner


def _is_argument(config: Any, at: Id) -> bool:
    around = tree.find(config, at.parent)
    return isinstance(around, dict) and TARGET in around


def _upstream(ends: Iterable[Id], edges: Iterable[tuple[Id, Id]]) -> set[Id]:
    """Give what flows into some nodes, and these."""
    into: dict[Id, list[Id]] = {}
    for source, target in edges:
        into.setdefault(target, []).append(source)
    reached = set(ends)
    waiting = list(reached)
    while waiting:
        for source in into.get(waiting.pop(), ()):
            if source not in reached:
                reached.add(source)
                waiting.append(source)
    return reached


def _document_order(config: Any) -> Callable[[Id], tuple[int, ...]]:
    positions: dict[Id, dict[str, int]] = {}

    def order(at: Id) -> tuple[int, ...]:
        found: list[int] = []
        value = config
        for depth, key in enumerate(at):
            outer = Id(at[:depth])
            if outer not in positions:
                positions[outer] = {str(name): number for number, (name, _) in enumerate(entries_of(value))}
            here = positions[outer]
            found.append(here.get(key, len(here)))
            try:
                value = value[tree.child_key(value, key)]
            except LookupError:
                break
        return (*found, len(at))

    return order
