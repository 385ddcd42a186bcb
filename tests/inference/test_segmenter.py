"""Promptable segmenters out of bundles: both decoder contracts, any image size, the mapping of pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from monitor.config import SegmentSettings
from monitor.domain import BundleError, Image
from monitor.inference import Bundle, SegmenterModel
from monitor.segment import Predicted, segment_layer
from tests.inference.mobile_pair import mobile_pair
from tests.inference.promptable import make_promptable
from tests.inference.small import make_bundle
from tests.segment.oracle import grid_of, picture, truth

CONTRACTS = ["batched", "official"]


def model(folder: Path, decoder: str = "batched", **options: int) -> SegmenterModel:
    """A model from a bundle on the disk."""
    return SegmenterModel(Bundle.load(make_promptable(folder, decoder, **options)), "cpu", 1)


def bright_square(shape: tuple[int, int], top: int, left: int, edge: int) -> Image:
    """A bright square on dark."""
    image = np.full(shape, 60, np.uint8)
    image[top : top + edge, left : left + edge] = 200
    return image


def asked(segmenter: SegmenterModel, image: Image, *points: tuple[float, float]) -> Predicted:
    """One point a prompt, and one padding point."""
    segmenter.set_image(image)
    coords = np.array([[point, (0, 0)] for point in points], np.float32)
    return segmenter.predict(coords, np.tile(np.array([1, -1], np.int32), (len(points), 1)))


def centre(
    logits: np.ndarray[tuple[int, ...], np.dtype[np.float32]], scale: tuple[float, float]
) -> tuple[float, float]:
    """Middle (column, row) of a mask in pixels of the image."""
    rows, columns = np.nonzero(logits > 0)
    return (columns.mean() + 0.5) / scale[0] - 0.5, (rows.mean() + 0.5) / scale[1] - 0.5


@pytest.mark.parametrize("decoder", CONTRACTS)
@pytest.mark.parametrize("fixed", [None, 64], ids=["free size", "fixed size"])
@pytest.mark.parametrize("shape", [(64, 64), (48, 96), (200, 120), (31, 17)])
def test_a_mask_lies_where_it_was_asked(
    tmp_path: Path, decoder: str, fixed: int | None, shape: tuple[int, int]
) -> None:
    """For images of any size and aspect, the mask maps back onto the square under the point."""
    edge = min(shape) // 2
    top, left = shape[0] // 4, shape[1] // 3
    segmenter = model(tmp_path, decoder, **({"fixed": fixed} if fixed else {}))
    out = asked(segmenter, bright_square(shape, top, left, edge), (left + edge / 2, top + edge / 2))
    column, row = centre(out.logits[0, 0], out.scale)
    cell = 4 * max(shape) / 64 if fixed else 4 * max(1, max(shape) / 64)
    assert column == pytest.approx(left + (edge - 1) / 2, abs=cell / 2)
    assert row == pytest.approx(top + (edge - 1) / 2, abs=cell / 2)
    assert np.isfinite(out.logits).all()


def test_both_contracts_give_the_same_answers(tmp_path: Path) -> None:
    """One prompt a call or all at once: masks and predicted IoU agree."""
    image = bright_square((64, 80), 10, 20, 30)
    answers = [asked(model(tmp_path / decoder, decoder), image, (30, 20), (5, 60), (50, 39)) for decoder in CONTRACTS]
    assert answers[0].logits.shape[:2] == (3, 2)
    assert np.array_equal(answers[0].logits, answers[1].logits)
    assert np.array_equal(answers[0].iou, answers[1].iou)


def test_padding_points_are_marked_for_the_model(tmp_path: Path) -> None:
    """A prompt is closed with one padding point, as SAM's decoder wants it where there is no box."""
    out = asked(model(tmp_path), bright_square((64, 64), 10, 10, 20), (15, 15))
    assert out.iou[0, 0] == pytest.approx(0.9 / 3)


def test_a_large_plate_is_reduced_to_the_models_edge(tmp_path: Path) -> None:
    """Logits of a plate of 1500 × 900 pixels have the model's size, and say their scale."""
    out = asked(model(tmp_path, image_size=128), bright_square((1500, 900), 300, 300, 400), (500, 500))
    assert out.logits.shape[2:] == (32, 24)
    assert out.scale == pytest.approx((32 / 1500, 32 / 1500), rel=0.01)


