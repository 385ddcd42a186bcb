"""What speaks against a layer's picture or mask. Owns the reasons, as pure functions; refuses to change either."""

from __future__ import annotations

from math import inf

import cv2
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


def unlike_time(
    mask: Mask, mm_per_px: float, on_s: float, least_mm2: float, rate_mm2_s: tuple[float, float] | None = None
) -> str:
    """Why a layer's metal cannot be right for the time that the laser was on, "" where it can.

    An evenly grey picture is all powder or all melted, and no camera tells which; a model that does not know a
    material finds little or none of it. Such a layer would be believed to be empty, or to hold a small part.
    How much a machine melts differs more than tenfold, and a camera may see a corner of its plate: so that is told.

    Args:
        mask: bool (rows, columns), the metal that was found.
        mm_per_px: edge of a pixel in mm.
        on_s: how long the laser was on in this layer, in s; 0 where nobody saw it.
        least_mm2: the smallest area that counts as metal, in mm².
        rate_mm2_s: least and most area that this machine melts in a second where the camera sees it, in mm²/s; None
            where nobody told, and then only a layer without any metal is doubted.
    """
    if on_s < FIRED_S:
        return ""
    least, most = rate_mm2_s or (SLOWEST_MM2_S, inf)
    seen = np.count_nonzero(mask) * mm_per_px**2
    if not seen:
        return f"the laser was on for {on_s:.3g} s, and no metal is seen" if on_s * least >= least_mm2 else ""
    if rate_mm2_s and seen < on_s * least:
        return f"the laser was on for {on_s:.3g} s, enough for {on_s * least:.3g} mm², and {seen:.3g} mm² are seen"
    sure = np.count_nonzero(_within(mask)) * mm_per_px**2
    if sure > on_s * most:
        return f"the laser was on for {on_s:.3g} s, too little for {on_s * most:.3g} mm², and {seen:.3g} mm² are seen"
    return ""


def _within(mask: Mask) -> Mask:
    """Without the pixels of the edge, each of which may be metal in part only."""
    return np.asarray(cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)), dtype=bool)
