"""From volts to the converter's codes. Owns what cannot be a code; refuses to know what volts mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.domain import Channel, Codes

LOW, HIGH = -32768, 32767


@dataclass(frozen=True, slots=True)
class Coded:
    """Samples as codes.

    Attributes:
        codes: int16 (channels, samples).
        bad: bool (channels, samples), where a sample was not a number or at the converter's limit; None for nowhere.
        invalid: samples per channel that were not a number; each repeats the code before it.
        saturated: samples per channel at the converter's limit.
        error_v: largest difference between given volts and those of the code, in V; near 0 where nothing is lost.
    """

    codes: Codes
    bad: npt.NDArray[np.bool_] | None
    invalid: npt.NDArray[np.int64]
    saturated: npt.NDArray[np.int64]
    error_v: float


class Coder:
    """Finds codes again, block after block; the result does not depend on how the signal is cut into blocks."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._zero = np.array([[channel.volts_at_zero] for channel in channels])
        self._step = np.array([[channel.volts_per_code] for channel in channels])
        self._last = np.zeros((len(channels), 1))

    def code(self, volts: npt.NDArray[np.float64]) -> Coded:
        """Codes of the next block: float64 (channels, samples), in V."""
        exact = (volts - self._zero) / self._step
        near = np.rint(exact)
        invalid = ~np.isfinite(exact)
        if invalid.any():
            near = self._filled(near, invalid)
        np.clip(near, LOW, HIGH, out=near)
        limit = (near == LOW) | (near == HIGH)
        self._last = near[:, -1:] if near.shape[1] else self._last
        bad = invalid | limit
        with np.errstate(invalid="ignore"):
            miss = np.where(bad, 0.0, np.abs(exact - near)) * np.abs(self._step)
        return Coded(
            near.astype(np.int16),
            bad if bad.any() else None,
            np.count_nonzero(invalid, axis=1),
            np.count_nonzero(limit & ~invalid, axis=1),
            float(miss.max(initial=0.0)),
        )

    def _filled(self, near: npt.NDArray[np.float64], invalid: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Each invalid sample as the one before it."""
        led = np.concatenate([self._last, near], axis=1)
        places = np.where(np.concatenate([np.zeros_like(invalid[:, :1]), invalid], axis=1), 0, np.arange(led.shape[1]))
        filled: npt.NDArray[np.float64] = np.take_along_axis(led, np.maximum.accumulate(places, axis=1), axis=1)
        return filled[:, 1:]
