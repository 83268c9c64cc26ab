"""Plain values that are not what they look like: words, numbers in quotes, paths."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bundle_engine.config.ids import TARGET, Id
from bundle_engine.inspection.findings import Finding
from bundle_engine.inspection.rules import types
from bundle_engine.inspection.rules.scene import UNKNOWN, Scene

__all__ = ["numbers_as_text", "paths", "surprises"]

_WORDS = {"yes": True, "no": False, "on": True, "off": False}
_ODD = re.compile(
    r"(?:^|[\s:\-,\[{])(?P<text>yes|no|on|off|\d+(?::[0-5]?\d)+|0[0-7]+|\d{4}-\d\d?-\d\d?)(?=\s*(?:$|[,\]}:#]))",
    re.IGNORECASE | re.MULTILINE,
)
_EXPONENT = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)[eE][+-]?\d+\s*")
# arguments that name a file or folder which is read, by the last part of the target
_READS = {
    "load": ("f",),
    "CheckpointLoader": ("load_path",),
    "load_decathlon_datalist": ("data_list_file_path",),
    "load_decathlon_properties": ("data_property_file_path",),
    "DecathlonDataset": ("root_dir",),
    "CSVDataset": ("src",),
    "TrtHandler": (),
}


def surprises(scene: Scene) -> Iterator[Finding]:
    """Find unquoted words that YAML reads as something else than they say."""
    yaml_files = [
        d for d in scene.subject.documents if d.path.suffix.lower() in (".yaml", ".yml") and _ODD.search(d.text)
    ]
    if not yaml_files:
        return
    names = {document.name for document in yaml_files}
    for item in scene.items:
        if isinstance(item.value, dict):
            for key in item.value:
                if isinstance(key, bool):
                    yield from _surprise(scene, item.id.child(key), key, names, is_key=True)
        elif not isinstance(item.value, (str, list, float)) and item.value is not None:
            yield from _surprise(scene, item.id, item.value, names)


def _surprise(scene: Scene, at: Id, value: Any, names: set[str], *, is_key: bool = False) -> Iterator[Finding]:
    place = scene.subject.place(at, key=is_key)
    if place is None or place.source not in names:
        return
    written = place.text[place.column - 1 : place.column - 1 + place.width]
    if isinstance(value, bool):
        if _WORDS.get(written.lower()) is not value:
            return
        what, plain = str(value).lower(), "true or false"
    elif isinstance(value, int) and (":" in written or re.fullmatch(r"[+-]?0\d+", written)):
        what, plain = f"the number {value}", "the number itself"
    elif not isinstance(value, (int, dict)):
        what, plain = f"the date {value}", "text"
    else:
        return
    name = "key" if is_key else "value"
    message = f"YAML reads the {name} {written} as {what}"
    yield scene.finding("BE006", at, message, f'write {plain}, or quote it: "{written}"', place=place)


def numbers_as_text(scene: Scene) -> Iterator[Finding]:
    """Find numbers with an exponent that are text, where no text is expected."""
    for item in scene.items:
        if not isinstance(item.value, str) or _EXPONENT.fullmatch(item.value) is None:
            continue
        annotation = _annotation(scene, item.id)
        if types.accepts_text(annotation) or (annotation and types.fits(item.value, annotation) is False):
            continue  # it may be text, or the rule on types tells of it
        yield scene.finding(
            "BE007", item.id, f"{item.value!r} is text, not a number", f"write {item.value.strip()} without quotes"
        )


def _annotation(scene: Scene, at: Id) -> str | None:
    component = scene.value(at.parent) if at else None
    if not isinstance(component, dict) or TARGET not in component:
        return None
    definition = scene.definition(component)
    parameter = definition.parameter(at[-1]) if definition is not None else None
    return parameter.annotation if parameter is not None else None


def paths(scene: Scene) -> Iterator[Finding]:
    """Find paths of files to read that are not there."""
    told: set[Id] = set()
    for at, component in scene.components:
        target = component[TARGET]
        if not isinstance(target, str):
            continue
        for name in _READS.get(target.rpartition(".")[2], ()):
            if name in component:
                value, where = scene.literal(component[name], at.child(name))
                if value is not UNKNOWN and isinstance(value, str) and where not in told and _is_missing(scene, value):
                    told.add(where)
                    yield _no_path(scene, where, value)
    for name in ("dataset_dir", "data_dir", "data_list_file_path"):
        value = scene.root.get(name)
        at = Id((name,))
        if (
            isinstance(value, str)
            and value[:1] not in ("$", "@", "%", "\\", "?", "")
            and at not in told
            and _is_missing(scene, value)
        ):
            yield _no_path(scene, at, value)


def _is_missing(scene: Scene, text: str) -> bool:
    """Tell whether a path is not there; addresses are no paths, and what another step writes cannot be told."""
    if "://" in text or any(character in text for character in "*?{"):
        return False
    path = Path(os.path.expanduser(text))
    root = scene.subject.bundle_root
    return not path.exists() and (path.is_absolute() or root is None or not (root / path).exists())


def _no_path(scene: Scene, at: Id, text: str) -> Finding:
    near = None
    folder = Path(text).parent
    if folder.is_dir():
        from bundle_engine.inspection.rules.scene import did_you_mean

        near = did_you_mean(Path(text).name, [entry.name for entry in folder.iterdir()])
    hint = near or f"correct it, or set it on the command line with --{at} PATH"
    return scene.finding("BE055", at, f"there is no file or folder '{text}'", hint)
