"""Super-resolution of a rectified webcam image by a model bundle. Owns sampling, tiles, ensembles and consistency.

Refuses to know cameras, the plate's geometry and the store. What it draws is generated, not measured: every result
carries the ensemble's spread and its disagreement with the webcam.
"""

from monitor.upscale.consistency import degrade, inconsistency, match_tone
from monitor.upscale.tiles import Tiling
from monitor.upscale.upscaler import Upscaler

__all__ = ["Tiling", "Upscaler", "degrade", "inconsistency", "match_tone"]
