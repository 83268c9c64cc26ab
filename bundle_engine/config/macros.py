"""Expand macros: ``%id`` and ``%file.yaml::id`` become a copy of the text that stands there.

All macros are expanded over the text as it was written, to a fixpoint, so the result does not depend on the
order of keys, nor on how often a config is parsed. Relative ids inside copied text are read at the place it was
copied to.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from bundle_engine.config import closest, expressions, tree
from bundle_engine.config.ids import (
    ESCAPE,
    EXPRESSION,
    MACRO,
    OLD_SEP,
    REFERENCE,
    SEP,
    Id,
    RelativeId,
    read_relative,
    split,
    split_path,
)
from bundle_engine.config.origins import Entry, Origins
from bundle_engine.config.references import whole_reference
from bundle_engine.config.source import CODE, Document
from bundle_engine.errors import CycleError, IdNotFoundError, InputError, Place

MOST_VALUES = 5_000_000  # that macros copy; a macro that copies macros twice over could make any number of them
_STEP = 50  # values that a macro inside of a copy counts for


class Text(NamedTuple):
    """A text that macros point into: the config itself (no document), or another file."""

    root: Any
    document: Document | None

    @property
    def identity(self) -> int:
        return id(self.root)

    def name(self, id: Id) -> str:
        if self.document is None:
            return f"%{id}"
        return f"%{self.document.path}{SEP}{id}" if id else f"%{self.document.path}"


class Step(NamedTuple):
    """One step from a macro to the text that it copies.

    Attributes:
        text, id: where the macro leads.
        macro: the string.
        written: the text and the id where that string stands.
    """

    text: Text
    id: Id
    macro: str
    written: tuple[Text, Id]

    @property
    def key(self) -> tuple[int, Id]:
        return self.text.identity, self.id


class Job(NamedTuple):
    """A macro that waits to be expanded.

    Attributes:
        container, key: where the copy goes.
        macro: the string.
        id: where that is in the config.
        folder: the folder of the file that holds the macro, where that is known.
        written: the text and the id where the macro stands.
        chain: the steps to the texts that are being copied around it, outermost first.
    """

    container: Any
    key: Any
    macro: str
    id: Id
    folder: Path | None
    written: tuple[Text, Id]
    chain: tuple[Step, ...]


def expand(
    root: Any, found: list[tuple[Any, Any, str, Any]], load: Callable[[str, Path | None], Document], origins: Origins
) -> list[Id]:
    """Replace macros by what they stand for, in place.

    Args:
        root: the config.
        found: the macros in it, as `tree.strings` gives them.
        load: reads the file of a macro; gets the path as written and the folder of the file it was written in.
        origins: the history, which is read for folders and written.

    Returns:
        the ids in the config that were copied.

    Raises:
        CycleError: for a macro that copies itself.
        IdNotFoundError: for one that leads nowhere.
    """
    main = Text(root, None)
    finished: list[tuple[Any, Any, Any]] = []  # copies are put in place when all are made: macros read the old text
    entries: list[Entry] = []
    copied: list[Id] = []
    waiting = []
    for container, key, macro, path in found:
        id = tree.id_of(path)
        file = origins.file_of(id)
        waiting.append(Job(container, key, macro, id, file.parent if file else None, (main, id), ()))
    waiting.reverse()
    values = 0
    while waiting:
        job = waiting.pop()
        text, id = _target(job, main, load, origins)
        value, text, id, chain = _follow(job, text, id, main, load, origins)
        copy = _own(tree.copy(value))
        values += tree.size(copy) + (_STEP if job.chain else 0)
        if values > MOST_VALUES:
            raise InputError(
                f"the macros come to more than {MOST_VALUES:,} values",
                id=str(job.id),
                place=_place(origins, job.id),
                hint="refer to the value with '@' where a copy of the text is not needed",
            )
        if text.document is None:
            copied.append(id)
        if job.chain:  # inside of a copy that nobody else sees
            job.container[job.key] = copy
        else:
            finished.append((job.container, job.key, copy))
        if text.document:
            entries.append(Entry(job.id, text.document, id, copied=True))
        else:
            entries += origins.history(id, job.id, copied=True) or [Entry(job.id, CODE, id, copied=True)]
        file = text.document.path if text.document else origins.file_of(id)
        folder = file.parent if file else None
        jobs = []
        for container, key, macro, path in tree.strings(copy, lambda string: string[0] == MACRO):
            inner = tree.id_of(path)
            written = (text, Id((*id, *inner)))
            jobs.append(Job(container, key, macro, Id((*job.id, *inner)), folder, written, chain))
        waiting.extend(reversed(jobs))
    for container, key, copy in finished:
        container[key] = copy
    for entry in entries:
        origins.record(entry)
    return copied


def _own(text: Any) -> Any:
    """Copy the objects that code put into a text, so that each copy of the text has its own."""
    memo: dict[int, Any] = {}
    if not isinstance(text, (dict, list)):
        return text if type(text) in _VALUES else _copied(text, memo)
    waiting = [text]
    while waiting:
        container = waiting.pop()
        for key, item in container.items() if isinstance(container, dict) else enumerate(container):
            if isinstance(item, (dict, list)):
                waiting.append(item)
            elif type(item) not in _VALUES:
                container[key] = _copied(item, memo)
    return text


_VALUES = (str, int, float, bool, type(None))


def _copied(item: Any, memo: dict[int, Any]) -> Any:
    try:
        return deepcopy(item, memo)
    except Exception:  # an open file, a module: there is one only
        return item


def expand_root(root: str, load: Callable[[str, Path | None], Document], origins: Origins) -> Any:
    """Give the config that a string stands for; one that is no macro stays what it is."""
    if root[:1] != MACRO:
        return root
    holder = [root]
    expand(root, [(holder, 0, root, None)], load, origins)
    return holder[0]


def _target(job: Job, main: Text, load: Callable[[str, Path | None], Document], origins: Origins) -> tuple[Text, Id]:
    """Read what a macro points to."""
    path, words = split_path(job.macro[len(MACRO) :])
    if path:
        try:
            document = load(path, job.folder)
        except InputError as error:
            error.named_by(job.macro, str(job.id), _place(origins, job.id))
            raise
        return Text(document.data, document), Id(split(words))
    absolute = read_relative(words).absolute(job.id)
    if absolute is None:
        raise IdNotFoundError(
            f"the macro '{job.macro}' goes up past the root",
            id=str(job.id),
            place=_place(origins, job.id),
            hint="one separator for a sibling, one more for each level up",
        )
    return main, Id(split(absolute))


def _follow(
    job: Job, text: Text, id: Id, main: Text, load: Callable[[str, Path | None], Document], origins: Origins
) -> tuple[Any, Text, Id, tuple[Step, ...]]:
    """Find the text that a macro points to, through macros that stand on the way or in its place."""
    chain = list(job.chain)
    seen = {step.key: index for index, step in enumerate(chain)}
    passed: list[tuple[tuple[int, Id], int]] = []  # macros on the way, and how many keys had to be followed after each
    macro, written = job.macro, job.written
    while True:
        step = Step(text, id, macro, written)
        if step.key in seen:
            raise _cycle(job, chain[seen[step.key]], [*chain[seen[step.key] + 1 :], step], origins)
        if text.document is None and id.covers(job.id) and not chain:
            raise _cycle(job, step._replace(id=job.id), [step], origins)
        seen[step.key] = len(chain)
        chain.append(step)
        value, depth = _walk(job, text, id, origins)
        if value.__class__ is not str or value[:1] != MACRO:
            return value, text, id, tuple(chain)
        at, rest = Id(id[:depth]), id[depth:]
        if _passed_before(passed, (text.identity, at), len(rest)):
            raise _cycle(job, step._replace(text=written[0], id=written[1]), [step], origins)
        macro, written = value, (text, at)
        folder = text.document.path.parent if text.document else None
        if folder is None and (file := origins.file_of(at)):
            folder = file.parent
        if rest and text.document is not None and not split_path(value[1:])[0]:
            # the way leads on inside the same file
            id = Id((*split(read_relative(value[1:]).absolute(at) or ""), *rest))
        else:
            # as if the text stood there: a macro in the place of the text is read where it is copied to
            reader = job._replace(macro=value, id=at if rest else job.id, folder=folder)
            text, base = _target(reader, main, load, origins)
            id = Id((*base, *rest))


def _passed_before(passed: list[tuple[tuple[int, Id], int]], macro: tuple[int, Id], rest: int) -> bool:
    """Tell whether a way leads through the same macro again without having come nearer to its end."""
    while passed and passed[-1][1] > rest:
        passed.pop()
    if any(known == macro for known, _ in passed):
        return True
    if rest:
        passed.append((macro, rest))
    return False


def _walk(job: Job, text: Text, id: Id, origins: Origins) -> tuple[Any, int]:
    """Go down from a text's root along an id, as far as a macro on the way; give the value and the depth reached."""
    value: Any = text.root
    depth = 0
    while depth < len(id):
        if value.__class__ is str and value[:1] == MACRO:
            return value, depth
        try:
            value = value[tree.child_key(value, id[depth])]
            depth += 1
        except LookupError:
            joined = tree.joined_key(value, id, depth)
            if joined is None:
                raise _nothing_there(job, text, id, depth, value, origins) from None
            value, depth = value[joined[0]], joined[1]
    return value, depth


