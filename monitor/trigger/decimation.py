"""Fewer samples of the same signal. Owns what is kept of several samples that become one; refuses to know devices.

Sample k of the result stands for samples k·n … k·n + n − 1. Of the gate the maximum is kept, so that no pulse is lost
and every pulse is longer by less than n samples, half of it on average at either end. All else goes through a
linear-phase low-pass (Kaiser window, −60 dB from 1.25 × the new Nyquist frequency on) centred on the n samples, so that
nothing folds back and nothing is shifted against the gate.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.signal import firwin, kaiserord

from monitor.domain import Codes

ATTENUATION_DB = 60.0
EDGE = (0.75, 1.25)
"""Pass band and stop band, in units of the new Nyquist frequency."""


class Decimator:
    """Decimates a signal of which row 0 is the gate, block after block. Beyond its ends it is taken as constant.

    Args:
        factor: n, at least 1; 1 changes nothing.
        channels: rows of the signal.
    """

    def __init__(self, factor: int, channels: int) -> None:
        self._factor = factor
        self._taps = _low_pass(factor)
        self._lead = (self._taps.size - factor) // 2
        self._gate = np.zeros(0, np.int16)
        self._rest = np.zeros((channels - 1, 0), np.float32)
        self._begun = False

    def push(self, codes: Codes) -> Codes:
        """Take the next block, int16 (channels, samples); give what is complete."""
        if self._factor == 1:
            return codes
        if not self._begun and codes.shape[1]:
            self._begun = True
            self._rest = np.repeat(codes[1:, :1].astype(np.float32), self._lead, axis=1)
        self._gate = np.concatenate([self._gate, codes[0]])
        self._rest = np.concatenate([self._rest, codes[1:].astype(np.float32)], axis=1)
        return self._take((self._rest.shape[1] - self._taps.size) // self._factor + 1)

    def flush(self) -> Codes:
        """Give the rest, for which the last sample is repeated."""
        count = -(-self._gate.size // self._factor)
        if self._factor == 1 or count == 0:
            return np.zeros((self._rest.shape[0] + 1, 0), np.int16)
        short = (count - 1) * self._factor + self._taps.size - self._rest.shape[1]
        if short > 0:
            self._rest = np.pad(self._rest, ((0, 0), (0, short)), mode="edge")
        self._gate = np.pad(self._gate, (0, count * self._factor - self._gate.size), mode="edge")
        return self._take(count)

    def _take(self, count: int) -> Codes:
        if count <= 0:
            return np.zeros((self._rest.shape[0] + 1, 0), np.int16)
        used = count * self._factor
        out = np.empty((self._rest.shape[0] + 1, count), np.int16)
        out[0] = self._gate[:used].reshape(count, self._factor).max(axis=1)
        windows = np.lib.stride_tricks.sliding_window_view(self._rest, self._taps.size, axis=1)
        smooth = windows[:, : used : self._factor] @ self._taps
        out[1:] = np.clip(np.rint(smooth), -32768, 32767)
        self._gate, self._rest = self._gate[used:], self._rest[:, used:]
        return out


def _low_pass(factor: int) -> npt.NDArray[np.float32]:
    """Taps of the low-pass, as many as centre it on `factor` samples; their sum is 1."""
    if factor == 1:
        return np.ones(1, np.float32)
    low, high = (edge / factor for edge in EDGE)
    count, beta = kaiserord(ATTENUATION_DB, high - low)
    count += (count - factor) % 2
    return np.asarray(firwin(count, (low + high) / 2, window=("kaiser", beta)), np.float32)
