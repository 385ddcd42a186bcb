"""The laser-on map: every microsecond is somewhere, in the pixel where the mirrors pointed."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import DetectorSettings
from monitor.devices.simulated import VirtualPrinter
from monitor.domain import (
    IDENTITY,
    Affine,
    Channel,
    ChannelRole,
    Codes,
    JumpingClock,
    LaserMap,
    LayerEnd,
    PlateGrid,
    Signal,
    SignalFacts,
)
from monitor.trigger import LaserOffDetector
from monitor.trigger.codes import Coder
from monitor.trigger.laser_map import LaserMapper, commanded_area, laser_map
from tests.devices.simulated.small import small_settings

GRID = PlateGrid((-4.95, -4.95), 100.0, (100, 100))
RATE_HZ = 100_000.0
GATE = Channel("laser", ChannelRole.GATE)
MIRRORS = (
    Channel("galvo-x", ChannelRole.X, unit="mm", scale=0.5),
    Channel("galvo-y", ChannelRole.Y, unit="mm", scale=0.5),
)
CHANNELS = (GATE, *MIRRORS)
DETECTOR = DetectorSettings()
Path2 = npt.NDArray[np.float64]


def signal(on: npt.NDArray[np.bool_], xy_mm: Path2, to_plate: Affine = IDENTITY) -> Signal:
    """The codes of a laser state and a place per sample, (samples,) and (2, samples)."""
    codes = Coder(CHANNELS).code(np.stack([5.0 * on, *(xy_mm / 0.5)])).codes
    return Signal(CHANNELS, codes, RATE_HZ, 0.0, on.size / RATE_HZ, 1, to_plate)


def mapped(codes: Codes, cuts: list[int], grid: PlateGrid = GRID) -> LaserMap:
    mapper = LaserMapper(SignalFacts(CHANNELS), grid, DETECTOR, RATE_HZ)
    for piece in np.split(codes, sorted(cuts), axis=1):
        mapper.add(piece)
    return mapper.finish()


@st.composite
def wanderings(draw: st.DrawFn) -> tuple[npt.NDArray[np.bool_], Path2]:
    """A laser that goes on and off at random while the mirrors jump about, sometimes off the plate."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    samples = draw(st.integers(1, 120))
    return rng.random(samples) < 0.7, rng.uniform(-6, 6, (2, samples))


@given(wanderings())
def test_no_time_is_lost(way: tuple[npt.NDArray[np.bool_], Path2]) -> None:
    """On the plate, beside it and unknown together are the laser's on-time, whatever the vectors."""
    on, xy = way
    found = mapped(signal(on, xy).codes, [])
    total = found.exposure_us.sum(dtype=np.float64) + found.outside_us + found.unknown_us
    assert total == pytest.approx(1e6 * on.sum() / RATE_HZ, rel=1e-5)


@given(wanderings(), st.lists(st.integers(0, 120), max_size=6))
def test_blocks_do_not_matter(way: tuple[npt.NDArray[np.bool_], Path2], cuts: list[int]) -> None:
    """However the signal is cut, the map is the same to the last bit."""
    codes = signal(*way).codes
    whole, parts = mapped(codes, []), mapped(codes, cuts)
    np.testing.assert_array_equal(parts.exposure_us, whole.exposure_us)
    assert (parts.outside_us, parts.unknown_us) == (whole.outside_us, whole.unknown_us)


def test_a_fast_vector_lights_every_pixel_that_it_crosses() -> None:
    """Eight millimetres between two samples are spread evenly over eighty pixels."""
    on = np.array([True, False])
    found = mapped(signal(on, np.array([[-3.95, 4.05], [0.05, 0.05]])).codes, [])
    row = found.exposure_us[50]
    crossed = np.flatnonzero(row)
    assert (crossed[0], crossed[-1], crossed.size) == (10, 90, 81)
    assert row.sum() == pytest.approx(10.0)
    assert row[crossed[1:-1]].max() < 1.6 * row[crossed[1:-1]].min()


def test_the_field_may_be_turned() -> None:
    """The affine map to the plate is applied to the mirrors' millimetres."""
    xy = np.tile(np.array([[2.0], [1.0]]), 50)
    found = laser_map([signal(np.ones(50, np.bool_), xy, (0, -1, 0.5, 1, 0, 0))], GRID, DETECTOR)
    assert found is not None
    row, column = np.unravel_index(int(found.exposure_us.argmax()), GRID.shape)
    assert (round(column * 0.1 - 4.95, 2), round(row * 0.1 - 4.95, 2)) == pytest.approx((-0.5, 2.0), abs=0.051)


def test_a_saturated_mirror_tells_no_place() -> None:
    """Laser-on time at the converter's limit, or not a number, is counted as unknown and drawn nowhere."""
    volts = np.stack([np.full(10, 5.0), np.zeros(10), np.zeros(10)])
    volts[1, 2:4], volts[2, 7] = 10.5, np.nan
    coded = Coder(CHANNELS).code(volts)
    mapper = LaserMapper(SignalFacts(CHANNELS), GRID, DETECTOR, RATE_HZ)
    mapper.add(coded.codes, coded.bad)
    found = mapper.finish()
    assert found.unknown_us == pytest.approx(10.0 * 5)  # a way with an unknown end is unknown
    assert found.exposure_us.sum() == pytest.approx(10.0 * 5)


