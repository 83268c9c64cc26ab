"""Sizes are arithmetic over n, p and any, and nothing else."""

from __future__ import annotations

import time

import pytest

from bundle_engine.metadata.shapes import ShapeError, evaluate, names_in

SIZES: dict[str, tuple[int | str, int, set[str]]] = {
    "a number": (96, 96, set()),
    "a number as text": ("96", 96, set()),
    "any size": ("*", 7, {"any"}),
    "any by name": ("any//2+1", 4, {"any"}),
    "a multiple": ("8*n", 24, {"n"}),
    "a power": ("2**p", 32, {"p"}),
    "with blanks": ("32 ** p *n", 3 * 32**5, {"n", "p"}),
    "a sum": ("16*n+1", 49, {"n"}),
    "a difference in parentheses": ("(n - 1) * 4", 8, {"n"}),
    "a letter": ("n", 3, {"n"}),
}
REFUSED: dict[str, tuple[object, str]] = {
    "a call": ("__import__('os')", "is more than arithmetic"),
    "an attribute": ("n.real", "is more than arithmetic"),
    "a comprehension": ("[n for n in (1,)][0]", "is more than arithmetic"),
    "a lambda": ("(lambda: 1)()", "is more than arithmetic"),
    "a comparison": ("n < 3", "is more than arithmetic"),
    "a text": ("'a'*n", "has 'a', and a size is made of whole numbers"),
    "a fraction": ("1.5*n", "has 1.5, and a size is made of whole numbers"),
    "a division": ("n/2", "has an operator that is none of"),
    "a shift": ("1 << n", "has an operator that is none of"),
    "a negation of bits": ("~n", "has an operator that is none of"),
    "another name": ("8*m", "has the name 'm', and only n, p, any mean something"),
    "a tower of powers": ("9**9**9", "has the exponent 387420489"),
    "a large power": ("99999**9", "gives more than 2147483647"),
    "a negative exponent": ("2**-1", "has the exponent -1"),
    "a large number": ("9999999999", "gives more than 2147483647"),
    "a long text": ("n*" * 10000 + "n", "is longer than 200 characters"),
    "deep parentheses": ("(" * 99 + "1" + ")" * 98, "is no arithmetic"),
    "nothing": ("", "is no arithmetic"),
    "a statement": ("n = 3", "is no arithmetic"),
    "a null character": ("8\0", "is no arithmetic"),
    "a strange literal": ("1if 1else 2", "is more than arithmetic"),
    "a division by 0": ("8//0", "divides by 0"),
    "a negative result": ("n-9", "gives -6, and a size is at least 1"),
    "null": (None, "is neither a number nor a text"),
    "true": (True, "is neither a number nor a text"),
    "a list": ([8], "is neither a number nor a text"),
}


@pytest.mark.parametrize(("size", "value", "names"), SIZES.values(), ids=SIZES)
def test_a_size_is_computed(size: int | str, value: int, names: set[str]) -> None:
    assert evaluate(size, n=3, p=5, any=7) == value
    assert names_in(size) == names


@pytest.mark.parametrize(("size", "message"), REFUSED.values(), ids=REFUSED)
def test_anything_else_is_refused_at_once(size: object, message: str) -> None:
    begin = time.process_time()
    with pytest.raises(ShapeError, match=message.replace("(", r"\(")):
        evaluate(size, n=3, p=5, any=7)  # type: ignore[arg-type]
    assert time.process_time() - begin < 0.1
