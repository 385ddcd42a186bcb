"""Which pixels of a picture show nothing: words that acquisition and worker share. Pure; refuses to judge a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FULL = 0.98
"""Share of full scale from which a pixel counts as saturated: noise and JPEG keep it from full scale itself."""


def even_share(grey: npt.NDArray[Any], cell: int, darkest: float, full: float) -> float:
    """Largest share of a picture that has exactly one grey, cell by cell: data that never arrived.

    A camera's own picture has grain, and what its JPEG made flat has another grey in each block. Where data was lost
    on the way (a JPEG that breaks off, a transfer with a hole) a decoder leaves one grey instead: of 193 real pictures,
    many of them much compressed, none had more than 1.1 % of it.

    Args:
        grey: unsigned integers (rows, columns).
        cell: edge of a cell in pixels; one is counted where all its pixels are equal.
        darkest: cells of this grey or a darker one are black, and not counted.
        full: cells of this grey or a brighter one are saturated, and not counted.
    """
    rows, columns = (edge // cell for edge in grey.shape)
    if not rows or not columns:
        return 0.0
    cells = grey[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell)
    lowest = cells.min(axis=(1, 3))
    even = lowest[(lowest == cells.max(axis=(1, 3))) & (lowest > darkest) & (lowest < full)]
    return float(np.unique(even, return_counts=True)[1].max() / lowest.size) if even.size else 0.0
