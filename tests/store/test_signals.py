"""A layer's signal and laser-on map: committed with the layer, read again to the last bit, checked like the frames."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
import zarr

from monitor.domain import (
    Channel,
    ChannelRole,
    Codes,
    LaserMap,
    Signal,
    SignalGap,
    StoreCorrupt,
    StoreFull,
)
from monitor.store import BuildReader, BuildWriter, LayerSignal, SignalRecord, SignalSpool, SpooledLayer, spool, verify
from monitor.store.records import _seal
from tests.store.small import GRID, layer, make_build, manifest

CHANNELS = (
    Channel("laser", ChannelRole.GATE),
    Channel("galvo-x", ChannelRole.X, "cDAQ1Mod1/ai1", "mm", 7.0, -0.5),
    Channel("galvo-y", ChannelRole.Y, "cDAQ1Mod1/ai2", "mm", -7.0, 0.5),
)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 1000 samples of three channels."""
    monkeypatch.setattr(spool, "CHUNK_BYTES", 6000)


def codes_of(index: int, samples: int = 3500) -> Codes:
    return np.random.default_rng(index).integers(-32768, 32768, (3, samples)).astype(np.int16)


def record_of(spooled: SpooledLayer, time_s: float) -> SignalRecord:
    none = (0, 0, 0)
    end = time_s + spooled.samples / 1e5
    digests = tuple(spooled.digests)
    return SignalRecord(CHANNELS, spooled.samples, 1e5, time_s, end, spooled.chunk, digests, none, none, 0.0)


def signal_of(spool: SignalSpool, index: int, samples: int = 3500) -> LayerSignal:
    """A layer's signal as acquisition hands it over, appended in uneven pieces."""
    spooled = spool.begin(3)
    for piece in np.array_split(codes_of(index, samples), 7, axis=1):
        spooled.append(piece)
    spooled.finish()
    exposure = np.zeros(GRID.shape, np.float32)
    exposure[20:60, 10:50] = 140.0 + index
    return LayerSignal(record_of(spooled, 10.0 * index), spooled.path, "", LaserMap(exposure, 2.5, 0.0), "")


def make(root: Path, layers: int = 3, samples: int = 3500) -> BuildReader:
    with SignalSpool.open(root) as spool, BuildWriter.create(root, manifest()) as writer:
        for index in range(layers):
            writer.commit(layer(index), signal_of(spool, index, samples))
    return BuildReader.open(root, "b")


