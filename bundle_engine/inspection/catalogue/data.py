"""What can be wrong with a table of subjects, and with the files that it names.

The examples are tables in YAML, which can be read as those in JSON are; a row of a CSV file says the same of one file.
"""

from __future__ import annotations

from bundle_engine.inspection.findings import Code

__all__ = ["CODES"]

_ONE = "- {image: images/001.nii.gz, label: labels/001.nii.gz}\n"
_TWO = "- {image: images/002.nii.gz, label: labels/002.nii.gz}\n"
_RIGHT = f"training:\n{_ONE}{_TWO}"
_ON_THE_RIGHT_IS_A_FILE = "training:\n- {image: images/001.nii.gz, label: labels/001.nii.gz}\n"


def _marked(entry: str, rest: str = "") -> str:
    """Give an example whose only wrong entry is marked."""
    return f"training:\n{entry.rstrip()}  # here\n{rest}"


CODES = (
    Code(
        "BE100",
        "error",
        "entry that names no file",
        "A row or an entry of the table lacks what it has to say: in CSV, each row has a subject, a path and a channel;"
        " in JSON, each entry has a path, such as `image`. A row with more fields than the header has is one, too. The"
        " entry is left out.",
        _marked("- {comment: lost}", _ONE),
        _RIGHT,
    ),
    Code(
        "BE101",
        "warning",
        "column that may be misspelt",
        "A column of the table has a name that is almost one with a meaning. Nothing is done with it; it stays with the"
        " subject as it is.",
        "# the first line of a CSV file\nsubject,filePath,channel,splt  # here\n",
        "# the first line of a CSV file\nsubject,filePath,channel,split\n",
    ),
    Code(
        "BE102",
        "error",
        "file of the table missing",
        "The table names a file that is not there. Paths are relative to the folder of the table.",
        _marked("- {image: images/01.nii.gz, label: labels/001.nii.gz}", _TWO),
        _RIGHT,
    ),
    Code(
        "BE103",
        "error",
        "subject twice",
        "A subject has the same channel twice, or the same image is listed twice. One of them is left out.",
        f"training:\n{_ONE}{_ONE.rstrip()}  # here\n",
        _RIGHT,
    ),
    Code(
        "BE104",
        "error",
        "subject in two sets",
        "A subject is in more than one of the sets for training, validation and test, or what is grouped together is."
        " What a network was trained with says nothing about how good it is elsewhere.",
        f"training:\n{_ONE}validation:\n{_ONE.rstrip()}  # here\n",
        f"training:\n{_ONE}validation:\n{_TWO}",
    ),
    Code(
        "BE105",
        "error",
        "channel missing",
        "A subject has no file for a channel that the others of its set have. Transforms that ask for it will fail.",
        _marked("- {image: images/001.nii.gz}", _TWO),
        _RIGHT,
    ),
    Code(
        "BE106",
        "error",
        "file that cannot be read",
        "A file is damaged, ends too early, or is not what its name says. Copy it again from where it came from.",
        _marked(_ONE),
        _ON_THE_RIGHT_IS_A_FILE,
    ),
    Code(
        "BE107",
        "error",
        "sizes differ within a subject",
        "The files of a subject have different numbers of voxels: the label was drawn on another image, or one of them"
        " was resampled.",
        _marked("- {image: images/001.nii.gz, label: labels/002.nii.gz}"),
        _ON_THE_RIGHT_IS_A_FILE,
    ),
    Code(
        "BE108",
        "error",
        "positions differ within a subject",
        "The files of a subject have as many voxels, but their affines put them at different places, by more than a"
        " tenth of a voxel. Where they are the same grid with its axes in another order, this is told as info:"
        " `Orientationd` makes them alike.",
        _marked(_ONE),
        _ON_THE_RIGHT_IS_A_FILE,
    ),
    Code(
        "BE109",
        "error",
        "label values outside the classes",
        "A label has values that are none of the classes, or that are not whole numbers. The classes are those that the"
        " table names under `labels`, or the bundle's metadata under `channel_def`.",
        f"labels: {{0: background, 1: liver}}\n{_marked(_ONE)}",
        f"labels: {{0: background, 1: liver, 2: tumour}}\n{_ON_THE_RIGHT_IS_A_FILE}",
    ),
    Code(
        "BE110",
        "warning",
        "empty label",
        "A label is background everywhere. That may be right; more often a file was saved before it was drawn in.",
        _marked(_ONE),
        _ON_THE_RIGHT_IS_A_FILE,
    ),
    Code(
        "BE111",
        "error",
        "voxels that are no numbers",
        "An image has NaN or infinite voxels. A single one makes the loss NaN, and with it all weights.",
        _marked(_ONE),
        _ON_THE_RIGHT_IS_A_FILE,
    ),
    Code(
        "BE112",
        "warning",
        "image of one value",
        "All voxels of an image have the same value. There is nothing to see in it.",
        _marked(_ONE),
        _ON_THE_RIGHT_IS_A_FILE,
    ),
    Code(
        "BE113",
        "warning",
        "class in no label",
        "The table or the metadata names a class that no label has: there is nothing to learn it from.",
        f"labels: {{0: background, 1: liver, 2: tumour}}  # here\n{_ON_THE_RIGHT_IS_A_FILE}",
        f"labels: {{0: background, 1: liver}}\n{_ON_THE_RIGHT_IS_A_FILE}",
    ),
    Code(
        "BE114",
        "error",
        "channels other than the network's",
        "The images have another number of channels than the bundle's metadata says that its network takes.",
        _marked("- {image: [images/001_t1.nii.gz, images/001_t2.nii.gz], label: labels/001.nii.gz}"),
        _ON_THE_RIGHT_IS_A_FILE,
    ),
    Code(
        "BE115",
        "warning",
        "same image under two names",
        "Two subjects have images that are the same, voxel by voxel. Where they are in different sets, it is an error:"
        " see BE104.",
        _marked(_TWO.replace("002", "001_copy"), _ONE),
        _RIGHT,
    ),
    Code(
        "BE116",
        "info",
        "voxels of unusual size",
        "The voxels of an image are more than three times as large or small along an axis as those of the others. The"
        " units of a header may be wrong, such as metres for millimetres.",
        _marked(_ONE),
        _ON_THE_RIGHT_IS_A_FILE,
    ),
)
