"""Published checkpoints of Segment Anything as a segmenter: by manifest, at 1024 pixels, and nothing but weights."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from monitor.config import SegmentSettings
from monitor.domain import BundleError
from monitor.inference import Bundle, SegmenterModel, open_session
from monitor.inference.networks.sam import PointDecoder
from monitor.inference.networks.sam_vit import VitConfig, VitEncoder, together, windowed
from monitor.inference.wrapping import wrap_checkpoint
from monitor.segment import segment_layer
from tests.cli.in_process import invoke
from tests.inference.sam_weights import mobile_sam
from tests.segment.oracle import grid_of, picture, truth

CHECKPOINT = "LPBF_MONITOR_SAM_CHECKPOINT"
"""Names a real checkpoint, for the last test."""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of MobileSAM's shape with random weights."""
    path = tmp_path_factory.mktemp("sam") / "mobile_sam.pth"
    mobile_sam(path)
    return path


@pytest.mark.slow
def test_a_checkpoint_of_mobile_sam_is_a_bundle_of_1024_pixels(checkpoint: Path, tmp_path: Path) -> None:
    """Wrapped, checked with its self-test, opened by its manifest: one embedding, then four masks a prompt."""
    done = invoke("models", "wrap", str(checkpoint), "--name", "mobile", "--to", str(tmp_path))
    assert done.exit_code == 0, done.output
    bundle = Bundle.load(tmp_path / "mobile", threads=2)
    assert set(bundle.self_test) == {"encoder", "decoder"}
    model = SegmenterModel(bundle, "cpu", 2)
    model.set_image(picture(truth(), -0.35))
    assert model.unasked() is None
    found = model.predict(np.array([[[50.0, 30.0]], [[140.0, 110.0]]], np.float32), np.ones((2, 1), np.int32))
    # 200 columns become 1024 pixels, of which the masks have every fourth.
    assert (found.logits.shape, found.iou.shape) == ((2, 4, 256, 256), (2, 4))
    assert found.scale == pytest.approx((256 / 200, 256 / 200), rel=0.01)
    assert (model.thresholds.min_iou, model.thresholds.min_stability) == (0.88, 0.95)
    assert np.ptp(found.logits) > 0


def test_both_halves_have_the_names_and_shapes_of_the_contract(checkpoint: Path) -> None:
    """One file, named for two roles; each session holds its half."""
    encoder, decoder = (open_session(checkpoint, role=role) for role in ("encoder", "decoder"))
    assert [(f.name, f.shape) for f in encoder.inputs] == [("image", (1, 3, 1024, 1024))]
    assert encoder.outputs[0].shape == decoder.inputs[0].shape == (1, 256, 64, 64)
    feeds = {
        "image_embeddings": np.random.default_rng(0).standard_normal((1, 256, 64, 64)).astype(np.float32),
        "point_coords": np.full((3, 2, 2), 100.0, np.float32),
        "point_labels": np.array([[1, -1], [1, 1], [0, -1]], np.float32),
    }
    masks = decoder.run(feeds)
    assert {name: value.shape for name, value in masks.items()} == {
        "low_res_masks": (3, 4, 256, 256), "iou_predictions": (3, 4),
    }  # fmt: skip
    # A padding point says nothing of where it is; a label says what it is.
    moved = feeds | {"point_coords": feeds["point_coords"].copy()}
    moved["point_coords"][0, 1] = 900.0
    np.testing.assert_array_equal(decoder.run(moved)["low_res_masks"][0], masks["low_res_masks"][0])
    assert not np.allclose(masks["low_res_masks"][0], masks["low_res_masks"][2])


def test_what_is_more_than_weights_is_never_run(tmp_path: Path) -> None:
    """A pickle that would run a program is refused unread, as is one that holds other things than tensors."""
    torch.save({"image_encoder.pos_embed": shutil.rmtree}, tmp_path / "evil.pth")
    with pytest.raises(BundleError, match="no checkpoint of weights alone"):
        open_session(tmp_path / "evil.pth", role="encoder")
    torch.save({"epoch": 3}, tmp_path / "training.pth")
    with pytest.raises(BundleError, match="other things than weights"):
        open_session(tmp_path / "training.pth", role="encoder")
    (tmp_path / "torn.pth").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(BundleError, match="no checkpoint of weights alone"):
        open_session(tmp_path / "torn.pth", role="decoder")


