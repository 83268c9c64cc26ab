"""Ensembles: what is averaged, for every way in which bundles make probabilities; against averages made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.transforms import Activationsd, AsDiscreted, Compose, EnsureTyped

from bundle_engine.cli.entry import main
from bundle_engine.errors import InputError, InputNotFoundError, UsageError
from bundle_engine.experiment import EnsembleInferer, model_of_bundle
from bundle_engine.experiment.assembly import assemble
from tests.experiment.models.conftest import network

INPUTS = torch.randn(2, 1, 6, 5, 4, generator=torch.Generator().manual_seed(5))
ARGMAX = AsDiscreted("pred", argmax=True)


def layer(channels: int) -> torch.nn.Module:
    return torch.nn.Conv3d(1, channels, 3, padding=1)


@pytest.fixture
def files(tmp_path: Path) -> Callable[[int], list[Path]]:
    """Write the weights of three networks with so many channels."""

    def write(channels: int) -> list[Path]:
        written = []
        for seed in range(3):
            torch.manual_seed(seed)
            written.append(tmp_path / f"{channels}_{seed}.pt")
            torch.save({"state_dict": layer(channels).state_dict(), "epoch": seed}, written[-1])
        return written

    return write


def outputs_of(files: list[Path], channels: int) -> list[torch.Tensor]:
    """Apply the networks one by one, by hand."""
    found = []
    for file in files:
        one = layer(channels)
        one.load_state_dict(torch.load(file, weights_only=True)["state_dict"])
        with torch.no_grad():
            found.append(one(INPUTS))
    return found


def voted(inferer: EnsembleInferer, channels: int) -> torch.Tensor:
    with torch.no_grad():
        return inferer(INPUTS, layer(channels))


def after(transform: Any, pred: torch.Tensor) -> torch.Tensor:
    return torch.stack([transform({"pred": item})["pred"] for item in pred])


def softmax(output: torch.Tensor) -> torch.Tensor:
    return output.softmax(dim=1)


@pytest.mark.parametrize(
    ("channels", "postprocessing", "posterior"),
    [
        pytest.param(3, ARGMAX, softmax, id="argmax-of-logits"),
        pytest.param(3, None, softmax, id="logits-and-nothing-said"),
        pytest.param(3, Compose([EnsureTyped("pred"), Compose([Activationsd("pred", softmax=True), ARGMAX])]), softmax,
                     id="softmax-in-the-postprocessing"),
        pytest.param(3, Compose([Activationsd("pred", sigmoid=True), AsDiscreted("pred", threshold=0.5)]),
                     torch.sigmoid, id="sigmoid-in-the-postprocessing"),
        pytest.param(1, None, torch.sigmoid, id="one-channel"),
        pytest.param(3, AsDiscreted("pred", threshold=0.0), torch.sigmoid, id="thresholds-on-logits"),
        pytest.param(3, Compose([ARGMAX, Activationsd("pred", sigmoid=True)]), softmax, id="activation-afterwards"),
    ],
)  # fmt: skip
def test_the_posteriors_are_averaged(files: Any, channels: int, postprocessing: Any, posterior: Any) -> None:
    """What comes out is the average, in the form that the post-processing expects."""
    written = files(channels)
    expected = torch.stack([posterior(output) for output in outputs_of(written, channels)]).mean(dim=0)
    found = voted(EnsembleInferer(written, postprocessing=postprocessing), channels)
    steps = list(postprocessing.flatten().transforms) if isinstance(postprocessing, Compose) else [postprocessing]
    before = [step for step in steps if isinstance(step, Activationsd)]
    if any(isinstance(step, Activationsd) for step in steps[: steps.index(ARGMAX) if ARGMAX in steps else None]):
        found = after(before[0], found)
    elif isinstance(postprocessing, AsDiscreted) and postprocessing is not ARGMAX:
        found = found.sigmoid()
    torch.testing.assert_close(found, expected, atol=2e-6, rtol=1e-5)


def test_probabilities_of_an_inferer_are_averaged_as_they_are(files: Any) -> None:
    written = files(3)
    expected = torch.stack([softmax(output) for output in outputs_of(written, 3)]).mean(dim=0)
    inferer = EnsembleInferer(written, lambda inputs, network: network(inputs).softmax(dim=1), ARGMAX)
    torch.testing.assert_close(voted(inferer, 3), expected)


def test_the_vote_is_of_probabilities_and_not_of_labels_or_logits(files: Any) -> None:
    written = files(3)
    outputs = outputs_of(written, 3)
    found = voted(EnsembleInferer(written), 3).argmax(dim=1)
    assert torch.equal(found, torch.stack([softmax(each) for each in outputs]).mean(dim=0).argmax(dim=1))
    assert not torch.equal(found, torch.stack(outputs).mean(dim=0).argmax(dim=1))


def test_one_network_gives_what_it_gives_alone(files: Any) -> None:
    written = files(3)[:1]
    torch.testing.assert_close(voted(EnsembleInferer(written), 3), softmax(outputs_of(written, 3)[0]))


def test_half_precision_is_summed_in_single(files: Any) -> None:
    written = files(3)
    halves = [output.half().float() for output in outputs_of(written, 3)]
    found = voted(EnsembleInferer(written, lambda inputs, network: network(inputs).half()), 3)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, torch.stack([softmax(each) for each in halves]).mean(dim=0))


def test_what_cannot_vote(files: Any, tmp_path: Path) -> None:
    written = files(3)
    with pytest.raises(UsageError, match="needs a list of files"):
        EnsembleInferer([])
    with pytest.raises(UsageError, match="'softmix' is no activation"):
        EnsembleInferer(written, activation="softmix")
    with pytest.raises(InputNotFoundError, match="Cannot find the weights file"):
        EnsembleInferer([*written, tmp_path / "none.pt"])
    with pytest.raises(InputError, match="do not fit the network Conv3d"):
        voted(EnsembleInferer([written[0], files(1)[0]]), 3)
    with pytest.raises(InputError, match="gives a tuple"):
        voted(EnsembleInferer(written, lambda inputs, network: (network(inputs), 1)), 3)
    with pytest.raises(UsageError, match="an activation of its own"):
        EnsembleInferer(written, postprocessing=Activationsd("pred", other=torch.tanh))


@pytest.fixture
def by_hand(weights: list[Path], image: Path) -> np.ndarray[Any, Any]:
    """The labels that three networks give together, computed with MONAI's parts alone."""
    from monai.transforms import DivisiblePadd, Invertd, LoadImaged, NormalizeIntensityd, Orientationd, Spacingd

    steps = Compose(
        [
            LoadImaged("image", ensure_channel_first=True),
            Orientationd("image", axcodes="RAS", labels=None),
            Spacingd("image", pixdim=[1.0] * 3, mode="bilinear"),
            NormalizeIntensityd("image"),
            DivisiblePadd("image", k=8),
        ]
    )
    item = steps({"image": str(image)})
    total = 0
    for file in weights:
        one = network().eval()
        one.load_state_dict(torch.load(file, weights_only=True))
        with torch.no_grad():
            inputs = item["image"][None]
            total = total + (softmax(one(inputs)) + softmax(one(inputs.flip(2))).flip(2)) / 2
    item["pred"] = total[0] / len(weights)
    back = Invertd("pred", steps, orig_keys="image", nearest_interp=False)(item)["pred"]
    return np.asarray(back.argmax(dim=0))