@pytest.mark.parametrize("samples", [1, 999, 1000, 3500])
def test_what_was_committed_is_read(tmp_path: Path, samples: int) -> None:
    """Codes, scales, times and map come back exactly, whole and in pieces."""
    reader = make(tmp_path, 2, samples)
    for index in range(2):
        found = reader.signal(index)
        assert isinstance(found, Signal)
        np.testing.assert_array_equal(found.codes, codes_of(index, samples))
        assert (found.channels, found.rate_hz, found.time_s) == (CHANNELS, 1e5, 10.0 * index)
        assert found.times()[-1] == pytest.approx(found.end_s - 1e-5)
        pieces = list(reader.signal_pieces(index))
        np.testing.assert_array_equal(np.concatenate([p.codes for p in pieces], axis=1), found.codes)
        assert [p.samples for p in pieces] == [1000] * (samples // 1000) + [samples % 1000] * (samples % 1000 > 0)
        exposed = reader.laser_map(index)
        assert exposed is not None
        assert (exposed.exposure_us[20, 10], exposed.exposure_us[0, 0], exposed.outside_us) == (140.0 + index, 0.0, 2.5)


def test_a_part_is_read_without_the_rest(tmp_path: Path) -> None:
    """Any span of samples, over the borders of chunks, with the time of its first sample."""
    reader = make(tmp_path, 1)
    for start, stop in ((0, 10), (995, 2005), (3400, 9999), (1000, 2000), (5, 5)):
        found = reader.signal(0, start, stop)
        assert isinstance(found, Signal)
        np.testing.assert_array_equal(found.codes, codes_of(0)[:, start:stop])
        assert found.time_s == pytest.approx(start / 1e5)


def test_volts_and_millimetres(tmp_path: Path) -> None:
    """The record alone says what a code is in volts and in the channel's own unit."""
    found = make(tmp_path, 1).signal(0)
    assert isinstance(found, Signal)
    np.testing.assert_allclose(found.volts()[1], codes_of(0)[1] * (20 / 65536))
    np.testing.assert_allclose(found.quantity("galvo-x"), 7.0 * found.volts()[1] - 0.5)
    with pytest.raises(KeyError, match="galvo-z"):
        found.quantity("galvo-z")


def test_any_zarr_reader_opens_it(tmp_path: Path) -> None:
    """A layer's signal is a plain Zarr array with its scales beside it."""
    make(tmp_path, 1)
    array = zarr.open_array(tmp_path / "b" / "signals" / "000000", mode="r")
    np.testing.assert_array_equal(array[:], codes_of(0))
    assert array.attrs["channels"][1]["unit"] == "mm"  # type: ignore[index, call-overload]
    assert array.attrs["rate_hz"] == 1e5


def test_a_layer_without_a_signal_says_why(tmp_path: Path) -> None:
    """A gap keeps its reason; a build of a version that kept none says so too."""
    with BuildWriter.create(tmp_path, manifest()) as writer:
        writer.commit(layer(0), LayerSignal(gap="samples were lost within the layer", laser_map_gap="no mirrors"))
        writer.commit(layer(1))
    reader = BuildReader.open(tmp_path, "b")
    assert reader.signal(0) == SignalGap("samples were lost within the layer")
    assert reader.record(0).laser_map_gap == "no mirrors"
    assert reader.signal(1) == SignalGap("no trigger signal was recorded")
    assert reader.laser_map(1) is None
    assert list(reader.signal_pieces(1)) == []


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


def test_verify_finds_a_flipped_bit(tmp_path: Path) -> None:
    """Each flipped bit of a signal or a map is a problem that names its layer; the others are counted as whole."""
    reader = make(tmp_path, 3)
    assert verify(tmp_path, "b").problems == ()
    assert verify(tmp_path, "b").signals == 3
    shard = tmp_path / "b" / "signals" / "000001" / "c.0.0"
    flip(shard, shard.stat().st_size // 2)
    (broken,) = verify(tmp_path, "b").problems
    assert "the signal of layer 1 of build b" in broken
    assert verify(tmp_path, "b").signals == 2
    with pytest.raises(StoreCorrupt):
        reader.signal(1)
    flip(tmp_path / "b" / "laser" / "exposure" / "c.2.0.0", 40)
    assert any("laser-on map of layer 2" in problem for problem in verify(tmp_path, "b").problems)


def test_a_swapped_signal_is_not_believed(tmp_path: Path) -> None:
    """A whole shard of another layer does not match the digests."""
    make(tmp_path, 2)
    signals = tmp_path / "b" / "signals"
    (signals / "000000" / "c.0.0").write_bytes((signals / "000001" / "c.0.0").read_bytes())
    with pytest.raises(StoreCorrupt, match="samples 0 to 999"):
        BuildReader.open(tmp_path, "b").signal(0)


def test_a_full_disk_costs_nothing_that_comes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that found no space for its record is tried again with the same signal, and holds it."""
    with SignalSpool.open(tmp_path) as spool, BuildWriter.create(tmp_path, manifest()) as writer:
        signal = signal_of(spool, 0)
        with monkeypatch.context() as full:
            full.setattr("monitor.store.writer.sync_folder", _no_space)
            with pytest.raises(StoreFull):
                writer.commit(layer(0), signal)
        writer.commit(layer(0), signal)
    found = BuildReader.open(tmp_path, "b").signal(0)
    assert isinstance(found, Signal)
    np.testing.assert_array_equal(found.codes, codes_of(0))


def _no_space(_: Path) -> None:
    raise OSError(28, "No space left on device")


def test_a_long_layer_does_not_fill_the_memory(tmp_path: Path) -> None:
    """However long a layer lasts, one chunk is held; the file grows meanwhile."""
    with SignalSpool.open(tmp_path) as spool:
        spooled = spool.begin(3)
        sizes = []
        for _ in range(20):
            spooled.append(codes_of(0, 1000))
            sizes.append(spooled.path.stat().st_size)
        assert (np.diff(sizes) > 0).all()
        assert spooled._held.nbytes == 6000
        spooled.discard()
        assert not spooled.path.exists()


def test_what_a_crash_left_is_removed(tmp_path: Path) -> None:
    """The next start removes the folders of dead processes, and never those of living ones."""
    living = SignalSpool.open(tmp_path)
    kept = living.begin(3)
    dead = tmp_path / "status" / "signals" / "spool-dead"
    dead.mkdir()
    (dead / "000001.shard").write_bytes(b"half")
    for folder in (dead, kept.path.parent):
        os.utime(folder, (time.time() - 3600,) * 2)
    SignalSpool.open(tmp_path).close()
    assert not dead.exists()
    assert kept.path.exists()
    kept.discard()
    living.close()
    assert list((tmp_path / "status" / "signals").iterdir()) == []


def test_builds_of_before_are_read(tmp_path: Path) -> None:
    """A record of format 1, which has no word on signals, is still a record, and says why there is no signal."""
    make_build(tmp_path, 1)
    path = tmp_path / "b" / "commits" / "000000.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    for key in ("seal", "signal", "signal_gap", "laser_map", "laser_map_gap"):
        del data[key]
    data["format"] = 1
    path.write_text(json.dumps(data | {"seal": _seal(data)}), encoding="utf-8")
    assert BuildReader.open(tmp_path, "b").signal(0) == SignalGap("recorded by a version that kept no signal")
    assert verify(tmp_path, "b").problems == ()
