"""Keep secrets out of what is written about a run.

What is secret is known by its name (``password``, ``api_key``, ``hf_token``), by the name of the environment variable
that holds it, or by where it stands in an address: before an ``@``, or behind ``?token=``. In a config it becomes the
mark of a value that has to be given, so that a run that is repeated asks for it; in a text it becomes stars.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bundle_engine.config import Id
from bundle_engine.config.ids import MANDATORY, REFERENCE, split_operator

__all__ = ["STARS", "Masker", "hidden", "hidden_arguments", "is_secret_name", "secret_ids"]

STARS = "***"

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRETS = frozenset(
    {"password", "passwd", "passphrase", "pwd", "secret", "secrets", "apikey", "credential", "credentials"}
)
_KEYS = frozenset({"api", "access", "private", "auth", "account", "encryption"})  # before ``key``
_NO_SECRET_TOKENS = frozenset(
    {"pad", "cls", "sep", "mask", "bos", "eos", "unk", "class", "special", "num", "max", "start", "end", "per"}
)  # of language, and not of access
# patterns as text: most runs need none of them, and to compile one takes longer than to search
_USERINFO = r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/@'\"]+@"
_QUERY = r"(?i)([?&][\w-]*(?:token|key|secret|password|signature|sig)=)[^&\s'\"#]+"
_ASSIGNED = (
    r"""(?i)((?:password|passwd|passphrase|secret|api_?key|access_?key|token)\b["']?\s*[=:]\s*)"""
    r"""(?!\*\*\*|\?\?\?|None\b|null\b|[$@])["']?[^\s"',;}\])]+"""
)
_LOOKED_UP = (  # an expression that gets a secret from where secrets are kept, and holds none itself
    r"""\$\s*(?:[\w.@:\[\]]+|(?:\w+\.)*(?:env|getenv|get)\(\s*['"]\w+['"]\s*\)|"""
    r"""(?:\w+\.)*environ\[\s*['"]\w+['"]\s*\])\s*"""
)
_FOLDERS = ("PWD", "OLDPWD")  # the shell's, and no passwords
_SHORTEST = 6  # characters of an environment's secret that is looked for in texts


def is_secret_name(name: str) -> bool:
    """Tell whether something of this name is a secret."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if _SECRETS.intersection(words):
        return True
    pairs = list(zip(["", *words], words, strict=False))
    return any((word == "key" and before in _KEYS) for before, word in pairs) or (
        bool(pairs) and pairs[-1][1] == "token" and pairs[-1][0] not in _NO_SECRET_TOKENS
    )


def secret_ids(config: Any) -> list[Id]:
    """Find the ids of a config at which secrets are written.

    References to them, and expressions that look them up (``$env('DB_PASSWORD')``), are none.
    """
    found: list[Id] = []
    waiting: list[tuple[Id, Any, bool]] = [(Id(), config, False)]
    while waiting:
        id, value, inside = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [(id.child(key), each, inside or is_secret_name(str(key))) for key, each in value.items()]
        elif isinstance(value, (list, tuple)):
            waiting += [(id.child(index), each, inside) for index, each in enumerate(value)]
        elif _is_secret(id[-1] if id else "", value, inside):
            found.append(id)
    return found


def _is_secret(name: str, value: Any, named: bool) -> bool:
    if value is None or isinstance(value, bool) or value == "":
        return False
    if not isinstance(value, str):
        return named and not name.lower().endswith("token")
    if named:
        return not (value == MANDATORY or value.startswith(REFERENCE) or re.fullmatch(_LOOKED_UP, value))
    return "://" in value and (re.search(_USERINFO, value) or re.search(_QUERY, value)) is not None


def hidden(config: Any, ids: Iterable[Id] | None = None) -> Any:
    """Give a copy of a config with ``???`` for its secrets.

    Args:
        config: the config; it stays as it is.
        ids: where its secrets are; by default they are looked for.
    """
    from bundle_engine.config import tree

    copy = tree.copy(config)
    for id in secret_ids(copy) if ids is None else ids:
        while id and isinstance(tree.find(copy, id.parent), tuple):
            id = id.parent
        if not id:
            return MANDATORY
        around = tree.find(copy, id.parent)
        around[tree.child_key(around, id[-1])] = MANDATORY
    return copy


def hidden_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Give a copy of arguments and overrides, by their ids, with ``???`` for secrets."""
    found = {}
    for key, value in arguments.items():
        id = Id.parse(split_operator(key)[1])
        named = bool(id) and is_secret_name(id[-1])
        if not isinstance(value, (Mapping, list, tuple)):
            found[key] = MANDATORY if _is_secret(id[-1] if id else "", value, named) else value
        else:
            found[key] = hidden({"secret" if named else "value": value}).popitem()[1]
    return found


class Masker:
    """Writes stars for secrets in texts.

    Args:
        secrets: secrets that are known; those of the environment are added.
    """

    def __init__(self, secrets: Iterable[Any] = ()) -> None:
        known = {str(secret) for secret in secrets}
        known |= {
            value
            for name, value in os.environ.items()
            if len(value) >= _SHORTEST and is_secret_name(name) and name not in _FOLDERS
        }
        self._known = sorted((text for text in known if len(text) > 3 and text != MANDATORY), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Give the text with stars for secrets."""
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, STARS)
        if "://" in text:
            text = re.sub(_QUERY, rf"\g<1>{STARS}", re.sub(_USERINFO, rf"\g<1>{STARS}@", text))
        if "=" in text or ":" in text:
            text = re.sub(_ASSIGNED, rf"\g<1>{STARS}", text)
        return text

    def command(self, words: Sequence[str]) -> list[str]:
        """Give the words of a command line with stars for secrets."""
        found: list[str] = []
        secret_follows = False
        for word in words:
            name, equals, value = word.lstrip("-").partition("=") if word.startswith("-") else ("", "", word)
            is_secret = bool(name) and is_secret_name(Id.parse(name)[-1] if Id.parse(name) else "")
            if is_secret and equals:
                found.append(f"{word[: len(word) - len(value)]}{STARS}")
            elif secret_follows and not word.startswith("--"):
                found.append(STARS)
            else:
                found.append(self(word))
            secret_follows = is_secret and not equals
        return found
