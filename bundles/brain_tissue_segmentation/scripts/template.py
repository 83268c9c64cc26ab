"""Prepare the bundle's data: the MNI152 T1 template, its tissues, and its two hemispheres."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

TISSUES = ("background", "grey matter", "white matter")
"""What the values 0, 1 and 2 of a label image mean."""

Subjects = list[dict[str, str]]


def prepare(dataset_dir: str | Path) -> dict[str, Subjects]:
    """Write the template that `nilearn` ships as NIfTI files, unless they are there, and list them.

    Args:
        dataset_dir: folder for the files; made when it is missing.

    Returns:
        Three lists of ``{"image": T1 file, "label": tissue file}``: `train` (left hemisphere), `validation`
        (right hemisphere) and `template` (the whole brain), each with one entry.

    Raises:
        ModuleNotFoundError: if the files are not there yet and `nilearn` is not installed.
    """
    folder = Path(dataset_dir).expanduser().absolute()
    names = {"train": "mni152_left", "validation": "mni152_right", "template": "mni152"}
    datalist = {
        part: [{"image": str(folder / f"{name}_t1.nii.gz"), "label": str(folder / f"{name}_tissues.nii.gz")}]
        for part, name in names.items()
    }
    if not all(Path(file).is_file() for subjects in datalist.values() for file in subjects[0].values()):
        image, label = load_template()
        folder.mkdir(parents=True, exist_ok=True)
        for kind, whole in (("image", image), ("label", label)):
            left, right = split_hemispheres(whole)
            for part, piece in (("train", left), ("validation", right), ("template", whole)):
                _save(piece, Path(datalist[part][0][kind]))
    return datalist


def load_template() -> tuple[nib.Nifti1Image, nib.Nifti1Image]:
    """Load the 1 mm T1 template and the most probable tissue of each voxel, both as 8 bit images in RAS order.

    The template comes without the skull. The tissue is the likeliest of three: grey matter and white matter, which
    have a probability map each, and the rest of the probability for everything else.

    Raises:
        ModuleNotFoundError: if `nilearn` is not installed.
    """
    try:
        from nilearn import datasets
    except ModuleNotFoundError as error:
        if error.name != "nilearn":
            raise
        raise ModuleNotFoundError(
            "The brain template comes with the package 'nilearn', which is not installed. "
            "To install it: pip install 'bundle-engine[demo]'",
            name="nilearn",
        ) from error

    t1, grey, white = (
        nib.as_closest_canonical(load(resolution=1))
        for load in (datasets.load_mni152_template, datasets.load_mni152_gm_template, datasets.load_mni152_wm_template)
    )
    image = np.rint(255 * t1.get_fdata(dtype=np.float32))
    label = most_probable_tissue(grey.get_fdata(dtype=np.float32), white.get_fdata(dtype=np.float32))
    return _image(image, t1.affine), _image(label, t1.affine)


def most_probable_tissue(grey: NDArray[np.floating], white: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Turn two maps of probabilities between 0 and 1 into labels: an index into `TISSUES` for each voxel."""
    return np.argmax([1 - grey - white, grey, white], axis=0).astype(np.uint8)


def split_hemispheres(image: nib.Nifti1Image) -> tuple[nib.Nifti1Image, nib.Nifti1Image]:
    """Cut an image in RAS order at x = 0 mm into a left and a right part, each with its own affine.

    The voxels whose centre lies on the midline belong to neither part.
    """
    x = image.affine[0, 0] * np.arange(image.shape[0]) + image.affine[0, 3]
    return image.slicer[: int(np.sum(x < 0))], image.slicer[int(np.sum(x <= 0)) :]


def _image(voxels: NDArray[np.generic], affine: NDArray[np.floating]) -> nib.Nifti1Image:
    """Wrap voxels as an 8 bit image that says its unit (mm) and space (MNI152)."""
    image = nib.Nifti1Image(voxels.astype(np.uint8), affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code="mni")
    image.set_qform(affine, code="mni")
    return image


def _save(image: nib.Nifti1Image, path: Path) -> None:
    """Write an image in one step, so that neither Ctrl-C nor a second process leaves half a file behind."""
    part = path.with_name(f".{os.getpid()}_{path.name}")
    try:
        nib.save(image, part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    import fire

    fire.Fire(prepare)
