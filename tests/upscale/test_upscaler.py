"""The upscaler, on a real bundle of small networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from monitor.config import UpscaleSettings
from monitor.domain import BundleError
from monitor.inference import Bundle
from monitor.upscale import Quality, Tiling, Upscaler

SETTINGS = UpscaleSettings(threads=1, samples=2, steps=2)
PLATE = np.random.default_rng(1).integers(60, 200, (96, 128), dtype=np.uint8)


def loaded(bundle: Bundle, tiling: Tiling | None = None, **settings: int) -> Upscaler:
    """An upscaler with other settings."""
    return Upscaler.load(bundle, SETTINGS.model_copy(update=settings), tiling)


def test_everything_of_a_picture_is_there(bundle: Bundle) -> None:
    """Picture, mean, spread and inconsistency have the plate's shape and their types, and say how they were made."""
    made = loaded(bundle, samples=3).upscale(PLATE, 5)
    for values, dtype in (
        (made.image, np.uint8),
        (made.mean, np.float32),
        (made.spread, np.float32),
        (made.inconsistency, np.float32),
    ):
        assert values.shape == PLATE.shape
        assert values.dtype == dtype
    assert (made.samples, made.steps) == (3, 2)
    assert 0 <= made.mean.min() <= made.mean.max() <= 1
    assert made.spread.min() >= 0
    assert made.spread.max() > 0


def test_same_seed_same_bits(bundle: Bundle) -> None:
    """A plate upscaled again, even by a newly loaded model, is the same to the last bit."""
    first, second = (loaded(bundle).upscale(PLATE, 7) for _ in range(2))
    for name in ("image", "mean", "spread", "inconsistency"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_another_seed_draws_another_picture(bundle: Bundle) -> None:
    """The generated detail depends on the seed; so do ensemble members on their number."""
    model = loaded(bundle)
    assert (model.upscale(PLATE, 1).image != model.upscale(PLATE, 2).image).any()


def test_the_webcam_conditions_the_picture(bundle: Bundle) -> None:
    """With the same noise, another webcam image gives another picture."""
    model = loaded(bundle)
    assert (model.upscale(PLATE, 1).image != model.upscale(255 - PLATE, 1).image).any()


def test_one_member_has_no_spread(bundle: Bundle) -> None:
    """A single sample has spread zero and is its own mean; it is the first member of a larger ensemble too."""
    one, more = loaded(bundle, samples=1).upscale(PLATE, 3), loaded(bundle, samples=4).upscale(PLATE, 3)
    assert not one.spread.any()
    np.testing.assert_array_equal(one.image, np.rint(one.mean * 255))
    np.testing.assert_array_equal(one.image, more.image)


def test_spread_is_the_members_deviation(bundle: Bundle) -> None:
    """Mean and spread of two members follow from the two, whose second is |2·mean − first|."""
    one, two = loaded(bundle, samples=1).upscale(PLATE, 3), loaded(bundle, samples=2).upscale(PLATE, 3)
    second = 2 * two.mean - one.mean
    np.testing.assert_allclose(two.spread, np.abs(one.mean - second) / np.sqrt(2), atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (17, 33), (64, 65)])
def test_any_size_is_taken(bundle: Bundle, shape: tuple[int, int]) -> None:
    """Sizes that are no multiple of the networks' grid are padded and cut again."""
    made = loaded(bundle).upscale(PLATE[: shape[0], : shape[1]], 0)
    assert made.image.shape == shape
    assert np.isfinite(made.inconsistency).all()


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_constant_image_gives_finite_numbers(bundle: Bundle, grey: int) -> None:
    """A black, grey or saturated webcam image is no reason to fail."""
    made = loaded(bundle).upscale(np.full((40, 40), grey, np.uint8), 0)
    assert np.isfinite(made.mean).all()
    assert np.isfinite(made.inconsistency).all()


def test_tiles_agree_with_the_whole_and_show_no_seam(bundle: Bundle) -> None:
    """Cut into tiles, the picture differs by less than a grey level in general, and no more at the tiles' borders."""
    plate = np.tile(PLATE, (3, 3))
    tiling = Tiling(whole_px=1, tile_px=128, overlap_px=64)
    whole = loaded(bundle, samples=1).upscale(plate, 0).mean
    tiled = loaded(bundle, tiling, samples=1).upscale(plate, 0).mean
    difference = np.abs(whole - tiled)
    assert 0 < difference.max() < 4 / 255
    assert difference.mean() < 1 / 255
    rows, columns = np.abs(np.diff(tiled, axis=0)).mean(axis=1), np.abs(np.diff(tiled, axis=1)).mean(axis=0)
    for start in (64, 128, 192):
        for steps in (rows, columns):
            near = steps[start - 17 : start + 16]
            assert steps[start - 1] < near.mean() + 4 * near.std() + 1e-6