def test_mirrors_in_volts_give_no_map() -> None:
    """Without a scale in mm nobody knows where the spot was."""
    channels = (GATE, Channel("galvo-x", ChannelRole.X), Channel("galvo-y", ChannelRole.Y))
    assert laser_map([Signal(channels, np.zeros((3, 5), np.int16), RATE_HZ, 0, 1)], GRID, DETECTOR) is None
    assert laser_map([], GRID, DETECTOR) is None


def test_the_commanded_area_is_as_wide_as_the_spot() -> None:
    """Every pixel within half the width of a lit one, and no other; too short a time does not count."""
    exposure = np.zeros(GRID.shape, np.float32)
    exposure[50, 20:80] = 40.0
    exposure[10, 10] = 10.0
    found = commanded_area(LaserMap(exposure, 0, 0), GRID, 0.6, least_us=20.0)
    assert np.flatnonzero(found.any(axis=1)).tolist() == list(range(47, 54))
    assert np.flatnonzero(found.any(axis=0))[[0, -1]].tolist() == [17, 82]
    assert not commanded_area(LaserMap(exposure * 0, 0, 0), GRID, 0.6).any()


def virtual_layer() -> tuple[VirtualPrinter, LaserMap, LayerEnd]:
    """The first layer of a small virtual build, through the virtual card at 100 kS/s."""
    settings = small_settings(layers=1)
    settings = settings.model_copy(update={"trigger": settings.trigger.model_copy(update={"rate_hz": RATE_HZ})})
    printer = VirtualPrinter(settings, JumpingClock())
    trigger = printer.trigger
    trigger.open()
    coder = Coder(trigger.facts.channels)
    mapper = LaserMapper(trigger.facts, settings.plate.grid(), settings.trigger.detector, RATE_HZ)
    detector = LaserOffDetector(settings.trigger.detector, RATE_HZ)
    ends: list[LayerEnd] = []
    while (block := trigger.read(10.0)) is not None:
        ends += detector.feed(block)
        mapper.add(coder.code(block.volts).codes)
    return printer, mapper.finish(), ends[0]


def test_a_virtual_layer_is_drawn_where_it_melts() -> None:
    """The commanded area of a virtual layer is its true mask, IoU 0.9 at least, and all its on-time is in the map."""
    printer, found, end = virtual_layer()
    assert found.exposure_us.sum(dtype=np.float64) + found.outside_us == pytest.approx(1e6 * end.on_time_s, rel=1e-6)
    truth = printer.truth(0)
    area = commanded_area(found, printer.spec.grid, 0.12)
    assert (area & truth).sum() / (area | truth).sum() >= 0.9


def sampled(vectors: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.bool_], Path2, float]:
    """Samples of scan vectors (mode, x, y, z, power, speed or dwell) at RATE_HZ, and the true laser-on time in s."""
    place, states, places, on_s = np.zeros(2), [], [], 0.0
    for mode, x, y, _, _, value in vectors:
        target = 1e3 * np.array([x, y])
        seconds = np.hypot(*(target - place)) / (1e3 * value) if mode == 0 else max(value, 2e-4)
        count = math.ceil(seconds * RATE_HZ)
        on_s += seconds if mode == 0 else 0.0
        places.append(place + (target - place) * (np.arange(count) / (seconds * RATE_HZ))[:, None])
        states.append(np.full(count, mode == 0))
        place = target
    states.append(np.zeros(5, np.bool_))
    places.append(np.tile(place, (5, 1)))
    return np.concatenate(states), np.concatenate(places).T, on_s


def near_vectors(vectors: npt.NDArray[np.float64], grid: PlateGrid, reach_mm: float) -> npt.NDArray[np.bool_]:
    """Pixels whose centre is within `reach_mm` of a vector with the laser on, straight from the vectors."""
    rows, columns = np.indices(grid.shape)
    at = np.stack([columns, rows], axis=-1) * grid.mm_per_px + grid.origin_mm
    near = np.zeros(grid.shape, np.bool_)
    for before, vector in itertools.pairwise(vectors):
        if vector[0] == 0:
            start, way = 1e3 * before[1:3], 1e3 * (vector[1:3] - before[1:3])
            along = np.clip((at - start) @ way / (way @ way), 0, 1)
            near |= np.linalg.norm(at - start - along[..., None] * way, axis=-1) <= reach_mm
    return near


@pytest.mark.parametrize("layer", [0, 7])
def test_scan_vectors_of_a_machine(shared_data: Path, layer: int) -> None:
    """Generated hatches at 1.7 m/s: the time is kept, and the area is what lies within half a spot of a vector."""
    path = shared_data / "scan-path" / "rve_layers" / f"ULI_rve_layer_{layer}.txt"
    vectors = np.loadtxt(path, skiprows=1)
    on, xy, on_s = sampled(vectors)
    grid = PlateGrid((-0.99, -0.99), 20.0, (110, 110))
    found = mapped(signal(on, xy).codes, [1000], grid)
    total = found.exposure_us.sum(dtype=np.float64) + found.outside_us
    assert total == pytest.approx(1e6 * on_s, rel=0.03)  # each vector is rounded up to whole samples
    area, truth = commanded_area(found, grid, 0.16), near_vectors(vectors, grid, 0.08)
    assert (area & truth).sum() / (area | truth).sum() > 0.95