def _cycle(job: Job, first: Step, steps: list[Step], origins: Origins) -> CycleError:
    notes = []
    for step in steps:
        text, id = step.written
        spot = text.document.find(id) if text.document else None
        place = spot.value if spot else _place(origins, id)
        notes.append(f"{id}: {step.macro!r}" + (f"  ({place})" if place else ""))
    hint = "let one of them hold the text itself, or refer to the value with '@'"
    if text.document is None and not steps[-1].id:
        hint = f"for text that begins with '{MACRO}', write '{ESCAPE}{job.macro}'"
    text, id = first.written
    id = job.id if text.document else id
    return CycleError(
        f"the macro '{first.macro}' copies itself: {' -> '.join(step.text.name(step.id) for step in (first, *steps))}",
        id=str(id),
        place=_place(origins, id),
        notes=notes,
        hint=hint,
    )


def _nothing_there(job: Job, text: Text, id: Id, depth: int, value: Any, origins: Origins) -> IdNotFoundError:
    before = Id(id[:depth])
    keys = [str(key) for key in value] if isinstance(value, dict) else []
    near = closest.matches(id[depth], keys)
    if near:
        hint: str | None = f"did you mean {closest.either(text.name(before.child(name)) for name in near)}?"
    elif " " in job.macro and text.document is None:
        hint = f"for text that begins with '{MACRO}', write '{ESCAPE}{job.macro}'"
    elif value.__class__ is str and value[:1] in (REFERENCE, EXPRESSION):
        hint = f"'{before}' is {value!r}, which has no text inside; refer to its value with '@{id}'"
    else:
        hint = closest.instead(before, value)
    return IdNotFoundError(
        f"the macro '{job.macro}' leads to nothing: there is no '{id}'"
        + (f" in {text.document.path}" if text.document else ""),
        id=str(job.id),
        place=_place(origins, job.id),
        hint=hint,
    )


