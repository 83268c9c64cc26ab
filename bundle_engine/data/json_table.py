"""Read a table from JSON: the Decathlon's ``dataset.json``, or lists of mappings with paths."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bundle_engine.config.closest import either, matches
from bundle_engine.config.ids import ROOT, Id
from bundle_engine.config.source import Document, load
from bundle_engine.data.csv_table import resolve
from bundle_engine.data.table import SETS, Dataset, File, Subject, set_name
from bundle_engine.errors import InputError, Place
from bundle_engine.inspection.catalogue import found
from bundle_engine.inspection.findings import Finding

__all__ = ["SUFFIXES", "read_json", "stem_of"]

#: what files of images and arrays end in
SUFFIXES = (
    ".nii.gz", ".nii", ".npz", ".npy", ".nrrd", ".mha", ".mhd", ".hdr", ".img", ".dcm", ".png", ".jpg", ".jpeg",
    ".tif", ".tiff", ".bmp", ".h5", ".hdf5", ".pt",
)  # fmt: skip
_SECTIONS = ("training", "validation", "testing", "test")
_NAMES = ("subject", "subject_id", "patient", "patient_id", "id", "name")
_SPLITS = ("split", "set", "section")


def read_json(path: Path) -> tuple[Dataset, list[Finding]]:
    """Read a table from a JSON or YAML file.

    Returns:
        the table, and what is wrong with entries; wrong entries are left out of the table.

    Raises:
        InputError: when it cannot be read, or holds no list of subjects.
    """
    document = load(path, any_root=True, tell=False)
    root = document.data
    reader = _Reader(document)
    if isinstance(root, list):
        reader.section("", root, ROOT)
    elif isinstance(root, Mapping):
        sections = [key for key in root if isinstance(key, str) and _is_section(key, root[key])]
        if not any(root[key] for key in sections):
            raise _no_section(document, root, sections)
        for key in sections:
            reader.section(set_name(key), root[key], Id((key,)))
    else:
        raise InputError("the root of a table is a mapping or a list", place=Place(str(path)))
    subjects = reader.subjects()
    of = root if isinstance(root, Mapping) else {}
    modalities = of.get("channel_names", of.get("modality", {}))
    names = tuple(map(str, modalities.values())) if isinstance(modalities, Mapping) else ()
    return Dataset(path, subjects, _classes(of.get("labels")), names), reader.findings


def _is_section(key: str, value: Any) -> bool:
    """Tell whether a list is one of subjects: by its name, or by what is in it."""
    if not isinstance(value, list):
        return False
    named = key.lower() in SETS
    return named or any(isinstance(each, Mapping) and any(map(_is_file, each.values())) for each in value[:3])


def _no_section(document: Document, root: Mapping[Any, Any], sections: list[str]) -> InputError:
    spot = document.find(ROOT)
    place = spot.value if spot else Place(str(document.path))
    if sections:
        return InputError(f"there are no subjects in '{sections[0]}'", place=place)
    near = [name for section in _SECTIONS for name in matches(section, map(str, root))]
    hint = f"is it '{near[0]}'? " if near else ""
    there = ", ".join(map(str, root))[:200]
    return InputError(
        f"there is no list of subjects in the table; it has {there or 'nothing'}",
        place=place,
        hint=f"{hint}the lists are called {', '.join(_SECTIONS)}",
    )


def _classes(labels: Any) -> dict[int, str]:
    """Read names of classes: by number, or the other way round, or as a list."""
    found: dict[int, str] = {}
    if isinstance(labels, list):
        return {number: str(name) for number, name in enumerate(labels)}
    for key, value in labels.items() if isinstance(labels, Mapping) else ():
        number, name = (value, key) if isinstance(value, int) and not str(key).isdigit() else (key, value)
        if str(number).lstrip("-").isdigit():
            found[int(number)] = str(name)
    return found


def _is_file(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(map(_is_file, value))
    return isinstance(value, str) and value.lower().endswith(SUFFIXES)


def stem_of(path: str) -> str:
    """Give the name of a file without its folder and its ending."""
    name = path.replace("\\", "/").rpartition("/")[2]
    ending = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(ending)] if ending else name.rpartition(".")[0] or name


class _Reader:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._folder = document.path.parent
        self._found: list[Subject] = []
        self.findings: list[Finding] = []

    def section(self, name: str, entries: list[Any], id: Id) -> None:
        for index, entry in enumerate(entries):
            self._entry(name, entry, id.child(index))

    def _entry(self, section: str, entry: Any, id: Id) -> None:
        if isinstance(entry, str):
            entry = {"image": entry}
        if not isinstance(entry, Mapping):
            self._wrong(id, "an entry is a mapping with paths, such as image and label, or a path")
            return
        files = self._files(entry, id)
        if not files:
            near = either(sorted(map(str, entry))[:4]) if entry else "nothing"
            self._wrong(id, f"the entry names no file: it has {near}")
            return
        used = {file.channel.rpartition("_")[0] or file.channel for file in files} | {file.channel for file in files}
        own = section
        columns = {}
        for key, value in entry.items():
            if str(key).lower() in _SPLITS and isinstance(value, str) and not section:
                own = set_name(value)
            elif str(key) not in used:
                columns[str(key)] = value
        named = next((str(entry[key]) for key in _NAMES if isinstance(entry.get(key), (str, int))), "")
        for key in _NAMES:
            columns.pop(key, None)
        place = self._place(id)
        self._found.append(Subject(named or stem_of(files[0].written), files, own, columns, place))

    def _files(self, entry: Mapping[Any, Any], id: Id) -> tuple[File, ...]:
        """Give the files of an entry: what is called image or label, or ends like one; a list becomes channels."""
        files = []
        for key, value in entry.items():
            usual = str(key) in ("image", "label") and isinstance(value, str) and value
            if _is_file(value) or usual:
                many = value if isinstance(value, list) else [value]
                for number, written in enumerate(many):
                    channel = str(key) if len(many) == 1 else f"{key}_{number}"
                    place = self._place(id.child(key, number) if isinstance(value, list) else id.child(key))
                    files.append(File(channel, resolve(self._folder, written), written, place))
        return tuple(files)

    def subjects(self) -> tuple[Subject, ...]:
        """Give the subjects, with names that tell them apart; note those that are there twice."""
        first: dict[tuple[Any, ...], Subject] = {}
        names: dict[str, int] = {}
        kept = []
        for subject in self._found:
            files = tuple(file.path for file in subject.files)
            before = first.setdefault(files[:1], subject)
            if before is not subject:
                self._twice(subject, before)
                if before.set == subject.set:
                    continue
            count = names[subject.name] = names.get(subject.name, 0) + 1
            if count > 1 and before is subject:
                folder = subject.files[0].path.parent.name
                subject = Subject(
                    f"{folder}_{subject.name}", subject.files, subject.set, subject.columns, subject.place
                )
                if subject.name in names:
                    subject = Subject(f"{subject.name}_{count}", files=subject.files, set=subject.set,
                                      columns=subject.columns, place=subject.place)  # fmt: skip
                names[subject.name] = 1
            kept.append(subject)
        return tuple(kept)

    def _twice(self, subject: Subject, before: Subject) -> None:
        where = f" in line {before.place.line}" if before.place else ""
        file = subject.files[0]
        if before.set == subject.set:
            said = f"the {file.channel} '{file.written}' is there twice, before{where}"
            self.findings.append(found("BE103", subject.name, file.place, said, "leave one of the entries out"))
            return
        said = f"subject '{subject.name}' is in the set '{subject.set}', and{where} in '{before.set}'"
        hint = "a subject that a network was trained with says nothing about how good it is"
        self.findings.append(found("BE104", subject.name, file.place, said, hint))

    def _place(self, id: Id) -> Place | None:
        spot = self._document.find(id)
        return spot.value if spot else None

    def _wrong(self, id: Id, message: str) -> None:
        self.findings.append(found("BE100", str(id), self._place(id), message))
