"""Super-resolution of a rectified webcam image by a model bundle. Owns sampling, tiles, ensembles and consistency.

Refuses to know cameras, the plate's geometry and the store. What it draws is generated, not measured: every result
carries the ensemble's spread and its disagreement with the webcam.
"""

from monitor.upscale.anchoring import Ground, Look, anchored, bare_look, grounded, measured_detail, measured_look, toned
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
from monitor.upscale.restoring import BANDS, Restoration, measured_restoration, restored
from monitor.upscale.spread import widened
from monitor.upscale.tiles import Tiling
from monitor.upscale.upscaler import Upscaler

__all__ = [
    "BANDS",
    "INVENTED",
    "MEASURED",
    "PLAUSIBLE",
    "Ground",
    "Look",
    "Quality",
    "Restoration",
    "Tiling",
    "Upscaler",
    "anchored",
    "bare_look",
    "chosen_quality",
    "contradiction",
    "degrade",
    "grounded",
    "inconsistency",
    "ladder",
    "match_tone",
    "measured_detail",
    "measured_look",
    "measured_restoration",
    "restored",
    "toned",
    "trust",
    "widened",
]
