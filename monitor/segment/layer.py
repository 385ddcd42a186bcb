"""From a layer image to its part mask: initial mask → query points → model → filters → union. Refuses to run models.

Where the model has an answer to no prompt, that answer may be the mask: then nothing is asked (`segment.method`).

What a person can rely on:
- Powder alone gives an empty mask with state OK: an empty layer is legitimate.
- A component to which the model answers with nearly no metal, or for which it gives its best mask less than half of the
  IoU that would be believed, is taken for powder: judging Sauvola's finds is its work.
- A component on which it has no answer that it believes is left out of the mask. Where such components hold more than
  a twentieth of what Sauvola found and the model did not deny, the layer is an ANOMALY whose reason counts them.
  Sauvola's own mask never stands in silently for the model's.
- A find that is faint and of the other sign than the layer's metal shines through from below: it is left out.
- An edge lies where the model and the picture's own grey together put it, as in `edges` (`segment.edges`).
- With an area prior that bounds metal, nothing is asked or found outside its reach. A part whose area is not within
  four to six fifths of what is expected is asked for again, as in `area_loop`; where that does not help, the layer is
  an ANOMALY that names the parts.
- Metal nearly everywhere where nothing tells that it is expected is an ANOMALY: light or a failed model looks the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.special import expit

from monitor.config import SegmentSettings
from monitor.domain import BundleError, FloatImage, Image, Mask, PlateGrid, ProductState, Segmentation
from monitor.segment.area_loop import Question, seeded, within_area
from monitor.segment.automatic import TOLERATED_SHARE, segment_unasked
from monitor.segment.candidates import Box, Candidate, believed, distinct
from monitor.segment.edges import with_edges
from monitor.segment.initial import Initial, initial_mask, unasked_mask, within, without_specks
from monitor.segment.predictor import Predicted, Predictor, SegmentThresholds
from monitor.segment.prior import LEAST_SHARE, AreaPrior
from monitor.segment.prompts import Prompts, excluding, query_points
from monitor.segment.traces import without_traces

BATCH = 8
"""Prompts a call: beyond this a decoder gains no speed and takes more memory."""
NOTHING = -30.0
"""Logit where no mask reaches: a probability of 1e-13."""
IN_THE_WAY = 0.25
"""Share of the picture that may look like metal beyond the prior's reach: more is a hand, smoke or a failed light."""
DENIED = 0.5
"""Share of the least believed IoU below which a prediction says that there is nothing."""
EVERYWHERE = 0.9
"""Share of the picture from which metal is everywhere."""
POWDER_SHARE = 0.1
"""A component of which every mask of the model covers less than this was powder to the model."""


@dataclass(frozen=True, slots=True)
class _Answers:
    """What the model said: masks that are believed, and the components that it left open, of how large a share."""

    accepted: list[Candidate]
    open: int
    open_share: float


def segment_layer(
    image: Image,
    grid: PlateGrid,
    predictor: Predictor,
    settings: SegmentSettings,
    thresholds: SegmentThresholds,
    rng: np.random.Generator,
    prior: AreaPrior | None = None,
) -> Segmentation:
    """Find the melted metal in one layer image.

    Args:
        image: uint8 (rows, columns), super-resolved or a camera's own, in the plate grid.
        grid: the plate grid that the image lives in.
        predictor: a promptable segmenter.
        settings: initial mask and query points.
        thresholds: when this predictor's masks are believed.
        rng: of this layer; the same image, predictor and rng give the same result.
        prior: where metal is expected and where it can be; None where nothing is known of it.

    Raises:
        BundleError: the model failed, or has no answer of its own where the settings want one.

    Returns:
        The mask, its probability, and the query points. OK, or ANOMALY with a reason; see the module's words.
    """
    told = known_unasked(image, predictor, settings, thresholds.unasked_sizes)
    if told is not None:
        told = without_traces(told, image, grid, settings, thresholds.mask_threshold)
    embedded = _wants_unasked(settings)
    bound = prior is not None and prior.bounds
    if told is not None and settings.method != "prompted":
        seen = without_specks(told > thresholds.mask_threshold, grid, settings)
        # Doubt about what lies where there can be no metal is none about the layer.
        near = np.where(prior.reach, told, np.float32(NOTHING)) if prior is not None and bound else told
        found = segment_unasked(near, grid, settings, thresholds)
        initial = unasked_mask(found.mask, grid, settings)
    else:
        all_seen = query_mask(image, grid, told, settings, thresholds)
        initial = within(all_seen, prior.reach, grid, settings) if prior is not None and bound else all_seen
        found = segment_components(image, initial, grid, predictor, settings, thresholds, rng, embedded=embedded)
        seen, embedded = all_seen.mask, embedded or initial.count > 0
    if prior is None:
        return _untold(_edged(found, image, grid, settings))

    def ask(question: Question) -> Segmentation:
        nonlocal embedded
        asked = settings.model_copy(update={"points_per_component": question.points})
        start = unasked_mask(seeded(initial.mask, question), grid, settings)
        answer = segment_components(
            image, start, grid, predictor, asked, thresholds, rng, embedded=embedded, exclusions=question.exclusions
        )
        embedded = embedded or start.count > 0
        return replace(answer, mask=answer.mask & question.where)

    first = _bounded(found, seen, prior, grid, settings)
    best = within_area(first, prior, grid, settings.points_per_component, ask, rng, settings.rounds)
    return _judged(_edged(best, image, grid, settings), prior, grid, settings)


