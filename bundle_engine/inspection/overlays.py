"""Find out which configs of a bundle stand for themselves, and which are put over another one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from bundle_engine.config.ids import DELETE, Id
from bundle_engine.inspection.rules.scene import MISSING, Scene, references_of
from bundle_engine.inspection.subject import Subject

__all__ = ["workflows"]

BUNDLE_ROOT = "bundle_root"  # early bundles leave it to the command line


def workflows(files: Sequence[Path]) -> list[str]:
    """Give the workflows that the configs of one folder make up: names of files, or ``base,overlay``.

    A config whose steps need what it does not have is an overlay, if it finds that on top of another config: the one
    that leaves the least open, and of these the one that its name holds.
    """
    open_ends = {file: _open_ends([file]) for file in files}
    stacks = {file: [file] for file in files if not open_ends[file]}
    waiting = sorted(open_ends.keys() - stacks.keys(), key=lambda file: (len(open_ends[file]), len(file.name), file))
    for file in (*waiting, *waiting) if stacks else ():  # twice, for those that lie on another overlay
        left = {base: len(_open_ends([*stack, file])) for base, stack in stacks.items() if file not in stack}
        best = min(
            left,
            key=lambda base: (left[base], base.stem not in file.stem, len(stacks[base]), base.stem != "train", base),
        )
        if file not in stacks and 2 * left[best] < len(open_ends[file]):
            stacks[file] = [*stacks[best], file]
    return [",".join(each.name for each in stacks.get(file, [file])) for file in files]


def _open_ends(files: Sequence[Path]) -> set[str]:
    """Give what the steps of a config refer to, and what it sets a place in or deletes, that it does not have."""
    subject = Subject.load(files)
    scene = Scene(subject, cast(Any, None))
    ends = {finding.id for finding in subject.findings if finding.code in ("BE005", "BE016")}
    if len(files) == 1:
        own: dict[Any, Any] = next((document.data for document in subject.documents if document.path == files[0]), {})
        ends |= {str(key) for key in own if isinstance(key, str) and (key[:1] == DELETE or len(Id.parse(key)) > 1)}
    for at, text in scene.texts:
        for relative, optional in references_of(text) if scene.may_be_needed(at) and text[0] in "@$" else ():
            words = relative.absolute(at)
            if words and not optional and words != BUNDLE_ROOT and scene.follow(Id.parse(words))[0] is MISSING:
                ends.add(words)
    return ends
