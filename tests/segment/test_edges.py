"""Where the edge of metal runs: the model's answer moved by the picture's own grey."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from monitor.domain import Image, Mask, ProductState, Segmentation
from monitor.metrics.roughness import polar_contour
from monitor.segment.edges import REACH_PX, with_edges

EDGE = 192
POWDER = 120.0


def _disc(radius: float) -> Mask:
    rows, columns = np.mgrid[:EDGE, :EDGE] - (EDGE - 1) / 2
    return np.asarray(np.hypot(rows, columns) < radius, bool)


def _picture(metal: Mask, contrast: float, noise: float = 4.0) -> Image:
    """A picture of metal on powder, with a lens's blur and grain."""
    sharp = POWDER + contrast * metal.astype(np.float32)
    grain = np.random.default_rng(0).normal(0.0, noise, metal.shape)
    return np.asarray(np.clip(cv2.GaussianBlur(sharp, (0, 0), 1.2) + grain, 0, 255), np.uint8)


def _answer(mask: Mask) -> Segmentation:
    """What a model says that is sure of all but its edge."""
    probability = np.asarray(cv2.GaussianBlur(0.01 + 0.98 * mask.astype(np.float32), (0, 0), 1.5), np.float32)
    return Segmentation(mask, probability, ProductState.OK, "", np.zeros((0, 2), np.float32))


@pytest.mark.parametrize("contrast", [-45.0, 45.0])
@pytest.mark.parametrize("said", [58.8, 61.2])
def test_an_edge_beside_the_metal_comes_nearer_to_it(contrast: float, said: float) -> None:
    """A mask that is too wide or too narrow loses half of its error at least, whether metal is dark or bright."""
    true = _disc(60.0)
    found = with_edges(_answer(_disc(said)), _picture(true, contrast))
    before = abs(int(_disc(said).sum()) - int(true.sum()))
    assert abs(int(found.mask.sum()) - int(true.sum())) < before / 2


def test_a_rough_edge_is_as_rough_as_the_picture_shows_it() -> None:
    """A model that is sure of a smooth edge leaves a rough one a quarter of its ripples at least."""
    rows, columns = np.mgrid[:EDGE, :EDGE] - (EDGE - 1) / 2
    ripples = 60.0 + 0.6 * np.sin(36 * np.arctan2(columns, rows))
    picture = _picture(np.asarray(np.hypot(rows, columns) < ripples, bool), -45.0, noise=2.0)
    smooth = _answer(_disc(60.0))
    sure = replace(smooth, probability=np.where(smooth.mask, np.float32(0.999), np.float32(0.001)))
    assert _ripple(with_edges(sure, picture).probability) > _ripple(sure.probability) + 0.15


def _ripple(probability: npt.NDArray[np.float32]) -> float:
    """How much of the radius goes with the ripples, in pixels."""
    radii = polar_contour(probability, ((EDGE - 1) / 2, (EDGE - 1) / 2), 720)
    assert radii is not None
    return float(2 * np.mean(radii * np.sin(36 * 2 * np.pi * np.arange(720) / 720)))


def test_where_metal_does_not_stand_out_the_model_is_left_alone() -> None:
    """Grain alone is no edge: without contrast mask and probability stay as they are."""
    answer = _answer(_disc(60.0))
    found = with_edges(answer, _picture(_disc(60.0), 0.0))
    assert np.array_equal(found.mask, answer.mask)
    assert np.array_equal(found.probability, answer.probability)


def test_metal_that_the_model_did_not_find_is_not_made_by_grey() -> None:
    """Only pixels near the model's edge can change: the grey moves edges and finds no metal."""
    answer = _answer(_disc(40.0))
    found = with_edges(answer, _picture(_disc(60.0), -45.0))
    assert not found.mask[~_disc(40.0 + REACH_PX + 1)].any()


def test_what_was_ruled_out_stays_out() -> None:
    """Where the probability is nothing at all, as beyond a prior's reach, grey like metal's changes nothing."""
    answer = _answer(_disc(60.0))
    answer.probability[:, : EDGE // 2 - 60] = 0.0
    answer.mask[:, : EDGE // 2 - 60] = False
    found = with_edges(answer, _picture(_disc(62.0), -45.0))
    assert not found.mask[:, : EDGE // 2 - 60].any()
    assert not found.probability[:, : EDGE // 2 - 60].any()


@pytest.mark.parametrize("mask", [np.zeros((EDGE, EDGE), bool), np.ones((EDGE, EDGE), bool)])
def test_a_layer_without_an_edge_is_left_alone(mask: Mask) -> None:
    """Powder alone and metal alone have no edge to move."""
    answer = _answer(mask)
    assert with_edges(answer, _picture(mask, -45.0)) is answer