def _untold(found: Segmentation) -> Segmentation:
    """The same, not believed where it is metal everywhere."""
    share = float(found.mask.mean())
    if share < EVERYWHERE or found.state is not ProductState.OK:
        return found
    reason = f"{share:.0%} of the picture looks like metal, and nothing tells that it is: give an area prior"
    return replace(found, state=ProductState.ANOMALY, reason=reason)


def _edged(found: Segmentation, image: Image, grid: PlateGrid, settings: SegmentSettings) -> Segmentation:
    """The same with the edges that are wanted."""
    if settings.edges == "model":
        return found
    moved = with_edges(found, image)
    return replace(moved, mask=without_specks(moved.mask, grid, settings))


def _bounded(
    found: Segmentation, seen: Mask, prior: AreaPrior, grid: PlateGrid, settings: SegmentSettings
) -> Segmentation:
    """The same within the prior's reach, where that bounds metal."""
    if not prior.bounds:
        return found
    mask = without_specks(found.mask & prior.reach, grid, settings)
    outside = int(np.count_nonzero((seen | found.mask) & ~prior.reach))
    probability = np.where(prior.reach, found.probability, np.float32(0.0))
    return replace(found, mask=mask, probability=probability, outside_px=outside)


def _judged(found: Segmentation, prior: AreaPrior, grid: PlateGrid, settings: SegmentSettings) -> Segmentation:
    """The same without specks, and what share of the expected area it has."""
    mask = without_specks(found.mask, grid, settings)
    share = prior.found(mask)
    state, reason = found.state, found.reason
    if share is not None and share < LEAST_SHARE:
        state = ProductState.ANOMALY
        short = f"metal covers {share:.0%} of the area in {prior.told_by}"
        reason = f"{reason}; {short}" if reason else short
    if found.outside_px > IN_THE_WAY * mask.size:
        state = ProductState.ANOMALY
        hidden = f"{found.outside_px / mask.size:.0%} of the picture looks like metal where there can be none"
        reason = "; ".join(filter(None, (f"{hidden}: is something before the camera?", reason)))
    return replace(found, mask=mask, state=state, reason=reason, expected_share=share)


def known_unasked(
    image: Image, predictor: Predictor, settings: SegmentSettings, sizes: Sequence[float] = (1.0,)
) -> FloatImage | None:
    """What the model takes for metal before any prompt: logits (rows, columns); None where there is or need be none.

    Args:
        image: uint8 (rows, columns); the model has it when this is done.
        predictor: a promptable segmenter.
        settings: whether its own answer is wanted.
        sizes: the mean of its answers to the picture at these shares of its size, the whole one among them.

    Raises:
        BundleError: it has none, and the settings want one.
    """
    if not _wants_unasked(settings):
        return None
    told = [found for size in sorted(sizes) if (found := _unasked_at(size, image, predictor)) is not None]
    if told:
        return np.asarray(np.mean(told, axis=0), np.float32)
    for key, value, needed in (("method", settings.method, "automatic"), ("query", settings.query, "model")):
        if value == needed:
            raise BundleError(
                f"segment.{key} is '{value}', but this segmenter's encoder has no output 'metal_logits'",
                cure=f"set segment.{key} to 'auto', or choose a bundle that has it",
            )
    return None


def _unasked_at(size: float, image: Image, predictor: Predictor) -> FloatImage | None:
    """The model's answer to the picture at a share of its size, as logits (rows, columns) of the whole one."""
    rows, columns = (max(1, round(size * edge)) for edge in image.shape)
    if (rows, columns) == image.shape:
        predictor.set_image(image)
    else:
        predictor.set_image(np.asarray(cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8))
    found = predictor.unasked()
    if found is None:
        return None
    scale = (found.scale[0] * columns / image.shape[1], found.scale[1] * rows / image.shape[0])
    return _enlarged(found.logits, (0, 0), scale, (0, 0), (image.shape[0], image.shape[1]))


def _wants_unasked(settings: SegmentSettings) -> bool:
    return settings.method != "prompted" or settings.query != "sauvola"


def query_mask(
    image: Image, grid: PlateGrid, told: FloatImage | None, settings: SegmentSettings, thresholds: SegmentThresholds
) -> Initial:
    """Where query points are taken from: what the model told unasked if that is known and wanted, else Sauvola's."""
    if told is None or settings.query == "sauvola":
        return initial_mask(image, grid, settings)
    return unasked_mask(told > thresholds.mask_threshold, grid, settings)


