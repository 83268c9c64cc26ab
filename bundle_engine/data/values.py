"""Hold the voxels of files against what they should be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from bundle_engine.data.images import Facts, Voxels
from bundle_engine.data.table import Dataset, File, Subject
from bundle_engine.errors import Place
from bundle_engine.inspection.catalogue import found
from bundle_engine.inspection.findings import Finding

__all__ = ["check_classes", "check_voxels", "odd_spacings", "same_images"]

_UNUSUAL = 3.0  # times the median, from which on a spacing is told


def check_voxels(
    subject: Subject, files: Sequence[tuple[File, Facts]], labels: Sequence[str], classes: Mapping[int, str]
) -> Iterator[Finding]:
    """Find voxels that are no numbers, labels with values that they should not have, and files with nothing in them."""
    for file, facts in files:
        voxels = facts.voxels
        if voxels is None:
            continue
        what = f"'{file.channel}' of subject '{subject.name}'"
        if voxels.odd:
            said = f"{what} has {voxels.odd:,} voxel{'s' * (voxels.odd != 1)} that are NaN or infinite"
            yield found("BE111", subject.name, file.place, said, "replace them, or leave the subject out")
        if file.channel in labels:
            yield from _label(subject, file, voxels, classes)
        elif voxels.minimum == voxels.maximum:
            yield found("BE112", subject.name, file.place, f"{what} is {voxels.minimum:g} everywhere")


def _label(subject: Subject, file: File, voxels: Voxels, classes: Mapping[int, str]) -> Iterator[Finding]:
    what = f"'{file.channel}' of subject '{subject.name}'"
    if not voxels.whole:
        broken = [value for value in voxels.counts if value != int(value)]
        said = f"{what} has values that are no whole numbers, such as {broken[0]:.4g}"
        hint = "was it resampled with interpolation, or is it the image?"
        yield found("BE109", subject.name, file.place, said, hint)
        return
    strange = {value: count for value, count in voxels.counts.items() if value not in classes} if classes else {}
    if strange:
        listed = [f"{value:g} ({count:,} voxel{'s' * (count != 1)})" for value, count in list(strange.items())[:5]]
        more = f" and {len(strange) - 5} more" if len(strange) > 5 else ""
        known = ", ".join(f"{number} {name}" for number, name in classes.items())
        said = f"{what} has values outside of the classes: {', '.join(listed)}{more}"
        yield found("BE109", subject.name, file.place, said, f"the classes are {known}")
    elif set(voxels.counts) <= {0.0}:
        yield found("BE110", subject.name, file.place, f"{what} is background everywhere")


def check_classes(
    dataset: Dataset, facts: Mapping[Path, Facts], labels: Sequence[str], classes: Mapping[int, str]
) -> Iterator[Finding]:
    """Find classes that no label has."""
    seen: set[float] = set()
    for subject in dataset.subjects:
        for file in subject.files:
            voxels = facts[file.path].voxels if file.channel in labels and file.path in facts else None
            seen.update(voxels.counts if voxels is not None else ())
    if not seen:
        return
    for number, name in classes.items():
        if number not in seen:
            said = f"no label has the class {number}, '{name}'"
            yield found("BE113", "labels", Place(str(dataset.source)), said)


def same_images(dataset: Dataset, facts: Mapping[Path, Facts], labels: Sequence[str]) -> Iterator[Finding]:
    """Find images that are there under more than one name."""
    first: dict[tuple[str, tuple[int, ...]], tuple[Subject, File]] = {}
    for subject in dataset.subjects:
        for file in subject.files:
            seen = facts.get(file.path)
            if file.channel in labels or seen is None or seen.voxels is None or seen.voxels.odd:
                continue
            if seen.voxels.minimum == seen.voxels.maximum:
                continue
            other, before = first.setdefault((seen.voxels.digest, seen.shape), (subject, file))
            if before.path == file.path and other is subject:
                continue
            said = f"'{file.written}' of subject '{subject.name}' is the same image as '{before.written}'"
            apart = bool(subject.set and other.set and subject.set != other.set)
            if apart:
                said += f" of subject '{other.name}', which is in another set: '{other.set}', not '{subject.set}'"
            severity = "error" if apart else None
            yield found("BE115", subject.name, file.place, said, severity=severity)  # type: ignore[arg-type]


def odd_spacings(dataset: Dataset, facts: Mapping[Path, Facts]) -> Iterator[Finding]:
    """Find images with voxels of a size unlike that of the others."""
    first = [(subject, subject.files[0], facts.get(subject.files[0].path)) for subject in dataset.subjects]
    known = [(subject, file, seen) for subject, file, seen in first if seen is not None and seen.spacing]
    if len(known) < 3:
        return
    axes = min(len(seen.spacing) for _, _, seen in known)
    usual = [median(seen.spacing[axis] for _, _, seen in known) for axis in range(axes)]
    for subject, file, seen in known:
        ratios = [length / other if other else 1.0 for length, other in zip(seen.spacing, usual, strict=False)]
        if any(ratio > _UNUSUAL or ratio < 1 / _UNUSUAL for ratio in ratios):
            sizes = [" x ".join(f"{length:.3g}" for length in each[:axes]) for each in (seen.spacing, usual)]
            said = f"the voxels of subject '{subject.name}' have {sizes[0]} mm; usual is {sizes[1]} mm"
            yield found("BE116", subject.name, file.place, said)