def test_an_ensemble_on_a_real_image_is_the_one_made_by_hand(
    bundle: Path, weights: list[Path], image: Path, tmp_path: Path, by_hand: Any
) -> None:
    import nibabel

    words = ["predict", "--bundle", str(bundle), "--local_weights_path", ",".join(map(str, weights))]
    assert main([*words, "--image_file", str(image), "--output_dir", str(tmp_path / "out")]) == 0
    found = np.asarray(nibabel.load(tmp_path / "out" / "hippocampus_003_seg.nii.gz").dataobj)
    assert (found != by_hand).mean() < 1e-4  # voxels where two classes are equal to the last bits
    assert set(np.unique(by_hand)) == {0, 1, 2}


def test_the_bundle_of_an_ensemble_is_evaluated_like_its_weights(
    bundle: Path, weights: list[Path], hippocampus: Path, tmp_path: Path
) -> None:
    model = model_of_bundle(bundle, weights)
    assert assemble(model, tmp_path / "together") == [f"models/model_{number}.pt" for number in range(3)]
    more = ["--dataset_dir", str(hippocampus), "--val_subjects", "2", "--noplots", "--nothumbnails"]
    assert main(["evaluate", "--bundle", "together", "--output_dir", "one", *more]) == 0
    words = ["--bundle", str(bundle), "--local_weights_path", ",".join(map(str, weights))]
    assert main(["evaluate", *words, "--output_dir", "other", *more]) == 0
    one, other = ((tmp_path / name / "val" / "metrics.csv").read_text() for name in ("one", "other"))
    assert one == other
    assert len(one.splitlines()) == 1 + 2 * 2


def test_the_bundle_of_an_ensemble_runs_by_itself(
    bundle: Path, weights: list[Path], image: Path, tmp_path: Path, by_hand: Any
) -> None:
    import nibabel

    assemble(model_of_bundle(bundle, weights), tmp_path / "together")
    words = ["run", "--bundle", "together", "--workflow", "inference", "--record", "false", "--input", str(image)]
    assert main([*words, "--output_dir", "out"]) == 0
    found = np.asarray(nibabel.load(tmp_path / "out" / "hippocampus_003_seg.nii.gz").dataobj)
    assert (found != by_hand).mean() < 1e-4


def test_a_folder_that_is_there_stays_as_it_is(bundle: Path, weights: list[Path], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(UsageError, match="is there already"):
        assemble(model_of_bundle(bundle, weights), tmp_path / "mine")
    torch.save({"other": 1}, tmp_path / "none.pt")
    with pytest.raises(InputError, match="there are no weights in"):
        assemble(model_of_bundle(bundle, [tmp_path / "none.pt"]), tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "none.pt"]