def test_weights_of_another_model_are_named(checkpoint: Path, tmp_path: Path) -> None:
    """Neither of the known ones, or one with a weight too few: the error says which."""
    torch.save({"layer.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(BundleError, match="vit_b, vit_l, vit_h and MobileSAM"):
        open_session(tmp_path / "other.pth", role="encoder")
    weights = torch.load(checkpoint, weights_only=True)
    del weights["mask_decoder.iou_token.weight"]
    torch.save(weights, tmp_path / "short.pth")
    with pytest.raises(BundleError, match=r"mask_decoder\.iou_token\.weight"):
        open_session(tmp_path / "short.pth", role="decoder")


def test_a_checkpoint_is_not_wrapped_over_another_bundle(checkpoint: Path, tmp_path: Path) -> None:
    """Nothing is overwritten, and what is no checkpoint is said to be none."""
    (tmp_path / "sam").mkdir()
    with pytest.raises(BundleError, match="is there already"):
        wrap_checkpoint(checkpoint, tmp_path, "sam", "Apache-2.0")
    with pytest.raises(BundleError, match=r"no \.pth"):
        wrap_checkpoint(tmp_path / "absent.pth", tmp_path, "other", "Apache-2.0")


def test_windows_are_taken_apart_and_put_together() -> None:
    """Also where they do not fill the image."""
    x = torch.randn(2, 17, 23, 3)
    cells = windowed(x, 5)
    assert cells.shape == (2 * 4 * 5, 5, 5, 3)
    torch.testing.assert_close(together(cells, 5, 17, 23), x)


def test_a_block_that_attends_within_windows_does_not_see_beyond_them() -> None:
    """A change in one corner reaches the whole image through the block that attends to all, and only through that."""
    torch.manual_seed(0)
    image = torch.randn(1, 3, 512, 512)
    changed = image.clone()
    changed[:, :, :16, :16] += 1.0
    for to_all, reached in (((), False), ((0,), True)):
        encoder = VitEncoder(VitConfig(width=32, heads=2, depth=1, to_all=to_all, image=512)).eval()
        with torch.no_grad():
            far = (encoder(image) - encoder(changed))[..., 20:, 20:].abs().max().item()
        assert (far > 0) is reached


def test_distances_bias_attention() -> None:
    """Without weights for distances every cell of an even image is alike; with them its border differs."""
    torch.manual_seed(0)
    encoder = VitEncoder(VitConfig(width=32, heads=2, depth=1, to_all=(0,), image=128)).eval()
    with torch.no_grad():
        encoder.pos_embed.copy_(torch.randn(1, 1, 8, 32).expand(1, 8, 8, 32))
        columns = encoder(torch.ones(1, 3, 128, 128))[0, :, 3:5]
        torch.testing.assert_close(columns[:, 0], columns[:, 1])
        encoder.blocks[0].attn.rel_pos_h.normal_()  # type: ignore[union-attr, operator]
        columns = encoder(torch.ones(1, 3, 128, 128))[0, :, 3:5]
    assert not torch.allclose(columns[:, 0], columns[:, 1])


def test_a_decoder_answers_each_prompt_for_itself() -> None:
    """A batch of prompts has the answers of one call each."""
    torch.manual_seed(0)
    decoder = PointDecoder(width=32, heads=2, inner=64).eval()
    embedding, points, labels = torch.randn(1, 32, 8, 8), torch.rand(3, 2, 2) * 128, torch.ones(3, 2)
    with torch.no_grad():
        masks, iou = decoder(embedding, points, labels)
        single = [decoder(embedding, points[i : i + 1], labels[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(masks, torch.cat([each[0] for each in single]), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(iou, torch.cat([each[1] for each in single]), atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_real_weights_find_what_they_are_asked_about(tmp_path: Path) -> None:
    """Where a real checkpoint is at hand, a picture's parts are found through the whole chain."""
    real = os.environ.get(CHECKPOINT)
    if not real:
        pytest.skip(f"{CHECKPOINT} names no checkpoint of Segment Anything")
    model = SegmenterModel(Bundle.load(wrap_checkpoint(Path(real), tmp_path, "real", "Apache-2.0")), "cpu", 2)
    settings = SegmentSettings(method="prompted", query="sauvola", window_mm=6.0)
    image, rng = picture(truth(), -0.35), np.random.default_rng(0)
    found = segment_layer(image, grid_of(truth().shape), model, settings, model.thresholds, rng)
    assert (found.mask & truth()).sum() / (found.mask | truth()).sum() > 0.8
