"""Transforms for each channel or slice by itself, on a real image."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import CacheDataset, DataLoader, MetaTensor, decollate_batch
from monai.transforms import (
    Compose,
    LoadImage,
    LoadImaged,
    NormalizeIntensity,
    RandAdjustContrast,
    RandFlip,
    RandFlipd,
    RandGaussianNoise,
    RandRotate,
    RandRotate90,
    Resize,
)

from bundle_engine.errors import UsageError
from bundle_engine.transforms import PerChannel, PerChanneld, PerSlice, PerSliced


@pytest.fixture(scope="module")
def files(hippocampus: Path) -> dict[str, str]:
    name = sorted((hippocampus / "imagesTr").glob("hippocampus_*.nii.gz"))[0].name
    return {"image": str(hippocampus / "imagesTr" / name), "label": str(hippocampus / "labelsTr" / name)}


@pytest.fixture
def image(files: dict[str, str]) -> MetaTensor:
    return LoadImage(ensure_channel_first=True, image_only=True)(files["image"])


@pytest.fixture
def channels(image: MetaTensor) -> MetaTensor:
    """The same image three times, so that differences come from the transform alone."""
    return MetaTensor(image.as_tensor().repeat(3, 1, 1, 1)).copy_meta_from(image)


def contrast() -> RandAdjustContrast:
    return RandAdjustContrast(prob=1.0, gamma=(0.5, 2.0))


def test_each_channel_gets_numbers_of_its_own(channels: MetaTensor) -> None:
    done = PerChannel(contrast()).set_random_state(0)(channels)
    assert done.shape == channels.shape
    assert not torch.equal(done[0], done[1])
    assert not torch.equal(done[1], done[2])


def test_channels_get_the_same_numbers_on_request(channels: MetaTensor) -> None:
    step = PerChannel(contrast(), different=False).set_random_state(0)
    one, two = step(channels), step(channels)
    assert torch.equal(one[0], one[1])
    assert torch.equal(one[1], one[2])
    assert not torch.equal(one[0], two[0])  # another call draws anew


def test_a_channel_becomes_what_the_transform_makes_of_it_alone(image: MetaTensor) -> None:
    both = torch.cat([image.as_tensor(), 5 * image.as_tensor() + 100])
    done = PerChannel(NormalizeIntensity())(both)
    torch.testing.assert_close(done[:1], NormalizeIntensity()(both[:1]).as_tensor())
    torch.testing.assert_close(done[0], done[1], atol=1e-5, rtol=1e-5)


def test_slices_are_what_the_transform_makes_of_them(image: MetaTensor) -> None:
    for axis in (0, 1, 2, -1):
        done = PerSlice(NormalizeIntensity(), axis=axis)(image.as_tensor())
        wanted = [NormalizeIntensity()(part).as_tensor() for part in image.as_tensor().unbind(axis % 3 + 1)]
        torch.testing.assert_close(done, torch.stack(wanted, axis % 3 + 1))


def test_the_same_state_gives_the_same_image(channels: MetaTensor) -> None:
    for step in (PerChannel(contrast()), PerSlice(Compose([contrast(), RandGaussianNoise(prob=0.5, std=5.0)]))):
        one = step.set_random_state(7)(channels)
        assert torch.equal(one, step.set_random_state(7)(channels))
        assert not torch.equal(one, step.set_random_state(8)(channels))


def test_set_random_state_of_a_compose_reaches_the_inner_transform(channels: MetaTensor) -> None:
    done = [Compose([PerChannel(contrast())]).set_random_state(seed)(channels) for seed in (1, 1, 2)]
    assert torch.equal(done[0], done[1])
    assert not torch.equal(done[0], done[2])


def noise_of_torch(part: torch.Tensor) -> torch.Tensor:
    return part + torch.randn(part.shape)


def noise_of_numpy(part: torch.Tensor) -> Any:
    return part.numpy() + np.random.standard_normal(part.shape).astype(np.float32)


def noise_of_python(part: torch.Tensor) -> torch.Tensor:
    return part + random.random()


@pytest.mark.parametrize("function", [noise_of_torch, noise_of_numpy, noise_of_python])
@pytest.mark.parametrize("wrap", [lambda f: f, lambda f: Compose([RandFlip(prob=0.5), f])], ids=["plain", "Compose"])
def test_functions_that_draw_from_the_global_streams_follow_the_state(function: Any, wrap: Any, image: Any) -> None:
    plain = image.as_tensor().repeat(2, 1, 1, 1)
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # type: ignore[index]
    step = PerChannel(wrap(function))
    one = step.set_random_state(3)(plain)
    two = step.set_random_state(3)(plain)
    assert torch.equal(one, two)
    assert not torch.equal(one[0], one[1])
    assert not torch.equal(one, step(plain))
    alike = PerChannel(wrap(function), different=False)(plain)
    assert torch.equal(alike[0], alike[1])
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # type: ignore[index]
    assert random.getstate() == before[2]


def test_metadata_are_kept(image: MetaTensor) -> None:
    for step in (PerChannel(contrast()), PerSlice(contrast()), PerSlice(noise_of_torch)):
        done = step(image)
        assert isinstance(done, MetaTensor)
        assert done.meta["filename_or_obj"] == image.meta["filename_or_obj"]
        assert torch.equal(done.affine, image.affine)


def test_functions_get_plain_tensors_and_transforms_get_metadata(image: MetaTensor) -> None:
    seen: list[Any] = []

    def look(part: Any) -> Any:
        seen.append(part)
        return part

    PerChannel(look)(image)
    PerChannel(Compose([look]))(image)
    assert [type(part) for part in seen] == [torch.Tensor, MetaTensor]
    assert seen[1].meta["filename_or_obj"] == image.meta["filename_or_obj"]


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor], ids=["numpy", "torch"])
def test_plain_images_stay_plain(kind: Any, image: MetaTensor) -> None:
    done = PerSlice(RandRotate(range_x=0.3, prob=1.0))(kind(image.as_tensor().numpy()))
    assert type(done) is torch.Tensor
    assert done.shape == image.shape


def test_the_affine_follows_a_new_grid(files: dict[str, str]) -> None:
    image = LoadImage(ensure_channel_first=True, image_only=True)(files["image"])
    image.affine = torch.diag(torch.tensor([2.0, 3.0, 4.0, 1.0], dtype=torch.float64))
    width, height, depth = image.shape[1:]
    done = PerSlice(Resize((2 * width, 2 * depth)), axis=1)(image)
    assert done.shape == (1, 2 * width, height, 2 * depth)
    np.testing.assert_allclose(torch.diag(done.affine), [1, 3, 2, 1])
    whole = PerChannel(Resize((2 * width, height, 2 * depth)))(image)
    torch.testing.assert_close(done.affine, whole.affine)


def test_the_affine_stays_where_each_part_goes_its_own_way(channels: MetaTensor) -> None:
    done = PerChannel(RandRotate(range_x=0.5, prob=1.0)).set_random_state(0)(channels)
    assert torch.equal(done.affine, channels.affine)
    alike = PerChannel(RandRotate(range_x=0.5, prob=1.0), different=False).set_random_state(0)(channels)
    assert not torch.allclose(alike.affine, channels.affine)


def flips() -> Compose:
    return Compose([RandFlip(prob=0.5, spatial_axis=0), RandFlip(prob=0.5, spatial_axis=1), contrast()])


@pytest.mark.parametrize("different", [True, False])
def test_flips_are_undone(different: bool, image: MetaTensor) -> None:
    inner = Compose([RandFlip(prob=0.5, spatial_axis=0), RandFlip(prob=0.5, spatial_axis=1)])
    step = PerSlice(inner, different=different).set_random_state(1)
    done = step(image)
    assert not torch.equal(done, image)
    back = step.inverse(done)
    assert torch.equal(back.as_tensor(), image.as_tensor())
    assert back.applied_operations == image.applied_operations
    assert torch.allclose(back.affine, image.affine)


def test_a_rotation_of_all_channels_is_undone_with_its_affine(channels: MetaTensor) -> None:
    step = PerChannel(RandRotate90(prob=1.0), different=False).set_random_state(0)
    done = step(channels)
    back = step.inverse(done)
    assert torch.equal(back.as_tensor(), channels.as_tensor())
    assert torch.allclose(back.affine, channels.affine)


def test_what_was_done_alike_is_undone_on_a_prediction_of_other_channels(image: MetaTensor) -> None:
    for different in (False, True):
        step = PerChannel(RandFlip(prob=1.0, spatial_axis=0), different=different)
        done = step(image)
        prediction = MetaTensor(done.as_tensor().repeat(2, 1, 1, 1)).copy_meta_from(done)
        if different:
            with pytest.raises(UsageError, match="1 parts were transformed differently, and there are 2"):
                step.inverse(prediction)
        else:
            assert torch.equal(step.inverse(prediction)[1], image[0])


def test_what_cannot_be_undone_stays(image: MetaTensor) -> None:
    step = PerSlice(noise_of_torch)
    done = step(image)
    assert step.inverse(done) is done
    assert done.applied_operations == image.applied_operations


def test_image_and_label_stay_on_one_grid(files: dict[str, str]) -> None:
    inner = Compose([RandFlip(prob=0.5, spatial_axis=0), RandFlip(prob=0.5, spatial_axis=1)])
    load = LoadImaged(keys=["image", "label"], ensure_channel_first=True)
    step = PerSliced(keys=["image", "label"], transform=inner).set_random_state(2)
    data = load(files)
    data["copy"] = data["image"].clone()
    step.keys = ("image", "label", "copy")
    done = step(data)
    assert torch.equal(done["image"], done["copy"])
    assert not torch.equal(done["label"], data["label"])
    back = step.inverse(done)
    assert torch.equal(back["label"].as_tensor(), data["label"].as_tensor())
    assert data["image"].shape == back["image"].shape


def test_keys_may_be_missing_where_that_is_allowed(image: MetaTensor) -> None:
    with pytest.raises(KeyError, match="label"):
        PerChanneld(keys=["image", "label"], transform=contrast())({"image": image})
    done = PerChanneld(keys=["image", "label"], transform=contrast(), allow_missing_keys=True)({"image": image})
    assert set(done) == {"image"}


def test_a_batch_is_taken_apart_and_undone(files: dict[str, str]) -> None:
    step = PerSliced(keys="image", transform=RandFlip(prob=0.5, spatial_axis=0))
    chain = Compose([LoadImaged(keys="image", ensure_channel_first=True), step]).set_random_state(4)
    for batch in DataLoader([chain({"image": files["image"]}) for _ in range(2)], batch_size=2):
        for item in decollate_batch(batch):
            back = step.inverse(item)["image"]
            plain = LoadImage(ensure_channel_first=True, image_only=True)(files["image"])
            assert torch.equal(back.as_tensor(), plain.as_tensor())


def test_a_cache_does_not_freeze_what_is_random(files: dict[str, str]) -> None:
    chain = Compose([LoadImaged(keys="image", ensure_channel_first=True), PerChanneld("image", contrast())])
    dataset = CacheDataset([{"image": files["image"]}], chain, progress=False)
    assert not torch.equal(dataset[0]["image"], dataset[0]["image"])


def test_what_does_not_work_says_so(image: MetaTensor) -> None:
    with pytest.raises(UsageError, match="RandFlipd works on dictionaries") as error:
        PerChannel(Compose([RandFlipd(keys="image")]))
    assert "RandFlip, with PerChanneld" in str(error.value.hint)
    with pytest.raises(UsageError, match="something to call, not 3"):
        PerChannel(3)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no slices across axis 3"):
        PerSlice(contrast(), axis=3)(image)
    with pytest.raises(UsageError, match="no slices"):
        PerSlice(contrast())(torch.zeros(1, 5))
    sizes = iter(range(2, 99))
    with pytest.raises(UsageError, match=r"for the first part and .* for part 2") as error:
        PerSlice(lambda part: part[:, : next(sizes)])(image)
    assert "different: false" in str(error.value.hint)


def test_a_config_builds_them_around_other_components(image: MetaTensor) -> None:
    from bundle_engine import ConfigParser

    parser = ConfigParser(
        {
            "step": {
                "_target_": "bundle_engine.transforms.PerChanneld",
                "keys": "image",
                "different": False,
                "transform": {"_target_": "RandAdjustContrast", "prob": 1.0},
            }
        }
    )
    step = parser.get_parsed_content("step")
    assert isinstance(step, PerChanneld)
    assert not torch.equal(step({"image": image})["image"], image)


def test_transforms_of_torchvision_can_be_used(image: MetaTensor) -> None:
    try:
        from torchvision.transforms import v2
    except (ImportError, RuntimeError):  # the latter where it does not fit to torch
        pytest.skip("torchvision is not installed")
    unit = image.as_tensor() / image.max()
    for inner in (v2.ColorJitter(brightness=0.5, contrast=0.5), v2.ElasticTransform(alpha=20.0), v2.RandomErasing(p=1)):
        step = PerSlice(inner)
        one = step.set_random_state(5)(unit)
        assert one.shape == unit.shape
        assert not torch.equal(one, unit)
        assert torch.equal(one, step.set_random_state(5)(unit))
        assert torch.equal(step.set_random_state(5)(MetaTensor(unit)).as_tensor(), one)
