"""A drawn picture whose tone and coarse light are the webcam's, and whose detail is as strong as is right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from monitor.config import UpscaleSettings
from monitor.domain import FloatImage
from monitor.inference import Bundle
from monitor.upscale import Look, Upscaler, anchored, grounded, measured_detail, measured_look, restored, toned

TONE = (0.8, 0.1)
LOOK = Look(TONE)
SIGMA_PX = 1.5


def smooth(seed: int, sigma: float = 12.0) -> FloatImage:
    """A picture without detail, about 0.3 to 0.7."""
    field = gaussian_filter(np.random.default_rng(seed).standard_normal((96, 96)), sigma)
    return np.asarray(0.5 + 0.2 * field / np.abs(field).max(), np.float32)


def grain(seed: int) -> FloatImage:
    """Fine detail around 0."""
    field = np.random.default_rng(seed).standard_normal((96, 96))
    return np.asarray(0.05 * (field - gaussian_filter(field, 3.0)), np.float32)


def laid(drawn: FloatImage, webcam: FloatImage, look: Look) -> FloatImage:
    """A drawn picture on the webcam's."""
    return anchored(drawn, grounded(webcam, look), look.detail, SIGMA_PX)


@given(gain=st.floats(0.6, 1.0), wrong=st.floats(-0.15, 0.15))
def test_a_wrong_tone_does_not_matter(gain: float, wrong: float) -> None:
    """However far off the model's guess of the tone is, what it drew finely stays, and the coarse light is right."""
    webcam = smooth(1)
    truth = toned(webcam, TONE) + grain(2)
    guessed = np.asarray(gain * toned(webcam, TONE) + wrong + grain(2), np.float32)
    made = laid(np.clip(guessed, 0, 1), webcam, LOOK)
    assert np.abs(made - truth).mean() < 0.03


def test_fine_detail_is_the_models() -> None:
    """Two pictures of one webcam image that differ finely still differ as much."""
    webcam = smooth(3)
    one, other = (laid(toned(webcam, TONE) + grain(seed), webcam, LOOK) for seed in (4, 5))
    assert 0.9 < np.std(one - other) / np.std(grain(4) - grain(5)) < 1.1


def test_a_constant_webcam_image_gives_the_tone_alone() -> None:
    """Without any light but one, the mean is the tone's, whatever was drawn."""
    flat = np.full((96, 96), 0.5, np.float32)
    made = laid(np.full_like(flat, 0.9), flat, LOOK)
    np.testing.assert_allclose(made, 0.5, atol=1e-5)


def test_detail_that_belongs_there_is_kept_and_detail_that_does_not_is_weakened() -> None:
    """Drawn as it is: all of it. Right in kind but elsewhere: half of it, which is half way between none and alike."""
    webcam = toned(smooth(1), TONE)
    there, elsewhere = webcam + grain(2), webcam + grain(3)
    assert measured_detail([(webcam, there, there)], SIGMA_PX)[:3] == pytest.approx([1.0] * 3, abs=0.02)
    assert measured_detail([(webcam, elsewhere, there)], SIGMA_PX)[:2] == pytest.approx([0.5] * 2, abs=0.1)


@given(strength=st.floats(0.3, 1.8))
def test_detail_of_another_strength_is_set_right(strength: float) -> None:
    """However strongly the model draws, with the measured look the picture is as if it drew it right."""
    webcam = toned(smooth(1), TONE)
    truth, drawn = webcam + grain(2), webcam + np.float32(strength) * grain(3)
    look = Look((1.0, 0.0), measured_detail([(webcam, drawn, truth)], SIGMA_PX))
    plain = Look((1.0, 0.0), measured_detail([(webcam, webcam + grain(3), truth)], SIGMA_PX))
    made, wanted = laid(drawn, webcam, look), laid(webcam + grain(3), webcam, plain)
    np.testing.assert_allclose(made, wanted, atol=0.01)


