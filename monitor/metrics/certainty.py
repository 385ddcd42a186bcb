"""How sure a part's numbers are. Owns the scale of their errors; refuses to know where the truth comes from.

The error of a number has two sources that can be seen: the members of the ensemble disagree, and the outline lies
somewhere between pixels. Together they give each number a scale; what part of the truth lies within how many scales is
found where the truth is known (`factors`), and 90 % of it lies within one `half_width`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

COVERAGE = 0.9
PLACED_PX = 0.1
"""How well an outline is placed between pixels at best, in pixels."""
Numbers = Mapping[str, float]


def scales(numbers: Numbers, members: Sequence[Numbers]) -> dict[str, float]:
    """The scale of each number's error, in its own unit (pixels).

    Args:
        numbers: of the part, from `part_shape` and `against_nominal`.
        members: the same of each member of the ensemble; fewer than two tell nothing of its spread.
    """
    found = {}
    for name in numbers:
        values = [one[name] for one in members if name in one]
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        found[name] = float(np.hypot(spread, PLACED_PX * _by_a_pixel(name, numbers)))
    return found


def half_widths(scale: Numbers, factor: Numbers) -> dict[str, float]:
    """Half of the 90 % interval of each number that has a factor."""
    return {name: factor[name] * size for name, size in scale.items() if name in factor}


def factors(errors: Iterable[tuple[str, float, float]], coverage: float = COVERAGE) -> dict[str, float]:
    """How many scales hold this share of the errors, by name.

    Args:
        errors: name, error (measured − true) and scale of numbers whose truth is known.
        coverage: the share.
    """
    ratios: dict[str, list[float]] = {}
    for name, error, scale in errors:
        ratios.setdefault(name, []).append(abs(error) / scale)
    return {name: float(np.quantile(values, coverage, method="higher")) for name, values in sorted(ratios.items())}


def _by_a_pixel(name: str, numbers: Numbers) -> float:
    """How much a number changes about where the outline moves outwards by one pixel."""
    area, perimeter = max(numbers["area"], 1.0), numbers["perimeter"]
    return {
        "area": perimeter,
        "iou": min(1.0, perimeter / area),
        "circularity": min(1.0, 2.0 / max(numbers["equivalent diameter"], 1.0)),
        "perimeter": 2 * np.pi,
        "row": 0.5, "column": 0.5,
        "Sa": 0.3, "Sq": 0.4,
    }.get(name, 2.0)  # fmt: skip
