"""Plain values in expressions that are evaluated with care: what counts as plain, and work on it within bounds."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from types import GeneratorType
from typing import Any

from bundle_engine.config.policy import Forbidden

__all__ = ["FUNCTIONS", "METHODS", "Budget", "binary", "call_method", "checked", "formatted", "is_plain", "iterate"]

STEPS = 500_000  # units of work of one expression: a step of evaluating, an item of a container, 64 characters
INT_BITS = 4096
LENGTH = 1_000_000  # characters of a text, items of a container
WIDTH = 1_000  # of one formatted value
_FEW, _ALIKE = 2_000, 50  # keys that are not looked through; keys that may have one hash

SCALARS = frozenset({type(None), bool, int, float, complex, str, bytes})
_NUMBERS = frozenset({bool, int, float, complex})
_DICTS = frozenset({dict, OrderedDict})
_SEQUENCES = frozenset({list, tuple})
_SETS = frozenset({set, frozenset})
_VIEWS = frozenset(map(type, ({}.keys(), {}.values(), {}.items())))
_ODD_VIEWS = frozenset(map(type, (OrderedDict().keys(), OrderedDict().values(), OrderedDict().items())))
# what can be walked through only once
_ONCE = frozenset(
    {zip, enumerate, reversed, GeneratorType, *map(type, (iter([]), reversed([]), reversed({}), reversed(range(1))))}
)
CONTAINERS = _DICTS | _SEQUENCES | _SETS
ITERABLE = CONTAINERS | _VIEWS | _ODD_VIEWS | _ONCE | {range, str}


class Budget:
    """The work that may still be done."""

    def __init__(self, steps: int = STEPS) -> None:
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        """Take away some steps.

        Raises:
            Forbidden: when none are left.
        """
        self.left -= steps
        if self.left < 0:
            raise Forbidden("too much work", f"it takes more than {STEPS:,} steps")


def is_plain(value: Any) -> bool:
    """Tell whether a value is of a plain type itself, whatever it holds."""
    kind = type(value)
    return kind in SCALARS or kind in ITERABLE


def require_plain(value: Any, what: str) -> None:
    """Raise Forbidden for a value of another type."""
    if not is_plain(value):
        raise Forbidden(what, f"that is done with plain data only, not with an object of type {_kind(value)}")


def _kind(value: Any) -> str:
    return type(value).__qualname__


def weigh(value: Any, budget: Budget, *, plain: bool = False) -> None:
    """Spend what looking at all of a value costs; what stands in it twice counts twice.

    Raises:
        Forbidden: when that is too much; or, with `plain`, when something in it is no plain data.
    """
    waiting = [value]
    while waiting:
        item = waiting.pop()
        kind = type(item)
        if kind is str or kind is bytes:
            budget.spend(1 + len(item) // 64)
        elif kind in SCALARS:
            budget.spend()
        elif kind is range:
            budget.spend(1 + _length(item))
        elif kind in _DICTS:
            budget.spend(1 + 2 * len(item))
            waiting.extend(item.keys())
            waiting.extend(item.values())
        elif kind in CONTAINERS or kind in _VIEWS or kind in _ODD_VIEWS:
            budget.spend(1 + len(item))
            waiting.extend(item)
        elif plain and kind not in _ONCE:
            raise Forbidden(_kind(item), "only plain data can be compared or written as text")
        else:
            budget.spend()


def checked(value: Any, budget: Budget) -> Any:
    """Give a value back, unless it is larger than values may be."""
    kind = type(value)
    if kind is int:
        if value.bit_length() > INT_BITS:
            raise Forbidden("a large number", f"numbers have at most {INT_BITS} bits")
    elif kind is str or kind is bytes:
        _fits(len(value))
        budget.spend(len(value) // 64)
    elif kind in CONTAINERS:
        _fits(len(value))
        budget.spend(len(value))
    elif kind is range:
        _fits(_length(value))
    return value


def _length(value: range) -> int:
    try:
        return len(value)
    except OverflowError:
        return LENGTH + 1


def _fits(length: int) -> None:
    if length > LENGTH:
        raise Forbidden("a long value", f"texts and containers have at most {LENGTH:,} items")


def iterate(value: Any, budget: Budget) -> Iterator[Any]:
    """Walk through a plain container, spending a step for each item."""
    if type(value) not in ITERABLE:
        if type(value) in SCALARS:
            iter(value)  # raises what Python raises
        raise Forbidden(f"iteration over {_kind(value)}", "only plain data can be walked through")
    for item in value:
        budget.spend()
        yield item


# --- operators ---


def binary(symbol: str, apply: Callable[[Any, Any], Any], left: Any, right: Any, budget: Budget) -> Any:
    """Apply an operator to two plain values.

    Raises:
        Forbidden: where the result would be too large, or an operand is no plain value.
    """
    for operand in (left, right):
        require_plain(operand, symbol)
        checked(operand, budget)
    kinds = {type(left), type(right)}
    if symbol == "**" and kinds <= {int, bool}:
        if right > 0 and int(left).bit_length() * int(right) > INT_BITS and left not in (-1, 0, 1):
            raise Forbidden("a large number", f"numbers have at most {INT_BITS} bits")
    elif symbol == "<<" and kinds <= {int, bool}:
        if right > INT_BITS:
            raise Forbidden("a large number", f"numbers have at most {INT_BITS} bits")
    elif symbol == "*":
        for one, other in ((left, right), (right, left)):
            if type(one) in (str, bytes, list, tuple) and type(other) in (int, bool):
                _fits(len(one) * max(int(other), 0))
                budget.spend(len(one) * max(int(other), 0) // (64 if type(one) in (str, bytes) else 1))
    elif symbol == "%" and type(left) in (str, bytes):
        weigh(right, budget, plain=True)
        _check_percent(left)
    elif kinds & (_SETS | _VIEWS | _ODD_VIEWS):
        weigh([left, right], budget, plain=True)
    return checked(apply(left, right), budget)


_PERCENT = re.compile(r"%(?:\([^)]*\))?[#0\- +]*(\*|\d*)(?:\.(\*|\d*))?")
_NESTED = re.compile(r"%\([^)]*\(")


def _check_percent(text: str | bytes) -> None:
    shown = text if isinstance(text, str) else text.decode("latin-1")
    if _NESTED.search(shown):
        raise Forbidden("%", "the name of a value has no brackets")
    for found in _PERCENT.finditer(shown):
        for number in found.groups():
            if number == "*" or (number and (len(number) > 4 or int(number) > WIDTH)):
                raise Forbidden("%", f"a format is at most {WIDTH} wide, and says so itself")


_SPEC = re.compile(
    r"(?:[^{}]?[<>=^])?[-+ ]?z?#?0?(?P<width>\d{0,4})[_,]?(?:\.(?P<precision>\d{1,4}))?[bcdeEfFgGnosxX%]?", re.DOTALL
)


def formatted(value: Any, spec: str, budget: Budget) -> str:
    """Format a value as an f-string does."""
    found = _SPEC.fullmatch(spec)
    if found is None or any(number and int(number) > WIDTH for number in found.groups()):
        raise Forbidden(f"the format {spec[:20]!r}", f"a format is a plain one, at most {WIDTH} wide")
    if spec and type(value) not in SCALARS and type(value) in ITERABLE:
        raise Forbidden(f"the format {spec[:20]!r}", "only numbers and texts have a format")
    weigh(value, budget, plain=True)
    _no_iterator(value)
    result: str = checked(format(value, spec), budget)
    return result


def text_of(value: Any, budget: Budget, write: Callable[[Any], str] = str) -> str:
    """Write a plain value as text."""
    weigh(value, budget, plain=True)
    _no_iterator(value)
    result: str = checked(write(value), budget)
    return result


def _no_iterator(value: Any) -> None:
    if type(value) in _ONCE:  # its text would be an address in memory
        raise Forbidden(_kind(value), "only plain data can be written as text")


# --- methods ---

_TEXT = (
    "capitalize casefold count endswith find index isalnum isalpha isascii isdecimal isdigit isidentifier islower"
    " isnumeric isspace istitle isupper join lower lstrip partition removeprefix removesuffix replace rfind rindex"
    " rpartition rsplit rstrip split splitlines startswith strip swapcase title upper zfill ljust rjust center"
)
_SET = "copy difference intersection isdisjoint issubset issuperset symmetric_difference union"
METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(_TEXT.split()),
    list: frozenset({"copy", "count", "index"}),
    tuple: frozenset({"count", "index"}),
    dict: frozenset({"copy", "get", "items", "keys", "values"}),
    OrderedDict: frozenset({"copy", "get", "items", "keys", "values"}),
    set: frozenset(_SET.split()),
    frozenset: frozenset(_SET.split()),
    int: frozenset({"bit_length"}),
    float: frozenset({"is_integer"}),
    range: frozenset({"count", "index"}),
}
_BACKWARDS = frozenset({"rfind", "rindex", "rpartition", "rsplit"})
METHOD_NAMES = frozenset().union(*METHODS.values())


def call_method(value: Any, name: str, positional: list[Any], keywords: dict[str, Any], budget: Budget) -> Any:
    """Call a method of a plain value.

    Raises:
        Forbidden: for a method that is not on the list, or a result that would be too large.
    """
    kind = type(value)
    if name not in METHODS.get(kind, ()):
        raise Forbidden(f".{name}", f"it is no listed method of {kind.__qualname__}")
    given = [*positional, *keywords.values()]
    holds = kind in _DICTS and name in ("get", "copy", "items", "keys", "values")  # nothing in it is looked at
    if kind is str and name == "join" and len(positional) == 1:
        positional = [list(iterate(positional[0], budget))]
        given = positional
        length = sum(len(text) for text in positional[0] if type(text) is str)
        _fits(length + len(value) * len(positional[0]))
    for argument in given:
        require_plain(argument, f".{name}()") if not holds else None
        weigh(argument, budget, plain=not holds)
    weigh(value, budget, plain=not holds and name not in ("copy",))
    if kind is str and name == "replace" and len(positional) >= 2 and type(positional[0]) is type(positional[1]) is str:
        _fits(len(value) + (value.count(positional[0])) * len(positional[1]))
    if kind is str and name in _BACKWARDS:  # Python searches backwards in quadratic time
        budget.spend(sum(len(value) * len(text) // 64 for text in given if type(text) is str))
    if name in ("zfill", "ljust", "rjust", "center"):
        for argument in given:
            if type(argument) in (int, bool):
                _fits(int(argument))
    return checked(getattr(kind, name)(value, *positional, **keywords), budget)


# --- functions ---


def listed(value: Any, budget: Budget) -> Any:
    """Give what can be walked through only once as a list."""
    return list(iterate(value, budget)) if type(value) in _ONCE else value


def _looking(function: Callable[..., Any], *allowed: str) -> Callable[..., Any]:
    """Bound a function that looks at all of its plain arguments."""

    def call(budget: Budget, *positional: Any, **keywords: Any) -> Any:
        _only(function.__name__, keywords, allowed)
        arguments = [listed(value, budget) for value in positional]
        for value in (*arguments, *keywords.values()):
            weigh(value, budget, plain=True)
            checked(value, budget)
        return checked(function(*arguments, **keywords), budget)

    return call


def _holding(function: Callable[..., Any], *allowed: str) -> Callable[..., Any]:
    """Bound a function that makes a container of its arguments' items, whatever these are."""

    def call(budget: Budget, *positional: Any, **keywords: Any) -> Any:
        _only(function.__name__, keywords, allowed)
        for value in positional:
            require_plain(value, function.__name__)
            checked(value, budget)
        return checked(function(*positional, **keywords), budget)

    return call