def test_detail_is_drawn_where_the_restored_picture_has_none() -> None:
    """What a filter has back need not be drawn, and the picture is nearer to the truth than with drawn detail alone."""
    truth = toned(smooth(1), TONE) + grain(2)
    blurred = np.asarray(gaussian_filter(truth, 1.0), np.float32)
    drawn = blurred + grain(3)
    look = measured_look([(blurred, drawn, truth)], (1.0, 0.0), SIGMA_PX)
    without = Look((1.0, 0.0), measured_detail([(blurred, drawn, truth)], SIGMA_PX))
    assert sum(look.detail) < 0.8 * sum(without.detail)
    near, far = (np.abs(laid(drawn, blurred, one) - truth).mean() for one in (look, without))
    assert near < 0.8 * far


def test_detail_that_would_spoil_the_texture_is_left() -> None:
    """Of grain that only the plate's rim has, less is taken than half way: it would spoil the even middle."""
    size, rim = 192, 40
    rng = np.random.default_rng(5)
    grains = [np.asarray(f - gaussian_filter(f, 2.0), np.float32) for f in rng.standard_normal((2, size, size))]
    strength = np.full((size, size), 0.02, np.float32)
    strength[rim:-rim, rim:-rim] = 0.001
    light = np.asarray(0.5 + 0.1 * gaussian_filter(rng.standard_normal((size, size)), 12.0), np.float32)
    drawn = light + np.float32(0.02) * grains[1]

    def taken(truth: FloatImage) -> float:
        look = measured_look([(light, drawn, truth)], (1.0, 0.0), SIGMA_PX)
        laid_on = restored(light, look.restoration) if look.restoration else light
        half = measured_detail([(laid_on, laid_on + drawn - light, truth)], SIGMA_PX)
        return look.detail[0] / half[0]

    assert taken(light + strength * grains[0]) < 0.6
    assert taken(light + np.float32(0.02) * grains[0]) == pytest.approx(1.0)


def test_without_drawn_detail_there_is_none_to_take() -> None:
    """A picture that is the webcam's own, and layers of which one has detail, give numbers all the same."""
    webcam = toned(smooth(1), TONE)
    assert measured_detail([(webcam, webcam, webcam + grain(2))], SIGMA_PX) == (0.0,) * 4
    both = measured_detail([(webcam, webcam, webcam), (webcam, webcam + grain(3), webcam + grain(2))], SIGMA_PX)
    assert all(0 <= gain <= 2 for gain in both)


def test_the_upscaler_takes_the_tone_of_the_settings(bundle: Bundle) -> None:
    """Every member's coarse light is the webcam's in that tone; without a tone it is what the model guessed."""
    plate = np.rint(smooth(6) * 255).astype(np.uint8)
    settings = UpscaleSettings(threads=1, samples=2, steps=2)
    model = Upscaler.load(bundle, settings.model_copy(update={"tone": TONE}))
    wanted = gaussian_filter(toned(plate.astype(np.float32) / 255, TONE), 8)
    made = model.upscale(plate, 1)
    for member in made.members:
        assert np.abs(gaussian_filter(member.astype(np.float32) / 255, 8) - wanted).mean() < 0.05
    guessed = replace(model, look=None).upscale(plate, 1)
    assert (
        np.abs(gaussian_filter(guessed.mean, 8) - wanted).mean() > np.abs(gaussian_filter(made.mean, 8) - wanted).mean()
    )


def test_the_upscaler_finds_the_look_of_two_cameras(bundle: Bundle) -> None:
    """The tone is the one between them; set, the picture is nearer to the other camera's; it is the same again."""
    webcam = smooth(6)
    truth = np.clip(toned(webcam, TONE) + grain(7), 0, 1)
    pair = tuple(np.rint(image * 255).astype(np.uint8) for image in (webcam, truth))
    model = Upscaler.load(bundle, UpscaleSettings(threads=1, samples=2, steps=2))
    look = model.look_between([pair])
    assert look.tone == pytest.approx(TONE, abs=0.02)
    assert look == model.look_between([pair])
    error = np.abs(replace(model, look=look).upscale(pair[0], 1).mean - truth).mean()
    assert error < np.abs(model.upscale(pair[0], 1).mean - truth).mean()
    assert error < 1.5 * np.abs(grain(7)).mean()
