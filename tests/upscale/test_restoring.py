"""A filter has back what a lens has blurred, as far as noise lets it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.ndimage import gaussian_filter

from monitor.config import UpscaleSettings
from monitor.domain import FloatImage
from monitor.upscale import BANDS, Restoration, measured_restoration, restored
from monitor.upscale.upscaler import look_of

SIZE = 128


def plate(seed: int) -> FloatImage:
    """Metal with detail on the left, powder with hardly any on the right."""
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.standard_normal((SIZE, SIZE)), 1.0)
    strength = np.where(np.arange(SIZE) < SIZE // 2, 0.3, 0.01)
    return np.asarray(np.clip(0.5 + field * strength, 0, 1), np.float32)


def seen(picture: FloatImage, sigma: float, noise: float, seed: int = 7) -> FloatImage:
    """As a webcam of this blur and noise sees it."""
    grain = noise * np.random.default_rng(seed).standard_normal(picture.shape)
    return np.asarray(gaussian_filter(picture, sigma) + grain, np.float32)


def error(one: FloatImage, other: FloatImage) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean((one - other) ** 2)))


def test_what_was_blurred_is_had_back() -> None:
    """Hardly any noise: on another layer of the same camera a third of the error is left; tone and light stay."""
    way = measured_restoration([(seen(plate(0), 1.2, 0.0005), seen(plate(0), 1.2, 0.0005), plate(0))])
    webcam = seen(plate(1), 1.2, 0.0005, seed=8)
    made = restored(webcam, way)
    assert error(made, plate(1)) < 0.4 * error(webcam, plate(1))
    assert made.mean() == pytest.approx(webcam.mean(), abs=1e-3)
    assert way.gains[5] > 1.5


def test_noise_of_powder_is_not_made_stronger() -> None:
    """The filter follows the metal, which has the detail; where there is none, what it would add is noise."""
    webcam = seen(plate(0), 1.2, 0.01)
    way = measured_restoration([(webcam, webcam, plate(0))])
    powder = np.s_[:, SIZE // 2 + 16 :]
    blind = restored(webcam, Restoration(way.gains))
    assert error(restored(webcam, way), plate(0)) < error(webcam, plate(0))
    assert np.std(restored(webcam, way)[powder]) < 1.1 * np.std(webcam[powder]) < np.std(blind[powder])


@settings(max_examples=25, deadline=None)
@given(sigma=st.floats(0.3, 2.5), noise=st.floats(0.001, 0.1), seed=st.integers(0, 99))
def test_a_measured_restoration_is_never_worse_than_none(sigma: float, noise: float, seed: int) -> None:
    """Whatever the blur and the noise, on the layer that told it the picture comes nearer to the truth, or stays."""
    truth = plate(seed)
    webcam = seen(truth, sigma, noise, seed)
    way = measured_restoration([(webcam, webcam, truth)])
    assert error(restored(webcam, way), truth) <= 1.001 * error(webcam, truth)


def test_a_model_that_restores_leaves_nothing_to_do() -> None:
    """Where what was drawn is the truth already, the webcam's own picture is not sharpened on top of it."""
    webcam = seen(plate(0), 1.2, 0.002)
    alone = measured_restoration([(webcam, webcam, plate(0))])
    beside = measured_restoration([(webcam, plate(0), plate(0))])
    assert max(alone.gains) > 2
    assert beside.gains == pytest.approx([1.0] * BANDS, abs=0.05)


def test_without_contrast_nothing_is_done() -> None:
    """A lens cap tells nothing: every band stays as it is."""
    flat = np.full((64, 80), 0.4, np.float32)
    way = measured_restoration([(flat, flat, plate(0)[:64, :80])])
    np.testing.assert_allclose(restored(flat, way), flat, atol=1e-5)
    np.testing.assert_allclose(restored(plate(0), Restoration()), plate(0), atol=1e-5)


def test_the_settings_tell_the_way() -> None:
    """Gains and noise reach the look; another number of gains, and a restoration without a tone, are refused."""
    told = {"gains": [1.5] * BANDS, "noise": 0.01}
    look = look_of(UpscaleSettings.model_validate({"tone": (0.9, 0.0), "restore": told}))
    assert look is not None
    assert look.restoration == Restoration((1.5,) * BANDS, 0.01)
    with pytest.raises(ValidationError, match="restore needs tone"):
        UpscaleSettings.model_validate({"restore": told})
    with pytest.raises(ValidationError, match="at least 16"):
        UpscaleSettings.model_validate({"tone": (0.9, 0.0), "restore": told | {"gains": [1.0]}})
