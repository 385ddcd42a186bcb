"""Numbers, times and stretches of layers as a person reads them. Owns rounding and units; refuses to know reports."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

NO_INTERVAL = "no interval"
NBSP = "\u00a0"
NAMES = {"iou": "IoU", "hausdorff": "Hausdorff distance", "hd95": "HD95", "assd": "ASSD", "parts": "separate pieces"}
"""Measures whose name in the store is not what the field writes."""


def number(value: float, digits: int = 4) -> str:
    """A number with so many significant digits, never in powers of ten below a million."""
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    return (f"{float(text):.0f}" if "e" in text else text).replace("-", "−")


def quantity(value: float, unit: str, digits: int = 4) -> str:
    """A number with its unit, which "1" has not; never broken between the two."""
    return number(value, digits) + ("" if unit == "1" else f"{NBSP}{unit}")


def interval(spread: float | None, unit: str) -> str:
    """As "± 0.4 mm²", or that there is none."""
    return NO_INTERVAL if spread is None else f"± {quantity(spread, unit, 2)}"


def time(text: str) -> str:
    """An ISO 8601 time in UTC to the second; the text itself where it is none."""
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (then if then.tzinfo else then.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def duration(seconds: float) -> str:
    """As "3 h 12 min", "12 min 05 s" or "48.1 s"."""
    if seconds < 60:
        return f"{number(seconds, 3)} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def stretches(indices: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each unbroken run of ascending indices."""
    runs: list[tuple[int, int]] = []
    for index in indices:
        if runs and index == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], index)
        else:
            runs.append((index, index))
    return runs


def layers(first: int, last: int) -> str:
    """As "layer 7" or "layers 7–9"."""
    return f"layer{NBSP}{first}" if first == last else f"layers{NBSP}{first}–{last}"


def short(digest: str) -> str:
    """A digest's kind and first characters, enough to compare by eye."""
    kind, _, hexadecimal = digest.rpartition(":")
    return f"{kind}:{hexadecimal[:16]}…"


def count(amount: int, one: str, many: str = "") -> str:
    """As "1 layer" or "2 layers"."""
    return f"{amount} {one if amount == 1 else many or one + 's'}"
