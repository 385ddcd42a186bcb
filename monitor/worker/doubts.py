"""What speaks against a layer's picture or mask. Owns the reasons, as pure functions; refuses to change either."""

from __future__ import annotations

import numpy as np

from monitor.config import FrameCheckSettings
from monitor.domain import Image, Mask
from monitor.domain.unseen import FULL, even_share

CELL = 16
"""Edge in pixels of a cell that may be all of one grey."""
SLOWEST_MM2_S = 10.0
"""No process melts less in a second: 100 mm/s at a hatch of 0.1 mm, where steel and titanium are scanned ten times as
fast."""
FIRED_S = 0.2
"""A laser that was on for less may have melted nothing that a camera can see."""


def shows_nothing(rectified: Image, black: float) -> str:
    """Why a frame shows nothing of the plate, "" where it shows something.

    Live frames were judged when they were taken; imported ones, and those of a camera that saw nothing, were not.

    Args:
        rectified: uint8 (rows, columns).
        black: share of full scale that one pixel in a thousand must reach (`acquire.checks.black`).
    """
    least, most = np.percentile(rectified, (0.1, 99.9))
    if most < black * 255:
        return f"is black (its brightest pixels reach {most / 255:.1%} of full scale)"
    return "" if most > least else f"is of one grey ({most / 255:.0%} of full scale)"


def hidden(rectified: Image, seen: Mask, checks: FrameCheckSettings) -> str:
    """Why a frame cannot be believed all over, "" where it can: a flash, a glare, a hand, a failed lamp, lost data.

    Args:
        rectified: uint8 (rows, columns).
        seen: bool (rows, columns), where the camera sees the plate.
        checks: from which grey level a pixel is black, and how large a share of the frame may show nothing.
    """
    grey = rectified[seen]
    even = even_share(np.where(seen, rectified, np.uint8(0)), CELL, checks.black * 255, FULL * 255)
    shares = (
        ("saturated", np.mean(grey >= FULL * 255), checks.saturated),
        ("black", np.mean(grey < checks.black * 255), checks.saturated),
        ("one even grey", even, checks.even),
    )
    told = [f"{share:.0%} of the frame is {what}" for what, share, most in shares if share > most]
    return f"{' and '.join(told)}: nothing is seen there" if told else ""


def unmelted(mask: Mask, on_s: float, least_mm2: float) -> str:
    """Why a layer without metal cannot be right, "" where it can: the laser was on.

    An evenly grey picture is all powder or all melted, and no camera tells which; a model that does not know a
    material finds none of it. Both would be believed as an empty layer.

    Args:
        mask: bool (rows, columns), the metal that was found.
        on_s: how long the laser was on in this layer, in s; 0 where nobody saw it.
        least_mm2: the smallest area that counts as metal, in mm².
    """
    if mask.any() or on_s < max(FIRED_S, least_mm2 / SLOWEST_MM2_S):
        return ""
    return f"the laser was on for {on_s:.3g} s, and no metal is seen"