def test_more_steps_than_noise_levels_are_refused(bundle: Bundle) -> None:
    """The bundle has fifty noise levels; the error says which setting to change."""
    with pytest.raises(BundleError, match=r"upscale\.steps is 60") as error:
        loaded(bundle, steps=60)
    assert "50" in error.value.cure


def test_another_kind_of_bundle_is_refused(bundle: Bundle) -> None:
    """A bundle that does not super-resolve is refused by name and kind."""
    other = bundle.manifest.model_copy(update={"kind": "segmenter", "diffusion": None})
    with pytest.raises(BundleError, match="is of kind 'segmenter'"):
        Upscaler.load(Bundle(bundle.directory, other, bundle.digest), SETTINGS)


def test_graphs_with_other_ports_are_refused(bundle: Bundle) -> None:
    """A manifest that names the encoder's file as its decoder is found before the first plate."""
    files = bundle.manifest.files | {"decoder": bundle.manifest.files["encoder"]}
    other = bundle.manifest.model_copy(update={"files": files})
    with pytest.raises(BundleError, match=r"decoder takes \['image'\]"):
        Upscaler.load(Bundle(bundle.directory, other, bundle.digest), SETTINGS)


def test_values_that_are_not_finite_are_refused(bundle: Bundle) -> None:
    """A network that overflows gives an error, not a picture."""

    class Overflowing:
        """A session whose outputs are infinite."""

        provider = "CPUExecutionProvider"

        def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {"prediction": np.full_like(feeds["noisy"], np.inf)}

    model = loaded(bundle)
    broken = replace(model, sessions=model.sessions | {"denoiser": Overflowing()})  # type: ignore[dict-item]
    with pytest.raises(BundleError, match="denoiser gave values that are not finite"):
        broken.upscale(PLATE, 0)


def test_pictures_of_another_size_are_refused(bundle: Bundle) -> None:
    """A network that gives half of the pixels gives an error that names both sizes, not a picture."""

    class Halving:
        """A session whose outputs are half as large."""

        provider = "CPUExecutionProvider"

        def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {"prediction": feeds["noisy"][..., ::2, ::2]}

    model = loaded(bundle)
    broken = replace(model, sessions=model.sessions | {"denoiser": Halving()})  # type: ignore[dict-item]
    with pytest.raises(BundleError, match=r"denoiser gave \(\d+, \d+\) pixels where \(\d+, \d+\) were wanted"):
        broken.upscale(PLATE, 0)


def test_graphs_of_other_shapes_are_refused_in_words(bundle: Bundle) -> None:
    """A manifest whose latent has other channels than the networks gives an error that names the graph."""
    table = bundle.manifest.diffusion
    assert table is not None
    other = bundle.manifest.model_copy(update={"diffusion": table.model_copy(update={"channels": 3})})
    model = Upscaler.load(Bundle(bundle.directory, other, bundle.digest), SETTINGS)
    with pytest.raises(BundleError, match="denoiser"):
        model.upscale(PLATE, 0)


def test_a_lower_quality_is_another_picture_of_the_same_plate(bundle: Bundle) -> None:
    """The quality of a call stands above the settings, and the result says which it was."""
    model = loaded(bundle)
    made = model.upscale(PLATE, 0, Quality(1, 1))
    assert (made.steps, made.samples, len(made.members)) == (1, 1, 1)
    np.testing.assert_array_equal(made.image, loaded(bundle, steps=1, samples=1).upscale(PLATE, 0).image)
    assert (model.steps, model.samples) == (2, 2)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((8, 8, 3), np.uint8),
        np.full((8, 8), np.nan, np.float32),
        np.zeros((8, 8), np.uint16),
        np.zeros((0, 8), np.uint8),
    ],
)
def test_other_images_are_refused(bundle: Bundle, image: np.ndarray) -> None:
    """Colour, floats (of NaN), 16 bits and empty images are the caller's mistake."""
    with pytest.raises(ValueError, match="a rectified image is uint8"):
        loaded(bundle).upscale(image, 0)


def test_the_device_is_what_runs_it(bundle: Bundle) -> None:
    """The device that is shown is the provider of ONNX Runtime."""
    assert loaded(bundle).device == "CPUExecutionProvider"
