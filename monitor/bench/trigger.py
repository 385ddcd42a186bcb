"""Whether each layer end is found, once, over machines and faults; and what that costs. Asserts nothing.

Gates are generated as volts at 1 kS/s, where a spike is one sample and the shortest pulse two, and go through the very
detector that acquisition uses; all else of it is at its defaults. A part is generated again at 100 kS/s, at the
defaults altogether, to see that both rates give the same layers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from monitor.bench.signals import channel, hatch
from monitor.config import DetectorSettings
from monitor.domain import LayerEnd, SampleBlock, SignalFacts
from monitor.trigger import LaserOffDetector

RATE_HZ, FULL_RATE_HZ = 1000, 100_000
SCALED = DetectorSettings(min_pulse_us=2e6 / RATE_HZ, min_on_ms=1e4 / RATE_HZ)
"""The defaults at this rate: the shortest pulse is of as many samples. A layer is of five such pulses at least, at the
full rate of fifty: so a spike is no layer, and a short rest of one still is."""
BUILD = 100
"""Layers of each build."""
AMBIGUOUS_EVERY = 20
"""Layers from one ambiguous fault to the next."""
VECTOR, JUMP = 100, 3
"""Samples from one pause between vectors to the next, and of the pause."""
TOLERANCE = 2
LEAD_S, TAIL_S = 1.0, 7.0

Volts = npt.NDArray[np.float64]
Counted = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Machine:
    """How a machine's layers go: bursts of the laser (parts, islands) with pauses, then the recoat; (least, most)."""

    name: str
    bursts: tuple[int, int]
    burst_s: tuple[float, float]
    pause_s: tuple[float, float]
    recoat_s: tuple[float, float]
    grows: float = 1.0
    """How much longer bursts are in the last layer than in the first."""


MACHINES = (
    Machine("continuous", (1, 1), (4.0, 6.0), (0.0, 0.0), (8.0, 10.0)),
    Machine("islands", (20, 30), (0.1, 0.4), (0.02, 0.3), (8.0, 10.0)),
    Machine("many parts", (6, 12), (0.3, 1.2), (0.2, 2.0), (8.0, 12.0)),
    Machine("short layers", (2, 3), (0.1, 0.15), (0.02, 0.2), (8.0, 9.0)),
    Machine("quick recoat", (3, 6), (0.5, 1.0), (0.05, 0.5), (3.4, 4.2)),
    Machine("long recoat", (3, 6), (0.5, 1.0), (0.1, 1.5), (12.0, 40.0)),
    Machine("changing layers", (4, 8), (0.1, 0.3), (0.1, 1.0), (8.0, 10.0), grows=8.0),
)
FAULTS = ("none", "noise", "hum", "drift", "far drift", "spikes", "stuck on", "stop", "restart", "all of them")
AMBIGUOUS = ("pause in a layer", "stuck over a recoat")


@dataclass(slots=True)
class Tally:
    """Layers of one kind: how many, missed, found where there is none, noted as unsure; faults, and those told."""

    layers: int = 0
    missed: int = 0
    false: int = 0
    unsure: int = 0
    faults: int = 0
    told: int = 0


@dataclass(slots=True)
class Gate:
    """A generated build: volts, each layer's end, the samples of its restarts, the layers of its ambiguous faults."""

    volts: Volts
    ends: Counted
    restarts: list[int] = field(default_factory=list)
    marked: list[int] = field(default_factory=list)


