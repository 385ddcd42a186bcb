"""Layers that speak for each other: a voxel of the picture's pixel is as wide as several layers are high.

Errors of an edge seen by a coarse camera differ from layer to layer, and the part hardly does over so small a height.
Owns that mean; refuses to know files and to fill what is not known.
"""

from __future__ import annotations

import numpy as np

from monitor.domain import Image
from monitor.volume.pyramid import UNKNOWN

_SURE = 5.0
"""Logit beyond which nothing is surer: probability is stored in steps of 1/255."""
_grey = np.arange(256) / 255.0
_LOGITS = np.clip(np.log((_grey + 1e-3) / (1 - _grey + 1e-3)), -_SURE, _SURE).astype(np.float32)


def layers_beside(um_per_px: float, layer_um: float) -> int:
    """How many layers above, and as many below, are within a pixel's height around a layer's middle."""
    return int(um_per_px / layer_um) // 2


def fused(probability: Image, beside: int) -> Image:
    """The mean of the log-odds of each layer and of those beside it.

    Args:
        probability: uint8 (z, y, x), above 127 in metal; a layer of 127 alone is not known.
        beside: layers above, and as many below, that speak for a layer; itself in place of those that are not there.

    Returns:
        The same shape. Layers that are not known stay so, and say nothing of others. A face across the layers stays
        where it is.
    """
    known = (probability != UNKNOWN).reshape(len(probability), -1).any(axis=1)
    out = probability.copy()
    for index in range(len(known)):
        if known[index]:
            near = [k if 0 <= k < len(known) and known[k] else index for k in range(index - beside, index + beside + 1)]
            odds = np.mean([_LOGITS[probability[k]] for k in near], axis=0)
            out[index] = np.rint(255 / (1 + np.exp(-odds)))
    return out
