"""The NIfTI files that a model is applied to: looked at before anything is computed; the grid of what is written."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bundle_engine.errors import InputError, InputNotFoundError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ENDINGS", "Order", "channels_expected", "find_images", "look_at_images", "stem_of", "write_segmentation"]

ENDINGS = (".nii", ".nii.gz")
_SHOWN = 12  # files that an error names


class Order(NamedTuple):
    """An image, and what is to be made of it.

    Attributes:
        image: the file.
        segmentation: the file to write.
        picture: the picture to draw.
    """

    image: Path
    segmentation: Path
    picture: Path


def find_images(source: str | Path) -> list[Path]:
    """Find the images that an argument names: a file, or the NIfTI files of a folder, sorted by name.

    A link in the folder that leads nowhere counts, so that its image is missed and not forgotten.

    Raises:
        InputNotFoundError: when there is no such file, or the folder has none.
        InputError: when the file is no NIfTI file by its name.
    """
    from bundle_engine.workflow.files import near_files

    path = Path(source).expanduser().absolute()
    if path.is_dir():
        found = sorted(each for each in path.iterdir() if _is_nifti(each) and not each.name.startswith("."))
        if not found:
            raise InputNotFoundError(
                f"there are no NIfTI images in the folder '{source}'", hint=f"their names end in {' or '.join(ENDINGS)}"
            )
        return found
    if not path.is_file():
        raise InputNotFoundError(f"there is no image '{source}'", hint=near_files(path, ENDINGS))
    if not _is_nifti(path):
        raise InputError(
            f"'{source}' is no NIfTI file: its name does not end in {' or '.join(ENDINGS)}",
            hint="convert it first, for example DICOM with dcm2niix",
        )
    return [path]


def orders_of(images: Sequence[Path], output_dir: Path, *, overwrite: bool = False) -> list[Order]:
    """Say what is going to be written for each image.

    Raises:
        UsageError: when something is there already, when it would replace an image, or when two images would share a
            name.
    """
    orders = []
    for image in images:
        stem = output_dir / f"{stem_of(image)}_seg"
        orders.append(Order(image, stem.with_name(f"{stem.name}.nii.gz"), stem.with_name(f"{stem.name}.png")))
    targets = [order.segmentation for order in orders]
    twice = [str(order.image) for order in orders if targets.count(order.segmentation) > 1]
    if twice:
        raise UsageError(f"these images would share a name: {_list(twice)}", hint="predict them into different folders")
    inputs = {image.resolve() for image in images}
    for order in orders:
        if order.segmentation.resolve() in inputs:
            raise UsageError(
                f"'{order.segmentation}' is one of the images, and would be replaced",
                hint="choose another --output_dir",
            )
    there = [str(path) for order in orders for path in order[1:] if path.exists()]
    if there and not overwrite:
        raise UsageError(
            f"{'it is' if len(there) == 1 else 'these are'} there already: {_list(there)}",
            hint="--overwrite replaces them, or choose another --output_dir",
        )
    return orders


def channels_expected(metadata: Mapping[str, Any], network: Any = None) -> int | None:
    """Tell how many channels an image has to have; None where nothing says so.

    Args:
        metadata: the bundle's.
        network: how the config describes the network.
    """
    number = _input_of(metadata).get("num_channels")
    if isinstance(number, int):
        return number
    number = network.get("in_channels") if isinstance(network, Mapping) else None
    return number if isinstance(number, int) else None


def axes_expected(metadata: Mapping[str, Any], network: Any = None) -> int | None:
    """Tell how many axes of space an image has to have; None where nothing says so."""
    number = network.get("spatial_dims") if isinstance(network, Mapping) else None
    if isinstance(number, int):
        return number
    shape = _input_of(metadata).get("spatial_shape")
    return len(shape) if isinstance(shape, list) and shape else None


def _input_of(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    formats = metadata.get("network_data_format")
    inputs = formats.get("inputs") if isinstance(formats, Mapping) else None
    entry: Any = inputs.get("image") or next(iter(inputs.values()), {}) if isinstance(inputs, Mapping) else {}
    return entry if isinstance(entry, Mapping) else {}


def look_at_images(images: Sequence[Path], channels: int | None, axes: int | None = None) -> None:
    """Make sure that images can be read, and have the channels and axes that a network takes.

    Args:
        images: NIfTI files.
        channels: see `channels_expected`.
        axes: see `axes_expected`.

    Raises:
        InputError: naming all files that something is wrong with.
    """
    problems = [(path, problem) for path in images if (problem := _problem_of(path, channels, axes))]
    if len(problems) == 1:
        raise InputError(f"'{problems[0][0]}' {problems[0][1]}")
    if problems:
        lines = [f"'{path}' {problem}" for path, problem in problems[:_SHOWN]]
        more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        raise InputError(f"{len(problems)} of {len(images)} images cannot be used", notes=[*lines, *more])


def stem_of(path: Path) -> str:
    """Give the name of a NIfTI file without its ending."""
    name = path.name
    ending = next(each for each in (".nii.gz", ".nii") if name.lower().endswith(each))
    return name[: -len(ending)]


def write_segmentation(path: Path, labels: NDArray[Any], like: Path) -> None:
    """Write a segmentation on the grid of an image: its header says the same of the geometry, to the last bit.

    Args:
        path: the file, gzipped; it is complete, or as it was before.
        labels: whole numbers, with the shape of the image, or with an axis of channels behind it.
        like: the image.
    """
    import nibabel
    import numpy as np

    from bundle_engine.workflow.replacement import replacing

    source: Any = nibabel.load(like)
    second = isinstance(source, nibabel.Nifti2Image | nibabel.Nifti2Pair)
    kind = nibabel.Nifti2Image if second else nibabel.Nifti1Image
    header = source.header.copy()
    values = labels.astype(np.uint8 if labels.max(initial=0) < 256 and labels.min(initial=0) >= 0 else np.int32)
    header.set_data_dtype(values.dtype)
    header.set_slope_inter(1, 0)
    header["cal_min"] = header["cal_max"] = 0
    image = kind(values, None, header)
    for name in ("pixdim", "qform_code", "sform_code", "srow_x", "srow_y", "srow_z", "xyzt_units", *_QUATERNION):
        image.header[name] = source.header[name]
    with replacing(path) as temporary:
        temporary.write_bytes(gzip.compress(image.to_bytes(), compresslevel=4, mtime=0))


_QUATERNION = ("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z")


def grid_of(path: Path, axes: int) -> tuple[tuple[int, ...], NDArray[Any]]:
    """Give the shape of an image along its first axes, and its affine."""
    import nibabel

    image: Any = nibabel.load(path)
    return tuple(image.shape[:axes]), image.affine


def affines_of(path: Path) -> list[NDArray[Any]]:
    """Give the affine of an image, and the one that MONAI reads, which is another where the header contradicts itself.

    Where the sizes of the voxels are not those of the sform, MONAI goes by the qform, or changes the sizes.
    """
    import warnings

    import nibabel
    from monai.data.utils import correct_nifti_header_if_necessary

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MONAI has said it when it read the image
        read: Any = correct_nifti_header_if_necessary(nibabel.load(path))
    return [grid_of(path, 0)[1], read.affine]


def no_numbers_in(path: Path) -> int:
    """Count the values of an image that are no numbers: NaN or infinite."""
    import nibabel
    import numpy as np

    image: Any = nibabel.load(path)
    return int(np.count_nonzero(~np.isfinite(np.asarray(image.dataobj))))


def intensities_of(path: Path, axes: int) -> NDArray[Any] | None:
    """Read an image for a picture; of several channels the first. None where it cannot be shown."""
    import nibabel
    import numpy as np

    image: Any = nibabel.load(path)
    values = np.asarray(image.dataobj)
    while values.ndim > axes:
        values = values[..., 0]
    return values if values.dtype.kind in "biuf" else None


def _problem_of(path: Path, channels: int | None, axes: int | None) -> str | None:
    import nibabel

    if _leads_nowhere(path):
        return f"is a link to '{path.readlink()}', which is not there"
    try:
        image: Any = nibabel.load(path)
    except Exception as error:  # of nibabel, of gzip, of the system
        return f"is no NIfTI file: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
    if not isinstance(image, nibabel.Nifti1Pair):
        return f"is no NIfTI file, but a {type(image).__name__}"
    if image.get_data_dtype().names:
        return "holds colours, and not intensities"
    if image.get_data_dtype().kind == "c":
        return "holds complex numbers, and not intensities"
    shape = tuple(int(size) for size in image.shape)
    if len(shape) not in (2, 3, 4) or 0 in shape:
        return f"has the shape {shape}, and expected are two or three axes, and one for channels behind them"
    found = shape[3] if len(shape) == 4 else 1
    if channels is not None and found != channels and not (len(shape) == 3 and shape[2] == channels):
        said = f"has {found} {'channel' if found == 1 else 'channels'}"
        if len(shape) == 4:
            said = f"is 4D, of the shape {shape}: it {said}, or points in time"
        return f"{said}, and the network takes {channels}"
    if axes == 3 and len(shape) == 2:
        return f"is flat, of the shape {shape}, and the network takes images with three axes"
    if axes == 2 and len(shape) > 2 and shape[2] not in (1, channels):
        return f"has {shape[2]} slices, and the network takes flat images"
    try:
        image.dataobj[(slice(0, 1),) * len(shape)]
        with gzip.open(path) if path.name.lower().endswith(".gz") else open(path, "rb") as stream:
            there = sum(map(len, iter(lambda: stream.read(1 << 20), b"")))
    except Exception as error:
        return f"is damaged or cut off: {error}"
    needed = image.dataobj.offset + image.get_data_dtype().itemsize * _product(shape)
    return f"is cut off: it has {there} bytes of {needed}" if there < needed else None


def _product(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def _is_nifti(path: Path) -> bool:
    return path.name.lower().endswith(ENDINGS) and (path.is_file() or _leads_nowhere(path))


def _leads_nowhere(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _list(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(f"'{text}'" for text in texts[:_SHOWN]) + more