def campaign(
    layers: int, *, seed: int = 0, progress: Callable[[int], None] = lambda done: None
) -> dict[tuple[str, str], Tally]:
    """Generate about so many layers in all, ambiguous faults apart, and count what the detector finds.

    Returns:
        A tally by (machine, fault), clear faults and ambiguous ones; these are given a tenth of the layers, on top.
    """
    found: dict[tuple[str, str], Tally] = {}
    each = -(-layers // (len(MACHINES) * len(FAULTS)))
    done = 0
    for row, machine in enumerate(MACHINES):
        for column, fault in enumerate((*FAULTS, *AMBIGUOUS)):
            tally = found[machine.name, fault] = Tally()
            wanted = each if fault in FAULTS else max(2 * AMBIGUOUS_EVERY, each // 2)
            rng = np.random.default_rng((seed, row, column))
            while tally.layers < wanted:
                gate = generate(machine, fault, min(BUILD, wanted - tally.layers), rng)
                judge(gate, detect(gate, SCALED, RATE_HZ), tally)
            done += tally.layers
            progress(done)
    return found


def generate(machine: Machine, fault: str, layers: int, rng: np.random.Generator) -> Gate:
    """One build of a machine with a fault, at `RATE_HZ`."""
    on, ends, marked = [np.zeros(int(LEAD_S * RATE_HZ), np.bool_)], [], []
    at, middles = on[0].size, []
    for number in range(layers):
        odd = fault in AMBIGUOUS and number % AMBIGUOUS_EVERY == AMBIGUOUS_EVERY // 2
        lit = _layer(machine, number / max(1, layers - 1), rng)
        if fault in ("stuck on", "all of them") and number % 7 == 3:
            lit[lit.size // 4 : lit.size // 2] = True
        if odd and fault == "pause in a layer":
            half = int(lit.size * rng.uniform(0.3, 0.7))
            lit = np.concatenate([lit[:half], np.zeros(_drawn((7.0, 20.0), rng), np.bool_), lit[half:]])
        stop = fault in ("stop", "all of them") and number % 25 == 12
        quiet = np.zeros(_drawn((30.0, 120.0) if stop else machine.recoat_s, rng), np.bool_)
        if odd and fault == "stuck over a recoat":
            quiet[:] = True
        if odd:
            marked.append(number)
        middles.append(at + lit.size // 2)
        ends.append(at + lit.size)
        on += [lit, quiet]
        at += lit.size + quiet.size
    on.append(np.zeros(int(TAIL_S * RATE_HZ), np.bool_))
    restarts = middles[17::40] if fault in ("restart", "all of them") else []
    return Gate(_volts(np.concatenate(on), fault, rng), np.array(ends), restarts, marked)


def _drawn(bounds_s: tuple[float, float], rng: np.random.Generator) -> int:
    return round(rng.uniform(*bounds_s) * RATE_HZ)


def _layer(machine: Machine, progress: float, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    count = int(rng.integers(machine.bursts[0], machine.bursts[1] + 1))
    grown = 1 + (machine.grows - 1) * progress
    lengths = np.empty(2 * count - 1, np.int64)
    lengths[::2] = np.maximum(10, rng.uniform(*machine.burst_s, count) * grown * RATE_HZ)
    lengths[1::2] = rng.uniform(*machine.pause_s, count - 1) * RATE_HZ
    lit = np.repeat(np.arange(lengths.size) % 2 == 0, lengths)
    lit[:-10] &= np.arange(lit.size - 10) % VECTOR >= JUMP
    return lit


def _volts(on: npt.NDArray[np.bool_], fault: str, rng: np.random.Generator) -> Volts:
    """The gate in V: noise of 0.06 V always, 0.25 V where it is the fault; 0.5 V of hum; ±0.8 V of drift; spikes.

    Far drift is of ±2 V, there and back twice in a build: no fixed thresholds between 0 V and 5 V survive it.
    """
    everything = fault == "all of them"
    sigma = 0.25 if fault == "noise" else 0.06
    volts = rng.standard_normal(on.size, np.float32).astype(np.float64) * sigma
    volts[on] += 5.0
    if everything or fault == "hum":
        volts += 0.5 * np.sin(np.arange(on.size) * (2 * np.pi * 50.3 / RATE_HZ))
    if everything or fault == "drift":
        volts += np.linspace(-0.8, 0.8, on.size)
    if fault == "far drift":
        volts += 2.0 * np.sin(np.linspace(0.0, 4 * np.pi, on.size))
    if everything or fault == "spikes":
        at = np.arange(3, on.size - 3, 97) + rng.integers(0, 3)
        volts[at] = np.where(on[at], 0.0, 6.0)
    return volts


def detect(gate: Gate, settings: DetectorSettings, rate_hz: int) -> list[LayerEnd]:
    """The layer ends of a generated gate; after a restart the detector knows the layers that were stored."""
    detector, ends = LaserOffDetector(settings, rate_hz), list[LayerEnd]()
    for start, stop in _spans(gate):
        if start in gate.restarts:
            detector = LaserOffDetector(settings, rate_hz)
            detector.learn(ends)
        ends += detector.feed(SampleBlock(gate.volts[None, start:stop], rate_hz, start, start / rate_hz))
    return ends


def _spans(gate: Gate) -> Iterator[tuple[int, int]]:
    step = max(1, gate.volts.size // 50)
    cuts = sorted({0, gate.volts.size, *range(0, gate.volts.size, step), *gate.restarts})
    yield from pairwise(cuts)


def judge(gate: Gate, found: list[LayerEnd], tally: Tally) -> None:
    """Add one build to a tally. A fault is told where a layer that it touches is unsure."""
    at = np.array([end.off_sample for end in found], np.int64)
    apart = np.abs(gate.ends[:, None] - at[None, :])
    tally.layers += gate.ends.size
    tally.missed += int(np.count_nonzero(~(apart <= TOLERANCE).any(axis=1)))
    tally.false += int(np.count_nonzero(~(apart <= TOLERANCE).any(axis=0)))
    doubtful = np.array([end.off_sample for end in found if end.unsure], np.int64)
    tally.unsure += doubtful.size
    for number in gate.marked:
        before = gate.ends[number - 1] + TOLERANCE
        after = gate.ends[min(number + 1, gate.ends.size - 1)] + TOLERANCE
        tally.faults += 1
        tally.told += bool(((doubtful > before) & (doubtful <= after)).any())


def disagreements(layers: int = 10, *, seed: int = 1) -> tuple[int, int]:
    """Builds of each machine and fault at 1 kS/s and again at 100 kS/s, with the defaults altogether.

    Returns:
        Layer ends that were compared, and those that differ in place, gap or doubt.
    """
    compared = differing = 0
    factor = FULL_RATE_HZ // RATE_HZ
    for row, machine in enumerate(MACHINES):
        fault = FAULTS[row % len(FAULTS)]
        gate = generate(machine, fault, layers, np.random.default_rng((seed, row)))
        coarse = detect(gate, SCALED, RATE_HZ)
        fine = detect(_finer(gate, factor), DetectorSettings(), FULL_RATE_HZ)
        pairs = list(zip(coarse, fine, strict=False))
        compared += max(len(coarse), len(fine))
        differing += abs(len(coarse) - len(fine)) + sum(not _alike(a, b, factor) for a, b in pairs)
    return compared, differing


def _finer(gate: Gate, factor: int) -> Gate:
    """The same gate at a higher rate; a spike stays one sample."""
    volts = np.repeat(gate.volts, factor)
    on = gate.volts > (DetectorSettings().on_volts + DetectorSettings().off_volts) / 2
    single = np.flatnonzero((on[1:-1] != on[:-2]) & (on[1:-1] != on[2:])) + 1
    for place in single:
        volts[place * factor + 1 : (place + 1) * factor] = gate.volts[place - 1]
    return Gate(volts, gate.ends * factor, [place * factor for place in gate.restarts], gate.marked)


def _alike(coarse: LayerEnd, fine: LayerEnd, factor: int) -> bool:
    if coarse.gap is None or fine.gap is None:
        return False
    same_place = abs(coarse.off_sample * factor - fine.off_sample) <= TOLERANCE * factor
    return same_place and abs(coarse.gap.gap_s / fine.gap.gap_s - 1) < 0.05 and bool(coarse.unsure) == bool(fine.unsure)


def core_share(channels: int, rate_hz: float, seconds: float = 20.0) -> float:
    """Core time of the detector per second of signal, at a hatch with noise, in blocks of 0.1 s."""
    facts = SignalFacts(tuple(channel(row) for row in range(channels)))
    blocks = list(hatch(facts, rate_hz, 10, 0))
    detector, spent = LaserOffDetector(DetectorSettings(), rate_hz), 0.0
    count = round(seconds / (blocks[0].samples / rate_hz))
    for number in range(count):
        volts = blocks[number % len(blocks)].volts
        block = SampleBlock(volts, rate_hz, number * volts.shape[1], number * volts.shape[1] / rate_hz)
        begun = time.thread_time()
        detector.feed(block)
        spent += time.thread_time() - begun
    return spent / seconds
