"""The face of the config language: read, change, resolve."""

from __future__ import annotations

import threading
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bundle_engine.config import links, macros, merge, tree
from bundle_engine.config.expansion import Expansion, MacroFiles
from bundle_engine.config.files import ConfigFiles, renamed
from bundle_engine.config.ids import DELETE, META, ROOT, Id, IdLike, split_operator
from bundle_engine.config.items import ConfigItem
from bundle_engine.config.names import DEFAULT_GLOBALS, Names
from bundle_engine.config.node import ABSENT, DONE, IMPORTING, INSIDE, Node
from bundle_engine.config.origins import Entry, Origin, Origins
from bundle_engine.config.policy import Policy, policy_of
from bundle_engine.config.resolver import ReferenceResolver, resolver_of
from bundle_engine.config.source import CODE, COMMAND_LINE, PathLike, Source
from bundle_engine.config.targets import ComponentLocator
from bundle_engine.config.views import view
from bundle_engine.errors import AttributeNotFoundError, FrozenError, IdNotFoundError, Place

_OPTIONS = frozenset({"lazy", "instantiate", "eval_expr", "default"})


class ConfigParser(ConfigFiles):
    """Reads configs, lets them be changed, and resolves them into objects.

    Args:
        config: a mapping (or a list) to begin with; it is copied. Without it the config is empty.
        excludes: modules of MONAI that the search for short names leaves out.
        globals: names that expressions may use, besides ``monai``, ``torch``, ``np`` and ``numpy``; a string is
            the module to import when an expression uses the name. False takes the four away, too.
        policy: how far the config is trusted: ``data``, ``safe`` or ``full``, see `bundle_engine.config.policy`.
        on_read: told each file that a macro or an ``_extends_`` names, before it is read.

    Attributes:
        config: the config as written; macros and relative ids are written out once it was parsed.
    """

    meta_key = META

    def __init__(
        self,
        config: Any = None,
        excludes: Sequence[str] | str | None = None,
        globals: Mapping[str, Any] | bool | None = None,
        *,
        policy: Policy | str | None = None,
        on_read: Callable[[Path], object] | None = None,
    ) -> None:
        given = {} if globals is False else {**DEFAULT_GLOBALS, **(globals if isinstance(globals, Mapping) else {})}
        self._policy = policy_of(policy)
        self._files = MacroFiles(confined=not self._policy.is_full, on_read=on_read)
        self.locator = ComponentLocator(excludes)
        self._given = given
        self._names = Names(given)
        self._lock = threading.RLock()
        self._frozen = False
        self._overrides: list[tuple[Id, bool]] = []
        self._begin({META: {}} if config is None else renamed(tree.copy(config)), Origins())

    def _begin(self, root: Any, origins: Origins) -> None:
        """Start over with another config."""
        self.config: Any = root
        self._origins = origins
        self._expansion = Expansion()
        self._resolver = self._new_resolver()

    def _new_resolver(self, *, instantiate: bool = True, eval_expr: bool = True) -> ReferenceResolver:
        return resolver_of(self._policy)(
            self.config, self._names, self.locator, self._place, instantiate=instantiate, eval_expr=eval_expr
        )

    @property
    def bundle_root(self) -> Path | None:
        """A folder in which files that macros name are looked up."""
        return self._files.bundle_root

    @bundle_root.setter
    def bundle_root(self, folder: PathLike | None) -> None:
        self._files.bundle_root = None if folder is None else Path(folder)

    @property
    def ref_resolver(self) -> ReferenceResolver:
        """What resolves this config."""
        return self._resolver

    @property
    def globals(self) -> dict[str, Any]:
        """The names that expressions may use, as far as they are known by now."""
        return self._names.known

    # --- the config as written ---

    def __getitem__(self, id: IdLike) -> Any:
        """Give the value at an id as it is written.

        Raises:
            IdNotFoundError: when nothing stands there (an `IndexNotFoundError` for lists and scalars).
        """
        parsed = Id.parse(id)
        try:
            value = tree.find(self.config, parsed)
        except tree.NoSuchKey as problem:
            raise self._not_found(parsed, problem) from None
        return tree.copy(value) if self._frozen else value

    def get(self, id: IdLike = "", default: Any = None) -> Any:
        """Give the value at an id as it is written, or `default` when nothing stands there."""
        try:
            return self[id]
        except IdNotFoundError:
            return default

    def __contains__(self, id: IdLike) -> bool:
        try:
            tree.find(self.config, Id.parse(id))
        except tree.NoSuchKey:
            return False
        return True

    def __setitem__(self, id: IdLike, config: Any) -> None:
        """Set the value at an id; what it stands in must exist.

        Raises:
            IdNotFoundError: when it does not.
            FrozenError: after `freeze`.
        """
        self._set(Id.parse(id), tree.copy(config), create=False)

    def set(self, config: Any, id: IdLike = "", recursive: bool = True) -> None:
        """Set the value at an id.

        Values that depend on it are forgotten, and only those.

        Args:
            config: the value; mappings and lists are copied.
            id: where; the root by default.
            recursive: make the mappings on the way where they are missing.

        Raises:
            IdNotFoundError: when the place cannot be reached.
            FrozenError: after `freeze`.
        """
        self._set(Id.parse(id), renamed(tree.copy(config)), create=recursive)

    def update(self, pairs: Mapping[str, Any]) -> None:
        """Set several values; `pairs` maps ids to them."""
        for id, value in pairs.items():
            self[id] = value

    def delete(self, id: IdLike) -> None:
        """Delete the value at an id.

        Raises:
            IdNotFoundError: when nothing stands there.
            FrozenError: after `freeze`.
        """
        parsed = Id.parse(id)
        with self._lock:
            self._may_write(parsed)
            container = self._container(parsed, create=False)
            try:
                key = tree.child_key(container, parsed[-1])
            except LookupError:
                raise self._not_found(parsed, tree.NoSuchKey(len(parsed) - 1, container)) from None
            self._resolver.graph.drop(parsed)
            if isinstance(container, list):  # the items behind have other ids now
                self._resolver.graph.drop(parsed.parent)
                self._expansion.pending.append(parsed.parent)
                self._origins.move_up(parsed.parent.child(key), len(container))
            del container[key]
            self._origins.record(Entry(parsed, CODE, parsed, deleted=True))

    def _set(self, id: Id, value: Any, *, create: bool, origins: Origins | None = None) -> None:
        with self._lock:
            self._may_write(id)
            if not id:
                self._begin(value, Origins())
                return
            container = self._container(id, create=create)
            try:
                key = tree.child_key(container, id[-1])
            except LookupError:
                if not isinstance(container, dict):
                    raise self._not_found(id, tree.NoSuchKey(len(id) - 1, container)) from None
                key = id[-1]
            self._resolver.graph.drop(id)
            container[key] = value
            if origins is None:
                self._origins.record(Entry(id, CODE, id))
            else:
                self._origins.adopt(origins, below=id)
            self._expansion.pending.append(id)

    def _container(self, id: Id, *, create: bool) -> Any:
        """Give the container in which the last key of an id stands."""
        if not id:
            raise IdNotFoundError("the root stands in nothing", id="")
        if self.config is None and create:
            self.config = {}
            self._resolver = self._new_resolver()
        container = self.config
        for depth, part in enumerate(id[:-1]):
            try:
                key = tree.child_key(container, part)
            except LookupError:
                if not (create and isinstance(container, dict)):
                    raise self._not_found(id, tree.NoSuchKey(depth, container)) from None
                container[part] = {}
                self._origins.record(Entry(Id(id[: depth + 1]), CODE, id))
                key = part
            container = container[key]
        return container

    def _may_write(self, id: Id) -> None:
        if self._frozen:
            raise FrozenError(
                f"the config is frozen, '{id}' cannot be set",
                id=str(id),
                place=self._place(id),
                hint="set it before freeze(), or change a copy: copy.copy(parser)",
            )

    def freeze(self) -> None:
        """Make the parser read-only; values as written are given as copies from then on."""
        self._frozen = True

    # --- reading files ---

    def read_config(self, f: PathLike | Sequence[PathLike] | Mapping[str, Any], **kwargs: Any) -> None:
        """Read the config from files, later ones on top of earlier ones, or from a mapping; metadata is kept.

        Args:
            f: a file, several (a list, or one string with commas), or a mapping.
            kwargs: options for `json.loads`.

        Raises:
            InputError: for a file that cannot be read, and see `merge.apply`.
        """
        with self._lock:
            self._may_write(ROOT)
            kept = self.get(META, {}) if isinstance(self.config, dict) else {}
            root: dict[str, Any] = {META: kept}
            origins = Origins()
            origins.adopt(self._origins, inside=Id((META,)))
            if isinstance(f, Mapping):
                root.update(tree.copy(dict(f)))
                origins.record(Entry(ROOT, CODE, ROOT))
            else:
                self._files.assemble(f, kwargs, origins, root)
            self._begin(renamed(root), origins)

    def read_meta(self, f: PathLike | Sequence[PathLike] | Mapping[str, Any], **kwargs: Any) -> None:
        """Read metadata from files or from a mapping; it stands at ``_meta_``.

        Raises:
            InputError: for a file that cannot be read.
        """
        read = Origins()
        if isinstance(f, Mapping):
            content = tree.copy(dict(f))
            read.record(Entry(ROOT, CODE, ROOT))
        else:
            content = self._files.assemble(f, kwargs, read, whole=True)
        self._set(Id((META,)), renamed(content), create=True, origins=read)

    def override(self, pairs: Mapping[str, Any], *, source: str = COMMAND_LINE.name) -> None:
        """Apply overrides in their order, as keys of a later document: ``a::b``, ``+a``, ``~a``.

        Args:
            pairs: keys and values.
            source: what to call their origin in messages.

        Raises:
            MergeError, IndexNotFoundError: where an override does not fit.
            FrozenError: after `freeze`.
        """
        origin = Source(source)
        with self._lock:
            for key, value in pairs.items():
                operator, words = split_operator(key)
                id = Id.parse(words)
                self._may_write(id)
                self._expansion.open(self.config, id, operator, *self._expanding())
                self._overrides.append((id, id in self))
                changed = id.parent if operator == DELETE else id  # the items behind have other ids then
                self._resolver.graph.drop(changed)
                merge.apply(self.config, {key: tree.copy(value)}, origin, self._origins)
                self._expansion.pending.append(changed)

    def unused_overrides(self, *used: str) -> dict[str, str]:
        """Give the overrides that have no effect, because their ids existed nowhere and nothing refers to them.

        Args:
            used: ids that are used from outside of the config.

        Returns:
            for each id a message with the closest ids.
        """
        self._ready()
        wanted = [*map(Id.parse, used), Id((META,)), *self._expansion.copied]
        return {str(id): text for id, text in links.unused(self.config, self._overrides, wanted).items()}

    # --- resolving ---

    def parse(self, reset: bool = True) -> None:
        """Write out macros and relative ids; forget all values that were resolved, if `reset`.

        Calling it is never necessary; it makes the parser see containers that were changed from outside.
        """
        with self._lock:
            if reset:
                self._resolver = self._new_resolver()
            self._expansion.pending = [ROOT]
            self._ready()

    def resolve_macro_and_relative_ids(self) -> None:
        """Write out macros and relative ids in the config."""
        self.parse()

    def get_parsed_content(self, id: IdLike = "", **kwargs: Any) -> Any:
        """Give the resolved value at an id.

        Args:
            id: the id; it may go on past a value that is resolved (``data::training::0``).
            kwargs: ``lazy=False``, ``instantiate=False`` and ``eval_expr=False`` answer anew, without touching
                the values that are kept; then components are `ConfigComponent`, expressions `ConfigExpression`
                objects. ``default`` is given when nothing stands at the id.

        Raises:
            IdNotFoundError: when nothing stands there and there is no default.
            BundleEngineError: where the config is wrong, or building a value fails.
        """
        unknown = kwargs.keys() - _OPTIONS
        if unknown:
            raise TypeError(f"get_parsed_content() got an unexpected keyword argument '{unknown.pop()}'")
        instantiate, eval_expr = kwargs.get("instantiate", True), kwargs.get("eval_expr", True)
        with self._lock:
            resolver = self._ready()
            if not (instantiate and eval_expr and kwargs.get("lazy", True)):
                resolver = self._new_resolver(instantiate=instantiate, eval_expr=eval_expr)
            node = resolver.graph.find_words(str(id))
            if node is None and "default" not in kwargs:
                raise self._not_found(Id.parse(id))
            if node is not None and node.state == DONE:
                return node.value
            if eval_expr:
                self._run_imports()
            if node is not None and node.kind == INSIDE and "default" in kwargs:
                node = resolver.graph.maybe(node)
                node = None if resolver.resolve(node) is ABSENT else node
            if node is None:
                default = kwargs["default"]
                if not isinstance(default, ConfigItem):
                    return default
                node = Node(resolver.graph.root, str(id), tree.copy(default.get_config()))
            return resolver.resolve(node)

    def evaluate(self, id: IdLike) -> Any:
        """Resolve an id anew each time; what it refers to is kept. Meant for the steps of a workflow.

        Raises:
            BundleEngineError: as for `get_parsed_content`.
        """
        with self._lock:
            node = self._node(id)
            self._run_imports()
            resolver = self._resolver
        return resolver.fresh(node)

    def check(self, *ids: IdLike) -> None:
        """Find what is wrong on the way to some values, without building anything.

        Locates all targets, holds argument names against signatures, follows all references.

        Raises:
            BundleEngineError: for the first thing that is wrong.
        """
        with self._lock:
            nodes = [self._node(id) for id in ids or ("",)]
            if not self._policy.is_full:
                self._run_imports()  # they only give names then
                self._resolver.review(*nodes)
            for node in nodes:
                self._resolver.check(node)

    def _node(self, id: IdLike) -> Node:
        if (node := self._ready().graph.find(Id.parse(id))) is None:
            raise self._not_found(Id.parse(id))
        return node

    def _ready(self) -> ReferenceResolver:
        if self._resolver.graph.root.raw is not self.config:  # somebody put another config in its place
            self._begin(tree.copy(self.config), Origins())
        if self._expansion.pending:
            if self.config.__class__ is str:
                self.config = macros.expand_root(self.config, self._files.load, self._origins)
                self._resolver = self._new_resolver()
            self._expansion.run(self.config, *self._expanding())
        return self._resolver

    def _expanding(self) -> tuple[Any, ...]:
        return self._files, self._origins, self._place, self._resolver.graph.drop

    def _run_imports(self) -> None:
        if self._expansion.imports and self._policy.level != "data":
            for id in self._expansion.take_imports():
                node = self._resolver.graph.find(id)
                if node is not None and node.kind == IMPORTING:  # else it was changed meanwhile
                    self._resolver.resolve(node)

    # --- asking ---

    def where(self, id: IdLike = "") -> Origin:
        """Say where the value at an id was written, and which earlier values it replaced.

        Raises:
            IdNotFoundError: when nothing stands there.
        """
        self[id]  # raises when there is nothing
        return self._origins.where(Id.parse(id)) or Origin(Place(CODE.name), Place(CODE.name))

    def _place(self, id: Id, *, key: bool = False) -> Place:
        origin = self._origins.where(id)
        return Place(CODE.name) if origin is None else origin.key if key else origin.place

    def dependencies(self, id: IdLike = "") -> list[str]:
        """Give the ids that the value at an id refers to, in the order in which they are written.

        Raises:
            IdNotFoundError: when nothing stands there.
        """
        self._ready()
        self[id]  # raises when there is nothing
        return [str(found) for found in links.dependencies(self.config, Id.parse(id))]

    def dependents(self, id: IdLike = "") -> list[str]:
        """Give the ids of the references and expressions that refer to an id, into it, or to what it stands in.

        Raises:
            IdNotFoundError: when nothing stands there.
        """
        self._ready()
        self[id]
        return [str(found) for found in links.dependents(self.config, Id.parse(id))]

    def to_dict(self, resolved: bool = False) -> Any:
        """Give the config as plain data; with `resolved`, the resolved values, which may be any objects."""
        if resolved:
            return tree.copy(self.get_parsed_content())
        self._ready()
        return tree.copy(self.config)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_resolver" not in self.__dict__:
            raise AttributeError(name)
        parsed = Id((name,))
        if self._ready().graph.find(parsed) is None:
            problem = self._not_found(parsed)
            raise AttributeNotFoundError(problem.message, id=problem.id, hint=problem.hint)
        return view(self, parsed, self.get_parsed_content(name))

    def __repr__(self) -> str:
        return f"{self.config}"

    def __copy__(self) -> ConfigParser:
        twin = type(self).__new__(type(self))
        twin.__setstate__(self.__getstate__())
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> ConfigParser:
        return self.__copy__()

    def __getstate__(self) -> dict[str, Any]:
        given = {n: v.__name__ if isinstance(v, types.ModuleType) else v for n, v in self._given.items()}
        return {
            "config": tree.copy(self.config),
            "globals": given,
            "excludes": self.locator.excludes,
            "bundle_root": self.bundle_root,
            "policy": self._policy,
            "files": (set(self._files.roots), self._files.on_read),
            "origins": self._origins.copy(),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        ConfigParser.__init__(self, config={}, excludes=state["excludes"], policy=state["policy"])
        self._files.roots, self._files.on_read = state["files"]
        self._given = state["globals"]
        self._names = Names(self._given)
        self.bundle_root = state["bundle_root"]
        self._begin(state["config"], state["origins"])

    def _not_found(self, id: Id, problem: tree.NoSuchKey | None = None) -> IdNotFoundError:
        return self._resolver.graph.faults.not_found(id, problem)
