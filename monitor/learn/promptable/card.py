"""The model card and the picture of a segmenter bundle. Owns their words and colours; the numbers are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Mask
from monitor.learn.promptable.measure import Case, Table
from monitor.learn.promptable.recipe import SegmenterTraining
from monitor.segment import SegmentThresholds

_ANSWERS = ("automatic", "promptable", "sauvola")
_COLUMNS = (*_ANSWERS, "anomalies", "anomalies prompted", "layers")
_FOUND, _TRUE = (60, 60, 255), (80, 220, 80)
_TEXT = """# {name} {version}

A small promptable segmenter of Segment Anything's architecture, trained by this project from nothing. **It is not
Meta's SAM and holds none of its weights**; nor was it distilled from them. Licence of the weights: {licence}. SAM
itself, MobileSAM and their like can be used instead: export them to ONNX and describe them in a manifest.

## What it does
One embedding of a layer image (longest edge {edge} pixels), then four masks a prompt. A prompt is the query points
of one component of the initial mask. The mask with the highest predicted IoU is taken of those whose predicted IoU is
{min_iou:g} at least and whose stability score is {min_stability:g} at least; a pixel is metal above a logit of
{mask_threshold:g}. These thresholds were {chosen}. Before it is asked anything the model also says where it takes
metal to be, at the image's own resolution. That is the mask of a run with `segment.method = "automatic"`; with
`"prompted"`, as in the paper, query points are taken from it (`segment.query = "auto"`), or from Sauvola's threshold
(`"sauvola"`).

{remarks}## Data
{data}. {real}Digest of the virtual layers' pixels: `{digest}`. {steps} steps,
beginning with {begin}.

## Numbers
Mean IoU of all metal of a layer, through the product's own `segment_layer`. "automatic" is this bundle's answer to no
prompt, "promptable" its answers to prompts, "sauvola" the initial mask alone, which needs no model; the bold one is
best. "anomalies" is the share of layers of which the automatic answer leaves more than a twentieth of the area open, so
that the volume leaves them out; "anomalies prompted" the same of the answers to prompts.

{table}

![Held-out layers: truth green, found red](samples.png)

## Limits
- **Where Sauvola alone is better in the table, it is better**: this model is a start, not a proof. Where
  "anomalies" is high, the IoU is of masks that the volume leaves out.
- It answers only where the initial mask has a component: metal that it does not see unasked is not found.
- Real layers, in training and in the table, have nominal masks (the slice), not a trace of what melted.
- The predicted IoU is poorly calibrated, which is why its threshold is low: a refusal says more than a high value.
- Images larger than {edge} pixels are reduced to that: edges are known to two of these pixels.
"""


def write_card(
    path: Path,
    recipe: SegmenterTraining,
    results: Table,
    facts: Mapping[str, str],
    thresholds: SegmentThresholds,
    remarks: str = "",
) -> None:
    """Write the card."""
    text = _TEXT.format(
        name=recipe.name,
        version=recipe.version,
        licence=recipe.licence,
        edge=recipe.image_size,
        min_iou=thresholds.min_iou,
        min_stability=thresholds.min_stability,
        mask_threshold=thresholds.mask_threshold,
        data=facts["data"][:1].upper() + facts["data"][1:],
        real="" if facts.get("real") else "No real image was used. ",
        digest=facts.get("data_sha256", "unknown"),
        steps=facts.get("steps", "unknown"),
        begin=facts.get("warm_start", "random weights"),
        chosen=facts.get("thresholds", "found on held-out layers"),
        remarks=f"## How it was chosen\n{remarks.strip()}\n\n" if remarks.strip() else "",
        table=_table(results),
    )
    path.write_text(text, encoding="utf-8")


def _table(results: Table) -> str:
    lines = [f"| layers | {' | '.join(_COLUMNS)} |", f"| --- | {' | '.join('---' for _ in _COLUMNS)} |"]
    for group, row in sorted(results.items()):
        known = [name for name in _ANSWERS if name in row]
        better = max(known, key=lambda name: row[name]) if len(known) > 1 else ""
        cells = [f"{row[name]:.3g}" if name in row else "" for name in _COLUMNS]
        cells = [f"**{cell}**" if name == better else cell for name, cell in zip(_COLUMNS, cells, strict=True)]
        lines.append(f"| {group} | {' | '.join(cells)} |")
    return "\n".join(lines)


def write_picture(path: Path, cases: Sequence[Case], masks: Sequence[Mask], edge: int = 240, columns: int = 4) -> None:
    """Write some layers with the outlines of the truth and of what was found."""
    chosen = np.linspace(0, len(cases) - 1, min(len(cases), 2 * columns)).astype(int)
    tiles = [_outlined(cases[i], masks[i], edge) for i in chosen]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    cv2.imwrite(str(path), np.vstack(rows), [cv2.IMWRITE_PNG_COMPRESSION, 9])


def _outlined(case: Case, found: Mask, edge: int) -> npt.NDArray[np.uint8]:
    size = (edge, edge)
    tile = cv2.cvtColor(cv2.resize(case.image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_GRAY2BGR)
    for mask, colour in ((case.mask, _TRUE), (found, _FOUND)):
        small = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        contours, _ = cv2.findContours(small, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(tile, contours, -1, colour, 1)
    return np.asarray(tile, dtype=np.uint8)