def segment_components(
    image: Image,
    initial: Initial,
    grid: PlateGrid,
    predictor: Predictor,
    settings: SegmentSettings,
    thresholds: SegmentThresholds,
    rng: np.random.Generator,
    *,
    embedded: bool = False,
    exclusions: npt.NDArray[np.float32] | None = None,
) -> Segmentation:
    """As `segment_layer`, for an initial mask that is known already; `embedded` where the model has the image.

    With `exclusions`, float32 (N, 2) of (column, row), the prompt nearest to each says that there is no metal.
    """
    if initial.count == 0:
        nothing = np.zeros(image.shape, bool)
        none_asked = np.zeros((0, 2), np.float32)
        return Segmentation(nothing, nothing.astype(np.float32), ProductState.OK, "", none_asked)
    prompts = query_points(initial, settings.points_per_component, rng)
    if exclusions is not None and len(exclusions):
        prompts = excluding(prompts, initial, exclusions)
    if not embedded:
        predictor.set_image(image)
    answers = _asked(predictor, prompts, initial, thresholds)
    logits = _union(distinct(answers.accepted), image.shape)
    mask = without_specks(logits > thresholds.mask_threshold, grid, settings)
    state, reason = _verdict(answers, initial.count)
    return Segmentation(mask, expit(logits - np.float32(thresholds.mask_threshold)), state, reason, prompts.asked)


def _asked(predictor: Predictor, prompts: Prompts, initial: Initial, thresholds: SegmentThresholds) -> _Answers:
    """Put all prompts to the model, a few a call."""
    boxes: list[Box] = [(box[0], box[1]) for box in ndimage.find_objects(initial.labels, initial.count)]
    accepted: list[Candidate] = []
    areas = np.bincount(initial.labels[initial.mask], minlength=initial.count + 1)[1:]
    unanswered: list[int] = []
    for first in range(0, initial.count, BATCH):
        part = np.s_[first : first + BATCH]
        predicted = predictor.predict(prompts.points[part], prompts.labels[part])
        good = believed(predicted, first, boxes[part.start : part.stop], thresholds)
        accepted += good
        for index in set(range(first, first + len(predicted.iou))) - {one.component for one in good}:
            component = initial.labels[boxes[index]] == index + 1
            corner = (boxes[index][0].start, boxes[index][1].start)
            if not _is_powder(predicted, index - first, component, corner, thresholds):
                unanswered.append(index)
    left_out = int(areas[unanswered].sum())
    seen = left_out + int(areas[[one.component for one in accepted]].sum())
    return _Answers(accepted, len(unanswered), left_out / max(1, seen))


def _is_powder(
    predicted: Predicted, prompt: int, component: Mask, corner: tuple[int, int], thresholds: SegmentThresholds
) -> bool:
    """Whether the model gives all masks a low IoU, or the one that it prefers leaves the component nearly bare."""
    if predicted.iou[prompt].max() < DENIED * thresholds.min_iou:
        return True
    logits = predicted.logits[prompt, int(predicted.iou[prompt].argmax())]
    shown = _enlarged(logits, (0, 0), predicted.scale, corner, component.shape) > thresholds.mask_threshold
    return bool(np.count_nonzero(shown & component) < POWDER_SHARE * np.count_nonzero(component))


def _union(candidates: list[Candidate], shape: tuple[int, ...]) -> FloatImage:
    """float32 (rows, columns): the greatest logit of all masks, interpolated to the image's own size."""
    out = np.full(shape, NOTHING, np.float32)
    for one in candidates:
        corner, size = _place(one, shape)
        box = np.s_[corner[0] : corner[0] + size[0], corner[1] : corner[1] + size[1]]
        enlarged = _enlarged(one.logits, (one.row, one.column), one.scale, corner, size)
        out[box] = np.maximum(out[box], enlarged)
    return out


def _place(one: Candidate, shape: tuple[int, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Corner and size, in pixels of the image, of a candidate's box."""
    first = np.array([one.row, one.column])
    scale = np.array(one.scale[::-1])
    low = np.clip(np.floor(first / scale), 0, np.array(shape)).astype(int)
    high = np.clip(np.ceil((first + one.logits.shape) / scale), 0, np.array(shape)).astype(int)
    return (int(low[0]), int(low[1])), (int(high[0] - low[0]), int(high[1] - low[1]))


def _enlarged(
    logits: npt.NDArray[np.float32], at: tuple[int, int], scale: tuple[float, float],
    corner: tuple[int, int], size: tuple[int, int],
) -> FloatImage:  # fmt: skip
    """Interpolate logits, whose first pixel is `at` in the model's, in the image's box of this corner and size."""
    x, y = scale
    shift_x = (corner[1] + 0.5) * x - 0.5 - at[1]
    shift_y = (corner[0] + 0.5) * y - 0.5 - at[0]
    inverse = np.array([[x, 0.0, shift_x], [0.0, y, shift_y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(logits, inverse, size[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, dtype=np.float32)


def _verdict(answers: _Answers, count: int) -> tuple[ProductState, str]:
    if answers.open_share <= TOLERATED_SHARE:
        return ProductState.OK, ""
    return ProductState.ANOMALY, (
        f"{answers.open} of {count} possible parts ({100 * answers.open_share:.0f} % of the area) are not in the mask: "
        "the model believes none of its masks for them"
    )
