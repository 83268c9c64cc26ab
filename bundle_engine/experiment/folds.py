"""Folds of a cross-validation: each subject is validated on once, and trained on in all other folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bundle_engine.errors import MissingDependencyError, UsageError

__all__ = ["Fold", "make_folds"]


class Fold(NamedTuple):
    """One fold.

    Attributes:
        number: from 0 on.
        train: numbers of the subjects that are trained on, in ascending order.
        validation: numbers of the others, in ascending order.
    """

    number: int
    train: tuple[int, ...]
    validation: tuple[int, ...]


def make_folds(subjects: int, splits: int, *, seed: int = 0, groups: Sequence[str] = ()) -> list[Fold]:
    """Divide subjects into folds by scikit-learn's KFold, or GroupKFold where there are groups, both shuffled.

    Args:
        subjects: how many there are.
        splits: number of folds.
        seed: of the random order.
        groups: what each subject belongs to; those of one group are in one fold.

    Raises:
        UsageError: when there are too few subjects or groups.
        MissingDependencyError: when scikit-learn is not installed, or too old to shuffle groups.
    """
    units, what = (len(set(groups)), "groups") if groups else (subjects, "subjects")
    if splits < 2:
        raise UsageError(f"a cross-validation has at least 2 folds, and not {splits}")
    if not units:
        raise UsageError(
            "there are no subjects to make folds of: the lists of the train config are empty",
            hint="is it told where the data is? Many bundles take --dataset_dir",
        )
    if units < splits:
        raise UsageError(f"{splits} folds cannot be made of {units} {what}", hint="make fewer folds")
    try:
        from sklearn.model_selection import GroupKFold, KFold
    except ImportError as error:
        raise MissingDependencyError(
            "folds are made by scikit-learn, which is not installed", hint="pip install 'bundle-engine[experiment]'"
        ) from error
    rows = [[0]] * subjects
    if groups:
        try:
            found = GroupKFold(splits, shuffle=True, random_state=seed).split(rows, groups=list(groups))
        except TypeError as error:
            raise MissingDependencyError(
                "this scikit-learn cannot shuffle groups", hint="pip install 'scikit-learn>=1.6'"
            ) from error
    else:
        found = KFold(splits, shuffle=True, random_state=seed).split(rows)
    return [
        Fold(number, tuple(int(each) for each in train), tuple(int(each) for each in validation))
        for number, (train, validation) in enumerate(found)
    ]