def test_layers_are_segmented_through_the_public_door(tmp_path: Path) -> None:
    """Initial mask, prompts, this model and the thresholds of its manifest find all parts of a layer."""
    segmenter = model(tmp_path, image_size=256)
    mask = truth()
    image = picture(mask, -0.6)
    found = segment_layer(
        image,
        grid_of(mask.shape),
        segmenter,
        SegmentSettings(window_mm=6.0, points_per_component=3),
        segmenter.thresholds,
        np.random.default_rng(0),
    )
    assert (found.mask & mask).sum() / (found.mask | mask).sum() > 0.8


def test_a_pair_of_mobile_sams_shape_keeps_the_contract_of_1024(tmp_path: Path) -> None:
    """A plate becomes 1024² with padding, a prompt four masks of 256²; both decoders answer alike; a layer passes."""
    mask = cv2.resize(truth().astype(np.uint8), (800, 640), interpolation=cv2.INTER_NEAREST) > 0
    image, answers = picture(mask, -0.6), []
    for decoder in CONTRACTS:
        segmenter = SegmenterModel(Bundle.load(mobile_pair(tmp_path, decoder)), "cpu", 1)
        answers.append(asked(segmenter, image, (200, 200), (560, 440), (10, 600)))
    assert answers[0].logits.shape == (3, 4, 256, 256)
    assert answers[0].iou.shape == (3, 4)
    assert answers[0].scale == pytest.approx((256 / 800, 256 / 800), abs=1e-3)
    np.testing.assert_allclose(answers[0].logits, answers[1].logits, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(answers[0].iou, answers[1].iou, rtol=1e-5)
    assert segmenter.unasked() is None, "Segment Anything says nothing unasked"
    found = segment_layer(
        image, grid_of((640, 800)), segmenter, SegmentSettings(window_mm=20.0), segmenter.thresholds,
        np.random.default_rng(0),
    )  # fmt: skip
    assert found.mask.shape == image.shape
    assert np.isfinite(found.probability).all()
    assert len(found.prompts) > 0


def test_thresholds_and_device_are_those_of_the_bundle(tmp_path: Path) -> None:
    """The manifest's thresholds and the provider that really runs are shown."""
    segmenter = model(tmp_path)
    assert (segmenter.thresholds.min_iou, segmenter.thresholds.stability_offset) == (0.4, 0.5)
    assert segmenter.device == "CPUExecutionProvider"


def test_prompts_need_the_whole_picture_among_the_sizes(tmp_path: Path) -> None:
    """A manifest whose sizes leave out the whole picture is refused, and says which key it is."""
    path = make_promptable(tmp_path, "batched")
    manifest = path / "bundle.toml"
    manifest.write_text(manifest.read_text().replace("unasked_sizes = [1.0]", "unasked_sizes = [0.6]"))
    with pytest.raises(BundleError, match="unasked_sizes"):
        Bundle.load(path)


def test_a_bundle_of_another_kind_is_refused(tmp_path: Path) -> None:
    """A regression bundle is no segmenter, and the message says what to set."""
    with pytest.raises(BundleError, match="not a segmenter") as caught:
        SegmenterModel(Bundle.load(make_bundle(tmp_path)))
    assert "segment.bundle" in caught.value.cure


def test_graphs_of_another_contract_are_refused(tmp_path: Path) -> None:
    """An official export that the manifest calls batched names the inputs that do not fit."""
    path = make_promptable(tmp_path, "official")
    manifest = path / "bundle.toml"
    manifest.write_text(manifest.read_text().replace('decoder = "official"', 'decoder = "batched"'))
    with pytest.raises(BundleError, match="has_mask_input"):
        SegmenterModel(Bundle.load(path))


def test_a_prompt_before_an_image_is_an_error(tmp_path: Path) -> None:
    """There is nothing to answer about."""
    with pytest.raises(BundleError, match="before set_image"):
        model(tmp_path).predict(np.zeros((1, 1, 2), np.float32), np.ones((1, 1), np.int32))
