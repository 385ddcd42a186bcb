"""A promptable segmenter out of a bundle. Owns resizing, padding and both decoder contracts; refuses to judge masks.

Any pair of ONNX graphs of Segment Anything's architecture works: this project's own, or SAM, MobileSAM and their like
as exported. Sizes are read from the graphs; where they are free, the image keeps its aspect and is padded little.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import BundleError, Image
from monitor.inference.bundle import Bundle
from monitor.inference.session import Provider, Session, TensorFacts
from monitor.segment import PAD, Predicted, SegmentThresholds, Unasked

MULTIPLE = 32
"""Where an encoder's sizes are free, edges are padded to a multiple of this."""
_INPUTS = {
    "batched": {"image_embeddings", "point_coords", "point_labels"},
    "official": {"image_embeddings", "point_coords", "point_labels", "mask_input", "has_mask_input", "orig_im_size"},
}
_OUTPUTS = {"low_res_masks", "iou_predictions"}


class SegmenterModel:
    """Implements `monitor.segment.Predictor` over a segmenter bundle.

    Attributes:
        thresholds: when this model's masks are believed, as its manifest says.
        device: the provider that runs it.
    """

    def __init__(self, bundle: Bundle, provider: Provider = "cpu", threads: int = 1) -> None:
        """Open both graphs.

        Raises:
            BundleError: the bundle is no segmenter, its graphs do not keep the contract, or the provider cannot run.
        """
        table = bundle.manifest.segmenter
        if table is None:
            raise BundleError(
                f"bundle '{bundle.manifest.name}' is of kind {bundle.manifest.kind}, not a segmenter",
                cure="set segment.bundle to a segmenter bundle",
            )
        self._table = table
        self._encoder = bundle.session("encoder", provider, threads)
        self._decoder = bundle.session("decoder", provider, threads)
        _check(self._encoder, {"image"}, {"image_embeddings"})
        _check(self._decoder, _INPUTS[table.decoder], _OUTPUTS)
        self._fixed = _fixed_edges(self._encoder)
        self._mask_edge = _edge_of(self._decoder.inputs, "mask_input")
        self._embedding: npt.NDArray[np.float32] | None = None
        self._metal: npt.NDArray[np.float32] | None = None
        self._scale = (1.0, 1.0)
        self._padded = (0, 0)
        self.thresholds = SegmentThresholds(
            table.min_iou, table.min_stability, table.stability_offset, table.mask_threshold, table.unasked_stability,
            table.unasked_sizes,
        )  # fmt: skip
        self.device = self._encoder.provider

    def set_image(self, image: Image) -> None:
        """Embed one image, uint8 (rows, columns), with padding below and to the right.

        The longest edge becomes the model's; where sizes are free, a smaller image stays as it is.

        Raises:
            BundleError: the encoder failed.
        """
        resized = self._resized(image)
        rows, columns = resized.shape
        self._scale = (columns / image.shape[1], rows / image.shape[0])
        self._padded = self._fixed or (_up(rows), _up(columns))
        feeds = {"image": self._tensor(resized)}
        answer = self._encoder.run(feeds)
        self._embedding = answer["image_embeddings"].astype(np.float32, copy=False)
        metal = answer.get("metal_logits")
        self._metal = None if metal is None else metal[0, 0].astype(np.float32, copy=False)

    def unasked(self) -> Unasked | None:
        """What the model takes for metal before any prompt; None where its encoder has no output `metal_logits`."""
        return None if self._metal is None else Unasked(self._metal, self._scale_of(self._metal.shape))

    def predict(self, points: npt.NDArray[np.float32], labels: npt.NDArray[np.int32]) -> Predicted:
        """Answer a batch of prompts; see `monitor.segment.Predictor`.

        Raises:
            BundleError: no image was set, or the decoder failed.
        """
        if self._embedding is None:
            raise BundleError("predict was called before set_image", cure="embed an image first")
        scaled = (points + 0.5) * np.array(self._scale, np.float32) - 0.5
        coords, marks = _terminated(scaled.astype(np.float32), labels)
        answer = self._batched if self._table.decoder == "batched" else self._official
        logits, iou = answer(self._embedding, coords, marks)
        scale = self._scale_of(logits.shape[2:])
        return Predicted(logits.astype(np.float32, copy=False), iou.astype(np.float32, copy=False), scale)

    def _scale_of(self, shape: tuple[int, ...]) -> tuple[float, float]:
        """(columns, rows) pixels of logits of this shape per pixel of the image."""
        rows, columns = shape
        return self._scale[0] * columns / self._padded[1], self._scale[1] * rows / self._padded[0]

    def _resized(self, image: Image) -> Image:
        longest = max(image.shape)
        target = max(self._fixed) if self._fixed else self._table.image_size
        # Enlarging makes no detail, and a model that takes any size knows small images as they are.
        ratio = target / longest if self._fixed else min(1.0, target / longest)
        rows, columns = (max(1, min(target, round(edge * ratio))) for edge in image.shape)
        if (rows, columns) == image.shape:
            return image
        method = cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(image, (columns, rows), interpolation=method), dtype=np.uint8)

    def _tensor(self, image: Image) -> npt.NDArray[np.float32]:
        """(1, channels, rows, columns), normalised. Padding is 0 after normalisation as in SAM, if sizes are fixed.

        Where they are free it repeats the border: a model that takes any size has never seen a black edge.
        """
        channels = self._table.channels
        shape = (channels, 1, 1)
        mean, std = (np.array(v, np.float32)[:channels].reshape(shape) for v in (self._table.mean, self._table.std))
        grey = (np.broadcast_to(image.astype(np.float32), (channels, *image.shape)) - mean) / std
        below, right = self._padded[0] - image.shape[0], self._padded[1] - image.shape[1]
        mode: Any = "constant" if self._fixed else "edge"
        return np.pad(grey, ((0, 0), (0, below), (0, right)), mode=mode)[None].astype(np.float32)

    def _batched(
        self, embedding: npt.NDArray[np.float32], coords: npt.NDArray[np.float32], labels: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        out = self._decoder.run({"image_embeddings": embedding, "point_coords": coords, "point_labels": labels})
        return out["low_res_masks"], out["iou_predictions"]

    def _official(
        self, embedding: npt.NDArray[np.float32], coords: npt.NDArray[np.float32], labels: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """SAM's own export: one prompt a call. Its full-size masks are asked for at 1 × 1 pixel and not used."""
        edge = self._mask_edge or 4 * embedding.shape[2]
        fixed: Mapping[str, npt.NDArray[np.float32]] = {
            "image_embeddings": embedding,
            "mask_input": np.zeros((1, 1, edge, edge), np.float32),
            "has_mask_input": np.zeros(1, np.float32),
            "orig_im_size": np.ones(2, np.float32),
        }
        prompts = zip(coords, labels, strict=True)
        outs = [self._decoder.run({**fixed, "point_coords": c[None], "point_labels": v[None]}) for c, v in prompts]
        masks, iou = ([out[name] for out in outs] for name in ("low_res_masks", "iou_predictions"))
        return np.concatenate(masks), np.concatenate(iou)


def _terminated(
    coords: npt.NDArray[np.float32], labels: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Append one padding point to each prompt: SAM's decoder wants it where no box is given."""
    count = coords.shape[0]
    coords = np.where(labels[..., None] == PAD, 0.0, coords)
    coords = np.concatenate([coords, np.zeros((count, 1, 2))], axis=1)
    marks = np.concatenate([labels, np.full((count, 1), PAD)], axis=1)
    return coords.astype(np.float32), marks.astype(np.float32)


def _check(session: Session, inputs: set[str], outputs: set[str]) -> None:
    takes, gives = {t.name for t in session.inputs}, {t.name for t in session.outputs}
    if takes != inputs or not outputs <= gives:
        raise BundleError(
            f"{session.path}: takes {sorted(takes)} and gives {sorted(gives)}; a segmenter's graph takes "
            f"{sorted(inputs)} and gives {sorted(outputs)}",
            cure="export it with these names, or correct segmenter.decoder in the manifest",
        )


def _fixed_edges(encoder: Session) -> tuple[int, int] | None:
    """Rows and columns of the encoder's image, None where they are free."""
    shape = encoder.inputs[0].shape
    if len(shape) != 4:
        raise BundleError(
            f"{encoder.path}: takes an image of {len(shape)} axes, not of (1, channels, rows, columns)",
            cure="export the encoder alone, without the resizing and normalising around it",
        )
    rows, columns = shape[2:]
    return (rows, columns) if isinstance(rows, int) and isinstance(columns, int) else None


def _edge_of(inputs: tuple[TensorFacts, ...], name: str) -> int | None:
    last = next((t.shape[-1] for t in inputs if t.name == name), None)
    return last if isinstance(last, int) else None


def _up(edge: int) -> int:
    return -(-edge // MULTIPLE) * MULTIPLE
