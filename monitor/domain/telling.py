"""A number as it is said to a person: with unit, 90 % interval, window and floor. Refuses to judge it."""

from __future__ import annotations

from math import floor, log10

from monitor.domain.records import Measure

NO_INTERVAL = "no interval yet"


def told(measure: Measure) -> str:
    """A measure in one line, such as "Sa 12.3 ± 2.1 µm (90 % interval, window 830 µm, pixels alone 4.0 µm)"."""
    value, spread = rounded(measure)
    unit = "" if measure.unit == "1" else f" {measure.unit}"
    interval = "" if spread is None else f" ± {spread}"
    return f"{measure.name} {value}{interval}{unit} ({', '.join(rests_on(measure))})"


def rests_on(measure: Measure) -> list[str]:
    """Interval, window and floor of a measure, in words."""
    found = [NO_INTERVAL if measure.spread is None else "90 % interval"]
    if measure.window_um is not None:
        found.append(f"window {measure.window_um:.0f} µm")
    if measure.floor is not None:
        found.append(f"pixels alone {measure.floor:.2g} {measure.unit}")
    return found


def rounded(measure: Measure) -> tuple[str, str | None]:
    """Value and half-width as digits: both to the second significant digit of the half-width."""
    if measure.spread is None:
        return f"{measure.value:.4g}", None
    digits = max(0, 1 - floor(log10(measure.spread))) if measure.spread > 0 else 4
    return f"{measure.value:.{digits}f}", f"{measure.spread:.{digits}f}"