def check_hashes(keys: Collection[Any], budget: Budget) -> None:
    """Refuse many different keys of one hash, for which mappings and sets take quadratic time."""
    if len(keys) <= _FEW:
        return
    budget.spend(len(keys))
    ordered = sorted(((hash(key), number) for number, key in enumerate(keys)))
    listed_keys = list(keys)
    different: list[Any] = []
    before = None
    for hashed, number in ordered:
        if hashed != before:
            different, before = [], hashed
        if not any(listed_keys[number] == other for other in different):
            different.append(listed_keys[number])
        if len(different) > _ALIKE:
            raise Forbidden("too much work", "many different keys have one hash")


def _dict(budget: Budget, *positional: Any, **keywords: Any) -> Any:
    arguments = [listed(value, budget) for value in positional]
    for value in arguments:
        require_plain(value, "dict")
    weigh([*arguments, *keywords.values()], budget)
    for value in arguments:
        if type(value) in _SEQUENCES:
            check_hashes([pair[0] for pair in value if type(pair) in _SEQUENCES and len(pair) == 2], budget)
    return checked(dict(*arguments, **keywords), budget)


def _only(name: str, keywords: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    for keyword in keywords:
        if keyword not in allowed:
            raise Forbidden(f"{name}({keyword}=…)", "this argument is not on the list")


def _hashing(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(budget: Budget, *positional: Any) -> Any:
        arguments = [list(iterate(value, budget)) for value in positional]
        weigh(arguments, budget, plain=True)
        for values in arguments:
            check_hashes(values, budget)
        return checked(function(*arguments), budget)

    return call


def _sum(budget: Budget, values: Any, /, start: Any = 0) -> Any:
    if type(start) in (str, bytes):
        raise TypeError("sum() can't sum strings [use ''.join(seq) instead]")
    total = start
    for value in iterate(values, budget):
        total = binary("+", lambda a, b: a + b, total, value, budget)
    return total


def _round(budget: Budget, number: Any, ndigits: Any = None) -> Any:
    if type(number) not in _NUMBERS:
        raise TypeError(f"type {_kind(number)} doesn't define __round__ method")
    if type(ndigits) is int and abs(ndigits) > WIDTH:
        raise Forbidden("round", f"it rounds to {WIDTH} digits at most")
    checked(number, budget)
    return round(number, ndigits)


def _int(budget: Budget, *positional: Any) -> Any:
    for value in positional:
        require_plain(value, "int")
        checked(value, budget)
        if type(value) in (str, bytes) and len(value) > INT_BITS:
            raise Forbidden("int", f"numbers have at most {INT_BITS} bits")
    return checked(int(*positional), budget)


def _pow(budget: Budget, base: Any, exponent: Any) -> Any:
    return binary("**", lambda a, b: a**b, base, exponent, budget)


def _bool(budget: Budget, value: Any = False, /) -> bool:
    require_plain(value, "bool")
    return bool(value)


def _any(budget: Budget, values: Any, /) -> bool:
    return any(_bool(budget, value) for value in iterate(values, budget))


def _all(budget: Budget, values: Any, /) -> bool:
    return all(_bool(budget, value) for value in iterate(values, budget))


def _len(budget: Budget, value: Any, /) -> int:
    require_plain(value, "len")
    return len(value)


def _range(budget: Budget, *positional: Any) -> Any:
    for value in positional:
        require_plain(value, "range")
    return checked(range(*positional), budget)


def _text(write: Callable[[Any], str]) -> Callable[..., Any]:
    def call(budget: Budget, value: Any = "", /) -> str:
        return text_of(value, budget, write)

    return call


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": _looking(abs),
    "all": _all,
    "any": _any,
    "bin": _looking(bin),
    "bool": _bool,
    "chr": _looking(chr),
    "complex": _looking(complex, "real", "imag"),
    "dict": _dict,
    "divmod": _looking(divmod),
    "enumerate": _holding(enumerate, "start"),
    "float": _looking(float),
    "frozenset": _hashing(frozenset),
    "hex": _looking(hex),
    "int": _int,
    "len": _len,
    "list": _holding(list),
    "max": _looking(max, "default"),
    "min": _looking(min, "default"),
    "oct": _looking(oct),
    "ord": _looking(ord),
    "pow": _pow,
    "range": _range,
    "repr": _text(repr),
    "reversed": _holding(reversed),
    "round": _round,
    "set": _hashing(set),
    "sorted": _looking(sorted, "reverse"),
    "str": _text(str),
    "sum": _sum,
    "tuple": _holding(tuple),
    "zip": _holding(zip, "strict"),
}


def call_pure(function: Callable[..., Any], positional: list[Any], keywords: dict[str, Any], budget: Budget) -> Any:
    """Call a plain function of the standard library with plain arguments."""
    for value in (*positional, *keywords.values()):
        weigh(value, budget, plain=True)
        checked(value, budget)
    _fits(sum(len(value) for value in positional if type(value) is str))
    return checked(function(*positional, **keywords), budget)
