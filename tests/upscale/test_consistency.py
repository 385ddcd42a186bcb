"""The way back from the generated picture to the webcam."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from monitor.upscale import INVENTED, MEASURED, PLAUSIBLE, contradiction, degrade, inconsistency, match_tone, trust

RNG = np.random.default_rng(0)
PICTURE = RNG.uniform(0, 1, (48, 64)).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(gain=st.floats(0.1, 1.5), offset=st.floats(-0.2, 0.5))
def test_tone_is_found(gain: float, offset: float) -> None:
    """Gain and offset of another exposure are found."""
    assert match_tone(PICTURE, gain * PICTURE + offset) == pytest.approx((gain, offset), abs=1e-4)


def test_a_glare_does_not_shift_the_tone() -> None:
    """A tenth of the webcam's pixels saturated by a reflection leaves gain and offset where they were."""
    webcam = 0.5 * PICTURE + 0.1
    webcam[:5] = 1.0
    assert match_tone(PICTURE, webcam) == pytest.approx((0.5, 0.1), abs=0.02)


def test_gain_is_never_negative() -> None:
    """An inverted picture does not become consistent by a negative gain."""
    webcam = 1 - PICTURE
    assert match_tone(PICTURE, webcam)[0] == 0.0
    assert inconsistency(PICTURE, webcam, 0.0).mean() > 0.2


def test_the_true_picture_is_consistent() -> None:
    """What was blurred and darkened into the webcam's image agrees with it everywhere."""
    webcam = 0.6 * degrade(PICTURE, 2.0) + 0.2
    assert inconsistency(PICTURE, webcam, 2.0).max() < 1e-3


def test_an_invented_object_stands_out() -> None:
    """A bright object that the webcam does not see is inconsistent there, and there alone."""
    invented = 0.3 + 0.1 * PICTURE
    invented[4:44, 4:30] += 0.4
    webcam = 0.8 * degrade(invented, 2.0) + 0.1
    invented[20:30, 44:54] = 0.9
    found = inconsistency(invented, webcam, 2.0)
    inside = found[23:27, 47:51].mean()
    assert inside > 0.3
    assert found[:, :36].mean() < inside / 10


def test_blur_keeps_light_and_flat_images() -> None:
    """A Gaussian moves light, it makes none; sigma 0 changes nothing."""
    flat = np.full((9, 11), 0.25, np.float32)
    np.testing.assert_allclose(degrade(flat, 3.0), flat, atol=1e-6)
    np.testing.assert_array_equal(degrade(PICTURE, 0.0), PICTURE)
    assert degrade(PICTURE, 2.0).std() < PICTURE.std() / 4


def test_constant_images_have_a_tone() -> None:
    """A picture without any contrast gets gain 0 and the webcam's grey: finite, and consistent with a flat webcam."""
    flat, webcam = np.full((8, 8), 0.5, np.float32), np.full((8, 8), 0.2, np.float32)
    assert match_tone(flat, webcam) == pytest.approx((0.0, 0.2))
    assert inconsistency(flat, webcam, 2.0).max() < 1e-6


def test_another_shape_is_refused() -> None:
    """Only images of one grid can be compared."""
    with pytest.raises(ValueError, match="cannot be compared"):
        inconsistency(PICTURE, PICTURE[:-1], 1.0)


def scene(grain: float = 0.06) -> tuple[np.ndarray, np.ndarray]:
    """A picture with a dark part on grainy powder, and the webcam's image of it in another tone, with noise."""
    rng = np.random.default_rng(0)
    picture = 0.55 + grain * ndimage.gaussian_filter(rng.standard_normal((128, 128)), 1)
    picture[30:90, 40:100] -= 0.25
    webcam = 0.7 * degrade(picture.astype(np.float32), 2.0) + 0.15 + 0.01 * rng.standard_normal((128, 128))
    return picture.astype(np.float32), webcam.astype(np.float32)


INVENTIONS = {
    "pore": (slice(58, 63), slice(68, 73), -0.25),
    "scratch": (slice(20, 22), slice(50, 66), 0.3),
    "removed edge": (slice(80, 96), slice(60, 76), 0.25),
}


@pytest.mark.parametrize("kind", INVENTIONS)
def test_a_planted_invention_is_called_one(kind: str) -> None:
    """A pore, a scratch and a lost edge that the webcam does not see are marked invented where they are, not around."""
    picture, webcam = scene()
    rows, columns, change = INVENTIONS[kind]
    picture[rows, columns] += np.float32(change)
    marked = trust(picture, webcam, np.zeros_like(picture), 2.0) == INVENTED
    assert marked[rows, columns].any()
    marked[max(0, rows.start - 10) : rows.stop + 10, max(0, columns.start - 10) : columns.stop + 10] = False
    assert marked.mean() < 0.005


def test_what_the_webcam_cannot_tell_is_plausible_not_measured() -> None:
    """Grain finer than the webcam's blur is plausible; a smooth true picture is measured, unless members disagree."""
    picture, webcam = scene(grain=0.15)
    still = np.zeros_like(picture)
    assert (trust(picture, webcam, still, 2.0) == PLAUSIBLE).mean() > 0.9
    smooth = degrade(picture, 2.0)
    assert (trust(smooth, 0.7 * smooth + 0.15, still, 2.0) == MEASURED).mean() > 0.75
    assert (trust(smooth, 0.7 * smooth + 0.15, still + 0.05, 2.0) == PLAUSIBLE).mean() > 0.98


def test_the_tone_and_slow_light_contradict_nothing() -> None:
    """Another exposure and a shadow over half the plate invent nothing; neither does a black or a flat frame fail."""
    picture, webcam = scene()
    shaded = webcam * np.linspace(0.7, 1.1, 128, dtype=np.float32)
    assert (trust(picture, shaded, np.zeros_like(picture), 2.0) == INVENTED).mean() < 0.01
    for grey in (0.0, 1.0):
        found = contradiction(picture, np.full_like(picture, grey), 2.0)
        assert np.isfinite(found).all()
    with pytest.raises(ValueError, match="cannot be compared"):
        contradiction(picture, webcam[:-1], 2.0)