def _place(origins: Origins, id: Id) -> Place | None:
    origin = origins.where(id)
    return origin.place if origin else None


def make_absolute(found: list[tuple[Any, Any, str, Any]], place: Callable[[Id], Place | None]) -> None:
    """Write relative ids, and the old separator, as absolute ids in references and expressions, in place.

    Raises:
        IdNotFoundError: for a relative id that goes up past the root.
    """
    for container, key, text, path in found:
        at: Id | None = None

        def absolute(id: RelativeId) -> str:
            nonlocal at
            at = tree.id_of(path) if at is None else at  # noqa: B023  used at once
            result = id.absolute(at)
            if result is None:
                written = f"{REFERENCE}{SEP * id.up}{id.words}"
                raise IdNotFoundError(
                    f"the relative id '{written}' goes up past the root: '{at}' is {len(at)} deep",
                    id=str(at),
                    place=place(at),
                    hint="one separator for a sibling, one more for each level up",
                )
            return result

        if text[0] == EXPRESSION:
            container[key] = EXPRESSION + expressions.rewrite(text[1:], absolute)
        elif (reference := whole_reference(text)) is not None:
            id, default = reference
            container[key] = REFERENCE + absolute(id) + ("" if default is None else f" ?? {default}")


def needs_rewriting(text: str) -> bool:
    """Tell whether a reference or expression may hold a relative id or the old separator."""
    return text[0] in (REFERENCE, EXPRESSION) and (OLD_SEP in text or "@::" in text)
