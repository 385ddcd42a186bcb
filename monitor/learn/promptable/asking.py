"""Training prompts and their right answers. Owns that they are like those of a run; refuses to know the network.

At run time a prompt is one component of the dilated initial mask, and masks are looked at in its neighbourhood only.
The right answer is all metal there. A component that is only powder has none.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from monitor.domain import Image, Mask
from monitor.learn.promptable.recipe import PromptRecipe

Rng = np.random.Generator
Points = npt.NDArray[np.float32]
FOREGROUND, BACKGROUND, PAD = 1.0, 0.0, -1.0
MISPLACED = 0.08
"""Share of points that lie in the dilated component but beside the metal, as an initial mask makes some."""

ODD = 0.6
"""Share of made-up false components that lie where powder is least like powder."""
ERRED = 0.8
"""Share of prompts on powder that take a component which the initial mask of a run got wrong, where there is one."""
LEAST_ERROR_PX = 12
"""Smaller ones are left out, as a run leaves out what is smaller than a part."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Prompts on one image.

    Attributes:
        points: float32 (K, N, 2), pixels (column, row).
        labels: float32 (K, N), 1 foreground, 0 background, −1 padding.
        targets: bool (K, rows, columns), the right masks; all False for a prompt on powder.
        near: bool (K, rows, columns), the neighbourhood in which the answer counts.
    """

    points: Points
    labels: npt.NDArray[np.float32]
    targets: npt.NDArray[np.bool_]
    near: npt.NDArray[np.bool_]


def ask(rng: Rng, image: Image, mask: Mask, recipe: PromptRecipe, found: Mask | None = None) -> Asked:
    """Draw the prompts for one image.

    Args:
        rng: of this image.
        image: uint8 (rows, columns).
        mask: bool (rows, columns), where metal is.
        recipe: how many prompts of which kind.
        found: bool (rows, columns), where the initial mask of a run finds metal; its errors are asked about.
    """
    joined, labels, count = _components(rng, mask, recipe)
    errors = _errors(joined, found) if found is not None else []
    order = rng.permutation(count)
    out = Asked(
        np.zeros((recipe.prompts, recipe.points + 1, 2), np.float32),
        np.full((recipe.prompts, recipe.points + 1), PAD, np.float32),
        np.zeros((recipe.prompts, *mask.shape), bool),
        np.zeros((recipe.prompts, *mask.shape), bool),
    )
    for k in range(recipe.prompts):
        on_powder = count == 0 or (rng.random() < recipe.powder_share and not joined.all())
        if on_powder:
            erred = bool(errors) and rng.random() < ERRED
            component = errors[int(rng.integers(len(errors)))] if erred else _false_component(rng, image, joined)
            chosen = _inside(rng, component, component, recipe.points)
            out.near[k][_around(rng, component, recipe)] = True
        else:
            component = labels == 1 + order[k % count]
            chosen = _inside(rng, component, component & mask, recipe.points)
            out.near[k][_around(rng, component, recipe)] = True
            out.targets[k] = out.near[k] & mask
        out.points[k, : len(chosen)] = chosen
        out.labels[k, : len(chosen)] = FOREGROUND
        if not joined.all() and rng.random() < recipe.background_share:
            out.points[k, -1] = _any(rng, ~joined, 1)[0]
            out.labels[k, -1] = BACKGROUND
    return out


def _components(rng: Rng, mask: Mask, recipe: PromptRecipe) -> tuple[Mask, npt.NDArray[np.int32], int]:
    size = 2 * int(rng.integers(recipe.dilation_px[0], recipe.dilation_px[1] + 1)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    joined = cv2.dilate(mask.astype(np.uint8), kernel)
    count, labels = cv2.connectedComponents(joined, connectivity=8)
    return joined.astype(bool), np.asarray(labels, dtype=np.int32), count - 1


def _errors(joined: Mask, found: Mask) -> list[Mask]:
    """Components of the initial mask that are powder."""
    wrong = (found & ~joined).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(wrong, connectivity=8)
    large = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= LEAST_ERROR_PX]
    return [labels == i for i in large]


def _inside(rng: Rng, component: Mask, metal: Mask, most: int) -> Points:
    """From one to `most` points: often the distance transform's peak, the others at random on metal."""
    count = int(rng.integers(1, most + 1))
    points = _any(rng, metal if metal.any() else component, count)
    astray = rng.random(count) < MISPLACED
    points[astray] = _any(rng, component, count)[astray]
    if rng.random() < 0.7:
        depth = cv2.distanceTransform(np.pad(component, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
        points[0] = np.array(np.unravel_index(int(depth.argmax()), depth.shape))[::-1]
    return points


def _around(rng: Rng, component: Mask, recipe: PromptRecipe) -> tuple[slice, slice]:
    """The component's box with a margin."""
    margin = int(rng.integers(recipe.margin_px[0], recipe.margin_px[1] + 1))
    rows, columns = (np.flatnonzero(component.any(axis=axis)) for axis in (1, 0))
    first, last = (
        (max(0, int(v[0]) - margin) for v in (rows, columns)),
        (int(v[-1]) + margin + 1 for v in (rows, columns)),
    )
    (top, left), (bottom, right) = first, last
    return np.s_[top:bottom, left:right]


def _any(rng: Rng, where: Mask, count: int) -> Points:
    at = rng.choice(np.flatnonzero(where), count)
    return np.stack([at % where.shape[1], at // where.shape[1]], axis=1).astype(np.float32)


def _false_component(rng: Rng, image: Image, joined: Mask) -> Mask:
    """A disc of powder such as a false component is; often where a threshold errs: walls, glare, shadows, traces."""
    free = ~joined if not joined.all() else np.ones_like(joined)
    if rng.random() < ODD:
        level = cv2.blur(image, (5, 5)).astype(np.float32)
        off = np.abs(level - np.median(level[free]))
        free = free & (off >= np.quantile(off[free], 0.97))
    centre = _any(rng, free, 1)[0].astype(int)
    disc = np.zeros(joined.shape, np.uint8)
    cv2.circle(disc, (int(centre[0]), int(centre[1])), int(np.exp(rng.uniform(0.5, 4.0))), 1, -1)
    return disc.astype(bool) & free
