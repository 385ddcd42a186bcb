"""Super-resolution of a rectified webcam image by a model bundle. Owns sampling, tiles, ensembles and consistency.

Refuses to know cameras, the plate's geometry and the store. What it draws is generated, not measured: every result
carries the ensemble's spread and its disagreement with the webcam.
"""

from monitor.upscale.anchoring import Look, anchored, measured_detail, toned
from monitor.upscale.consistency import (
    INVENTED,
    MEASURED,
    PLAUSIBLE,
    contradiction,
    degrade,
    inconsistency,
    match_tone,
    trust,
)
from monitor.upscale.quality import Quality, chosen_quality, ladder
from monitor.upscale.spread import widened
from monitor.upscale.tiles import Tiling
from monitor.upscale.upscaler import Upscaler

__all__ = [
    "INVENTED",
    "MEASURED",
    "PLAUSIBLE",
    "Look",
    "Quality",
    "Tiling",
    "Upscaler",
    "anchored",
    "chosen_quality",
    "contradiction",
    "degrade",
    "inconsistency",
    "ladder",
    "match_tone",
    "measured_detail",
    "toned",
    "trust",
    "widened",
]
