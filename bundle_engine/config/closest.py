"""Find the names that were probably meant, fast enough for 50,000 candidates."""

from __future__ import annotations

from collections.abc import Iterable

_LIMIT = 400  # candidates that are compared letter by letter


def matches(word: str, candidates: Iterable[str], *, most: int = 3) -> list[str]:
    """Give the candidates closest to `word`, best first; none where nothing is similar.

    A cheap look at length and letters leaves a few hundred candidates for the edit distance.
    """
    wanted = word.lower()
    allowed = min(3, (len(wanted) + 2) // 4 + (len(wanted) > 4)) if len(wanted) > 1 else 0
    letters = set(wanted)
    rough: list[tuple[int, str]] = []
    for candidate in candidates:
        if abs(len(candidate) - len(wanted)) > allowed + 2:
            continue
        lower = candidate.lower()
        if lower == wanted:
            rough.append((-1, candidate))
            continue
        difference = len(letters.symmetric_difference(lower))
        if difference <= 2 * allowed:
            rough.append((difference, candidate))
    rough.sort(key=lambda pair: pair[0])
    scored = []
    for _, candidate in rough[:_LIMIT]:
        distance = edit_distance(wanted, candidate.lower(), allowed)
        if distance <= allowed:
            scored.append((distance, candidate))
    scored.sort()
    return [candidate for _, candidate in scored[:most]]


def edit_distance(a: str, b: str, most: int) -> int:
    """Count the letters to insert, delete, replace or swap to get from `a` to `b`; `most` + 1 when it is more.

    The optimal string alignment distance (Damerau 1964, Levenshtein 1966).
    """
    if abs(len(a) - len(b)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        last, before, row = before, row, [i] + [0] * len(b)
        for j, other in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, last[j - 2] + 1)
            row[j] = cost
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def either(names: Iterable[str]) -> str:
    """Write names as a choice: ``'a'``, ``'a' or 'b'``, ``'a', 'b' or 'c'``."""
    quoted = [f"'{name}'" for name in names]
    if len(quoted) < 2:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}"
