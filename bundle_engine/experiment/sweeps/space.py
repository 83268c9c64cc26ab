"""What a sweep tries: lists of values, lists that go together, and ranges to draw from."""

from __future__ import annotations

import ast
import itertools
import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bundle_engine.config.closest import either, matches
from bundle_engine.errors import UsageError

__all__ = ["CHOICE", "INT", "LOG", "LOG_INT", "UNIFORM", "Range", "Space", "read_range"]

UNIFORM, LOG, INT, LOG_INT, CHOICE = "uniform", "log", "int", "logint", "choice"
_KINDS = (UNIFORM, LOG, INT, LOG_INT, CHOICE)
_CALL = re.compile(r"\s*(\w+)\s*\((.*)\)\s*", re.DOTALL)
_ATTEMPTS = 200  # to draw what was not drawn before
_MOST = 10_000  # points of a grid


class Range(NamedTuple):
    """Where the values of an id are drawn from.

    Attributes:
        kind: ``uniform``, ``log`` (numbers, as likely in each decade), ``int``, ``logint``, or ``choice``.
        values: the lowest and the highest number; of ``choice`` all values.
    """

    kind: str
    values: tuple[Any, ...]

    def draw(self, source: random.Random) -> Any:
        """Draw a value."""
        if self.kind == CHOICE:
            return source.choice(self.values)
        low, high = self.values
        if self.kind == UNIFORM:
            return source.uniform(low, high)
        if self.kind == INT:
            return source.randint(low, high)
        if self.kind == LOG:
            return min(high, max(low, math.exp(source.uniform(math.log(low), math.log(high)))))
        drawn = math.exp(source.uniform(math.log(low - 0.5), math.log(high + 0.5)))
        return min(high, max(low, round(drawn)))


def read_range(id: str, written: Any) -> Range:
    """Read where the values of an id are drawn from.

    Args:
        id: the id.
        written: as ``log(1e-5, 1e-2)``, ``{log: [1e-5, 1e-2]}``, or a list of values to choose from.

    Raises:
        UsageError: when it is none of these.
    """
    if isinstance(written, (list, tuple)):
        return _checked(id, CHOICE, tuple(written))
    if isinstance(written, Mapping) and len(written) == 1:
        kind, values = next(iter(written.items()))
        return _checked(id, str(kind), tuple(values) if isinstance(values, (list, tuple)) else (values,))
    if isinstance(written, str) and (call := _CALL.fullmatch(written)):
        try:
            values = ast.literal_eval(f"({call[2]},)") if call[2].strip() else ()
        except (SyntaxError, ValueError):
            values = tuple(part.strip() for part in call[2].split(","))
        return _checked(id, call[1], values)
    if isinstance(written, str) and "(" in written and ")" not in written:
        raise UsageError(
            f"'{written}' is only the beginning of what values of '{id}' can be drawn from",
            hint="in a file, what stands inside of {...} and has commas needs quotes",
        )
    raise UsageError(
        f"'{written}' is nothing that values of '{id}' can be drawn from",
        hint="uniform(0, 1), log(1e-5, 1e-2), int(1, 8), logint(8, 512) or choice(a, b)",
    )


def _checked(id: str, kind: str, values: tuple[Any, ...]) -> Range:
    if kind not in _KINDS:
        near = matches(kind, _KINDS)
        hint = f"did you mean {either(near)}?" if near else f"there are {', '.join(_KINDS)}"
        raise UsageError(f"'{kind}', from which '{id}' shall be drawn, is unknown", hint=hint)
    if kind == CHOICE:
        if not values:
            raise UsageError(f"there is nothing to choose '{id}' from")
        return Range(kind, values)
    example = {UNIFORM: "uniform(0, 1)", LOG: "log(1e-5, 1e-2)", INT: "int(1, 8)", LOG_INT: "logint(8, 512)"}[kind]
    whole = kind in (INT, LOG_INT)
    numbers = all(isinstance(value, int if whole else (int, float)) and not isinstance(value, bool) for value in values)
    if len(values) != 2 or not numbers or values[0] > values[1]:
        kinds = "whole numbers" if whole else "numbers"
        raise UsageError(
            f"'{kind}' takes the lowest and the highest of {kinds}; '{id}' has {list(values)}", hint=f"as {example}"
        )
    if kind in (LOG, LOG_INT) and values[0] <= 0:
        raise UsageError(f"'{kind}' takes numbers above 0; '{id}' has {list(values)}", hint=f"as {example}")
    return Range(kind, values if whole else tuple(map(float, values)))


