"""Find the names that were probably meant, fast enough for 50,000 candidates, or say what there is instead."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, islice
from typing import Any

from bundle_engine.config.ids import META

_LIMIT = 400  # candidates that are compared letter by letter


def matches(word: str, candidates: Iterable[str], *, most: int = 3) -> list[str]:
    """Give the candidates closest to `word`, best first; none where nothing is similar.

    A cheap look at length and letters leaves a few hundred candidates for the edit distance.
    """
    wanted = word.lower()
    allowed = min(3, (len(wanted) + 2) // 4 + (len(wanted) > 4)) if len(wanted) > 1 else 0
    letters = set(wanted)
    rough: list[list[str]] = [[] for _ in range(2 * allowed + 2)]  # by how many letters differ
    for candidate in candidates:
        if abs(len(candidate) - len(wanted)) > allowed + 2:
            continue
        lower = candidate.lower()
        if lower == wanted:
            rough[0].append(candidate)
            continue
        difference = len(letters.symmetric_difference(lower))
        if difference <= 2 * allowed:
            rough[difference + 1].append(candidate)
    scored = []
    for candidate in islice(chain.from_iterable(rough), _LIMIT):
        distance = edit_distance(wanted, candidate.lower(), allowed)
        if distance <= allowed:
            exactly = sum(a != b for a, b in zip(word, candidate, strict=False))
            scored.append((distance, exactly, candidate))
    scored.sort()
    best: dict[str, str] = {}  # names that differ in nothing but upper and lower case are offered once
    for _, _, candidate in scored:
        best.setdefault(candidate.lower(), candidate)
    return list(best.values())[:most]


def edit_distance(a: str, b: str, most: int) -> int:
    """Count the letters to insert, delete, replace or swap to get from `a` to `b`; `most` + 1 when it is more.

    The optimal string alignment distance (Damerau 1964, Levenshtein 1966).
    """
    far = most + 1
    if abs(len(a) - len(b)) > most:
        return far
    while a and b and a[0] == b[0]:
        a, b = a[1:], b[1:]
    while a and b and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    before: list[int] = []
    row = [min(j, far) for j in range(len(b) + 1)]
    for i, letter in enumerate(a, 1):
        last, before, row = before, row, [min(i, far)] + [far] * len(b)
        first, stop = max(1, i - most), min(len(b), i + most)  # further away, it is too far anyway
        for j in range(first, stop + 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != b[j - 1]))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == b[j - 1]:
                cost = min(cost, last[j - 2] + 1)
            row[j] = cost
        if min(row) > most:
            return far
    return min(row[-1], far)


def either(names: Iterable[str]) -> str:
    """Write names as a choice: ``'a'``, ``'a' or 'b'``, ``'a', 'b' or 'c'``."""
    quoted = [f"'{name}'" for name in names]
    if len(quoted) < 2:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def instead(name: object, value: Any) -> str | None:
    """Say what there is in a value in which something was not found.

    Args:
        name: what to call the value; empty for the root.
        value: a mapping, a list, or what has no inside.
    """
    if isinstance(value, dict):
        keys = [str(key) for key in value if key != META]
        if not keys:
            return f"'{name}' is empty" if str(name) else "the config is empty"
        shown = ", ".join(keys[:8]) + (", …" if len(keys) > 8 else "")
        return f"'{name}' has {shown}" if str(name) else f"the config has {shown}"
    if isinstance(value, list):
        return f"'{name}' is a list of {counted(len(value), 'item')}, counted from 0"
    text = repr(value)
    return f"'{name}' is {text if len(text) <= 60 else text[:59] + '…'} and has no inside"


def counted(number: int, noun: str) -> str:
    """Write a number with its noun: ``1 item``, ``2 items``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
