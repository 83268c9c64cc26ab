"""Segmenting images: the grid stays what it is to the last bit, nothing is overwritten, wrong input is told at once."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image

from bundle_engine.cli.entry import main

GEOMETRY = ("dim", "pixdim", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y",
            "qoffset_z", "srow_x", "srow_y", "srow_z", "xyzt_units")  # fmt: skip


@pytest.fixture
def predict(bundle: Path, weights: list[Path], tmp_path: Path) -> Callable[..., int]:
    def call(image: Any, *more: str, out: str = "out", networks: int = 1) -> int:
        named = ",".join(map(str, weights[:networks]))
        words = ["predict", "--bundle", str(bundle), "--local_weights_path", named, "--image_file", str(image)]
        return main([*words, "--output_dir", str(tmp_path / out), *more])

    return call


def labels_of(path: Path) -> np.ndarray[Any, Any]:
    return np.asarray(nibabel.load(path).dataobj)


def quirky(image: Path, folder: Path, how: str) -> Path:
    """Write an image again, with a header as scanners and programs leave them."""
    source = nibabel.load(image)
    values, header = np.asarray(source.dataobj), source.header.copy()
    kind: Any = nibabel.Nifti1Image
    turned = np.array([[0, 0.8, -0.6, 3], [0, 0.6, 0.8, -20], [-1, 0, 0, 7], [0, 0, 0, 1]], dtype=np.float64)
    name = "quirky.nii.gz"
    if how == "qform only":
        made = kind(values, None, header)
        made.set_qform(turned, 1)
        made.set_sform(None, 0)
    elif how == "sform that the qform does not say":
        made = kind(values, None, header)
        made.set_sform(turned, 2)
        made.set_qform(np.diag([1, 1, 1, 1.0]), 1)
    elif how == "sizes that the sform does not say":
        made = kind(values, None, header)
        made.set_sform(turned, 2)
        made.set_qform(np.diag([1.1, 0.9, 1.3, 1.0]), 1)
    elif how == "no form at all":
        made = kind(values, None, header)
        made.header["qform_code"] = made.header["sform_code"] = 0
    elif how == "scaled numbers":
        made = kind(values.astype(np.int16), None, header)
        made.header.set_data_dtype(np.int16)
        made.header.set_slope_inter(0.37, -5)
    elif how == "second version":
        made, name = nibabel.Nifti2Image(values, turned), "quirky.nii"
        made.header.set_xyzt_units("mm", "sec")
    elif how == "a channel axis of one":
        made = kind(values[..., None], turned)
    elif how == "voxels of other sizes":
        made = kind(values, turned @ np.diag([0.9, 1.3, 1.1, 1]))
    else:
        made = kind(values[::-1, ::-1], source.affine @ np.array(
            [[-1, 0, 0, values.shape[0] - 1], [0, -1, 0, values.shape[1] - 1], [0, 0, 1, 0], [0, 0, 0, 1]]))  # fmt: skip
        assert how == "flipped"
    made.to_filename(folder / name)
    return folder / name


@pytest.mark.parametrize(
    "how",
    ["qform only", "sform that the qform does not say", "sizes that the sform does not say", "no form at all",
     "scaled numbers", "second version", "a channel axis of one", "voxels of other sizes"],
)  # fmt: skip
def test_the_geometry_stays_to_the_last_bit(predict: Any, image: Path, tmp_path: Path, capsys: Any, how: str) -> None:
    given = quirky(image, tmp_path, how)
    assert predict(given) == 0
    assert ("contradicts itself" in capsys.readouterr().err) == (how == "sizes that the sform does not say")
    before, after = nibabel.load(given), nibabel.load(tmp_path / "out" / "quirky_seg.nii.gz")
    for field in GEOMETRY:
        if how == "a channel axis of one" and field == "dim":
            assert after.shape == before.shape[:3]
        else:
            assert before.header[field].tobytes() == after.header[field].tobytes(), field
    assert before.affine.tobytes() == after.affine.tobytes()
    assert type(before) is type(after)
    assert after.get_data_dtype() == np.uint8
    assert after.header.get_slope_inter() in ((1, 0), (None, None))
    assert set(np.unique(np.asarray(after.dataobj))) <= {0, 1, 2}


def test_a_flipped_image_gets_the_flipped_segmentation(predict: Any, image: Path, tmp_path: Path) -> None:
    assert predict(image) == 0
    assert predict(quirky(image, tmp_path, "flipped")) == 0
    plain, flipped = (labels_of(tmp_path / "out" / f"{name}_seg.nii.gz") for name in ("hippocampus_003", "quirky"))
    assert np.array_equal(plain, flipped[::-1, ::-1])
    assert len(np.unique(plain)) > 1


def test_a_folder_is_segmented_with_progress_and_pictures(
    predict: Any, hippocampus: Path, tmp_path: Path, capsys: Any
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("hippocampus_004.nii.gz", "hippocampus_003.nii.gz"):
        (folder / name).symlink_to(hippocampus / "imagesTr" / name)
    (folder / "notes.txt").write_text("not an image")
    (folder / "._hippocampus_003.nii.gz").write_bytes(b"what a Mac leaves")
    assert predict(folder) == 0
    told = capsys.readouterr()
    assert told.err.splitlines() == [
        "segmenting hippocampus_003.nii.gz (1 of 2)",
        "segmenting hippocampus_004.nii.gz (2 of 2)",
    ]
    assert "anterior hippocampus" in told.out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"hippocampus_00{n}_seg.{end}" for n in (3, 4) for end in ("nii.gz", "png")
    ]
    with Image.open(tmp_path / "out" / "hippocampus_003_seg.png") as picture:
        colours = {colour for _, colour in picture.getcolors(1 << 20)}
    assert {(230, 159, 0), (86, 180, 233)} <= colours
    voxels = [int(word) for word in told.out.splitlines()[0].replace(",", "").split() if word.isdigit()]
    found = labels_of(tmp_path / "out" / "hippocampus_003_seg.nii.gz")
    assert voxels == [(found == 1).sum(), (found == 2).sum()]


def test_nothing_is_overwritten_unless_that_is_wanted(predict: Any, image: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    assert predict(image, "--nopicture") == 0
    assert [path.name for path in out.iterdir()] == ["hippocampus_003_seg.nii.gz"]
    (out / "hippocampus_003_seg.nii.gz").write_bytes(b"mine")
    assert predict(image) == 2
    assert "it is there already" in capsys.readouterr().err
    assert [(path.name, path.read_bytes()) for path in out.iterdir()] == [("hippocampus_003_seg.nii.gz", b"mine")]
    assert predict(image, "--overwrite") == 0
    assert labels_of(out / "hippocampus_003_seg.nii.gz").shape == nibabel.load(image).shape


def test_an_image_is_never_replaced(predict: Any, image: Path, tmp_path: Path, capsys: Any) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    for name in ("a.nii.gz", "a_seg.nii.gz"):
        (folder / name).write_bytes(image.read_bytes())
    assert predict(folder, "--overwrite") == 2
    assert "is one of the images, and would be replaced" in capsys.readouterr().err
    (folder / "a_seg.nii.gz").unlink()
    (folder / "a.nii").write_bytes(gzip.decompress(image.read_bytes()))
    assert predict(folder, out="elsewhere") == 2
    assert "would share a name" in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == ["a.nii", "a.nii.gz"]
    assert not (tmp_path / "elsewhere").exists()


def write(path: Path, values: Any) -> Path:
    nibabel.Nifti1Image(values, np.eye(4)).to_filename(path)
    return path


COLOURS = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(lambda folder, image: folder / "none.nii.gz", "there is no image", id="missing"),
        pytest.param(lambda folder, image: folder, "there are no NIfTI images in the folder", id="empty-folder"),
        pytest.param(lambda folder, image: _bytes(folder / "a.dcm", b"DICM"), "is no NIfTI file: its name", id="name"),
        pytest.param(lambda folder, image: _bytes(folder / "a.nii.gz", b"hello"), "is no NIfTI file", id="content"),
        pytest.param(lambda folder, image: _bytes(folder / "a.nii", b""), "is no NIfTI file", id="empty-file"),
        pytest.param(lambda folder, image: _bytes(folder / "a.nii.gz", image.read_bytes()[:9000]), "cut off", id="cut"),
        pytest.param(lambda folder, image: _bytes(folder / "a.nii", gzip.decompress(image.read_bytes())[:9000]),
                     "is cut off: it has 9000 bytes", id="cut-plain"),
        pytest.param(lambda folder, image: write(folder / "a.nii.gz", np.zeros((8, 8, 8, 20), np.float32)),
                     "is 4D, of the shape (8, 8, 8, 20): it has 20 channels, or points in time, and the network takes 1",
                     id="4D"),
        pytest.param(lambda folder, image: write(folder / "a.nii.gz", np.zeros((8, 8), np.float32)),
                     "is flat, of the shape (8, 8)", id="flat"),
        pytest.param(lambda folder, image: write(folder / "a.nii.gz", np.zeros((8, 8, 8), COLOURS)),
                     "holds colours", id="colours"),
        pytest.param(lambda folder, image: write(folder / "a.nii.gz", np.zeros((8, 8, 8), np.complex64)),
                     "holds complex numbers", id="complex"),
        pytest.param(lambda folder, image: _bytes(folder / "a.nii.gz",
                                                  gzip.compress(gzip.decompress(image.read_bytes())[:9000])),
                     "is cut off: it has 9000 bytes", id="cut-before-it-was-compressed"),
        pytest.param(lambda folder, image: _link(folder / "a.nii.gz"), "is a link to 'nowhere'", id="link"),
    ],
)  # fmt: skip
def test_what_is_no_image_for_the_network(
    predict: Any, image: Path, tmp_path: Path, capsys: Any, make: Any, said: str
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    assert predict(make(folder, image)) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


def _bytes(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _link(path: Path) -> Path:
    path.symlink_to("nowhere")
    return path.parent


@pytest.mark.parametrize("networks", [1, 2])
def test_an_image_that_the_network_makes_no_numbers_of_is_told(
    predict: Any, image: Path, tmp_path: Path, capsys: Any, networks: int
) -> None:
    values = np.asarray(nibabel.load(image).dataobj).astype(np.float32)
    values[0, 0, :2] = np.nan, np.inf
    strange = write(tmp_path / "strange.nii.gz", values)
    assert predict(f"{image},{strange}", "--nopicture", networks=networks) == 2
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["hippocampus_003_seg.nii.gz"]
    lines = capsys.readouterr().err.splitlines()[2:]  # behind the progress; and nothing of ignite's log
    assert len(lines) == 3
    assert "gives no numbers for" in lines[0]
    assert lines[0].endswith("NaN or infinite: 2")
    assert lines[1] == "  1 image before it: done, and written"


def test_an_override_without_effect_is_told(predict: Any, image: Path, capsys: Any) -> None:
    assert predict(image, "--devce", "cpu", "--nopicture") == 0
    assert "'devce' is not in the config 'inference.yaml', and has no effect; did you mean 'device'?" in (
        capsys.readouterr().err
    )


def test_all_images_of_a_folder_are_looked_at_before_the_first_is_segmented(
    predict: Any, image: Path, tmp_path: Path, capsys: Any
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    _bytes(folder / "a.nii.gz", image.read_bytes())
    _bytes(folder / "b.nii.gz", b"no")
    write(folder / "c.nii.gz", np.zeros((8, 8, 8, 2), np.float32))
    assert predict(folder) == 2
    error = capsys.readouterr().err
    assert "2 of 3 images cannot be used" in error
    assert "b.nii.gz" in error
    assert "c.nii.gz" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--image_file", "x.nii"], "no model is named"),
        (["--model", "hippocampus_segmentation"], "no image is named"),
        (["--model", "a", "--bundle", "b", "--image_file", "x.nii"], "exclude each other"),
        (["--model", "hippocampus_segmentation", "--which", "best", "--image_file", "x.nii"], "none is named"),
        (["--model", "chest_xray_classification", "--image_file", "IMAGE"], "classifies images, and predict segments"),
        (["--model", "hippocampus_segmentation", "--image_file", "IMAGE"], "there are no trained weights at"),
        (["--model", "never_heard_of", "--image_file", "IMAGE"], "no ready-made bundle of that name"),
        (["--model", "never:1", "--image_file", "IMAGE"], "there is no registry of models yet"),
        (["--modle", "a", "--image_file", "x.nii"], "did you mean --model?"),
        (["--model", "hippocampus_segmentation", "--image", "x.nii"], "no image is named"),
        (["--model", "hippocampus_segmentation", "--image_fle", "x.nii"], "did you mean --image_file?"),
        (
            ["--model", "hippocampus_segmentation", "--image_file", "IMAGE", "--output_dri", "x"],
            "did you mean --output_dir?",
        ),
    ],
)
def test_models_that_cannot_be_used(image: Path, tmp_path: Path, capsys: Any, words: list[str], said: str) -> None:
    assert main(["predict", *(str(image) if word == "IMAGE" else word for word in words)]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_prediction_that_is_not_brought_back_is_not_written(
    bundle: Path, weights: list[Path], image: Path, tmp_path: Path, capsys: Any
) -> None:
    words = ["predict", "--bundle", str(bundle), "--local_weights_path", str(weights[0]), "--image_file", str(image)]
    assert main([*words, "--postprocessing::transforms::0::_disabled_", "true"]) == 2
    assert "is not on the grid of the image" in capsys.readouterr().err
    assert list((tmp_path / "predictions").iterdir()) == []


def test_a_run_predicts_with_the_network_that_it_trained(run: Path, image: Path, tmp_path: Path) -> None:
    words = ["predict", "--model", str(run), "--image_file", str(image)]
    assert main([*words, "--output_dir", "best"]) == 0
    assert main([*words, "--output_dir", "both", "--epochs_to_test", "1,2"]) == 0
    best, both = (labels_of(tmp_path / name / "hippocampus_003_seg.nii.gz") for name in ("best", "both"))
    assert best.shape == both.shape == nibabel.load(image).shape


def test_weights_that_cannot_be_read_leave_no_folder(bundle: Path, image: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "empty.pt").touch()
    words = ["predict", "--bundle", str(bundle), "--local_weights_path", "empty.pt", "--image_file", str(image)]
    assert main(words) == 2
    assert "empty.pt' is empty" in capsys.readouterr().err
    assert not (tmp_path / "predictions").exists()