class Space(NamedTuple):
    """All that a sweep may try.

    Attributes:
        grid: lists of values, by id; each goes with each.
        zipped: groups of lists of the same length, by id; the first values of a group go together, and so on.
        ranges: where values are drawn from, by id.
    """

    grid: Mapping[str, Sequence[Any]]
    zipped: Sequence[Mapping[str, Sequence[Any]]]
    ranges: Mapping[str, Range]

    @classmethod
    def of(
        cls,
        grid: Mapping[str, Sequence[Any]] | None = None,
        zipped: Sequence[Mapping[str, Sequence[Any]]] | None = None,
        ranges: Mapping[str, Any] | None = None,
    ) -> Space:
        """Make a space.

        Raises:
            UsageError: when an id is there twice, a list is empty or too short, or there is nothing to try.
        """
        grid, zipped, ranges = grid or {}, zipped or [], ranges or {}
        ids = [*grid, *(id for group in zipped for id in group), *ranges]
        for id in ids:
            if ids.count(id) > 1:
                raise UsageError(f"'{id}' is there twice in what the sweep shall try")
        for id, values in [*grid.items(), *(item for group in zipped for item in group.items())]:
            if not isinstance(values, (list, tuple)) or not values:
                raise UsageError(f"'{id}' has no list of values to try, but '{values}'")
        for group in zipped:
            lengths = {id: len(values) for id, values in group.items()}
            if len(set(lengths.values())) > 1:
                told = ", ".join(f"'{id}' has {length}" for id, length in lengths.items())
                raise UsageError(f"lists that go together have the same number of values: {told}")
        if not ids:
            raise UsageError("it is not said what to try", hint='--grid "learning_rate=1e-3,1e-4", for instance')
        return cls(grid, zipped, {id: read_range(id, written) for id, written in ranges.items()})

    @property
    def ids(self) -> list[str]:
        """All ids, in the order given."""
        return [*self.grid, *(id for group in self.zipped for id in group), *self.ranges]

    def sample(self) -> dict[str, Any]:
        """Give one value for each id."""
        listed = {id: steps[0] for group in (self.grid, *self.zipped) for id, steps in group.items()}
        return listed | {id: range.values[0] for id, range in self.ranges.items()}

    def axes(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """Give what goes with each other: the name of each axis, and the values of its ids along it."""
        single = [(id, [{id: value} for value in values]) for id, values in self.grid.items()]
        together = [
            (" & ".join(group), [dict(zip(group, values, strict=True)) for values in zip(*group.values(), strict=True)])
            for group in self.zipped
        ]
        return [*single, *together]

    def points(self) -> list[dict[str, Any]]:
        """Give all points of the lists.

        Raises:
            UsageError: when there are ranges, which have no points, or too many points.
        """
        if self.ranges:
            raise UsageError(
                f"from '{next(iter(self.ranges))}' values are drawn, and it is not said how often",
                hint="--random N, or --optuna N",
            )
        count = math.prod(len(steps) for _, steps in self.axes())
        if count > _MOST:
            raise UsageError(f"these lists have {count:,} points", hint="--random N tries N of them")
        return [
            {id: value for step in steps for id, value in step.items()}
            for steps in itertools.product(*(steps for _, steps in self.axes()))
        ]

    def draw(self, count: int, seed: int) -> list[dict[str, Any]]:
        """Draw points at random, each once; fewer where there are no more."""
        return list(itertools.islice(self._drawn(seed), count))

    def _drawn(self, seed: int) -> Iterator[dict[str, Any]]:
        source = random.Random(seed)
        seen: list[dict[str, Any]] = []
        for _ in itertools.count():
            for _ in range(_ATTEMPTS):
                point = {id: value for _, steps in self.axes() for id, value in source.choice(steps).items()}
                point |= {id: range.draw(source) for id, range in self.ranges.items()}
                if point not in seen:
                    break
            else:
                return
            seen.append(point)
            yield point
