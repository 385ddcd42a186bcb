"""A build as files for other programs: everything that was recorded, named by layer, and what is missing said."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

from monitor.domain import Frame, Signal, StoreError
from monitor.store import BuildReader
from monitor.store.exporting import ExportOrder, export_build
from tests.acquire.tiny import acquired, tiny_settings
from tests.cli.in_process import invoke


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> BuildReader:
    """A virtual build of three layers with a colour and a 12-bit grey camera, of which some frames are dropped."""
    found = acquired(tiny_settings(tmp_path_factory.mktemp("export"), layers=3, fault_rate=0.6))
    assert 0 < sum(len(found.record(index).gaps) for index in found.layers()) < 6
    return found


def table(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((out / "layers.csv").read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize("form", ["tiff", "png"])
def test_frames_keep_every_bit(reader: BuildReader, tmp_path: Path, form: str) -> None:
    """Pixels of both cameras come back exactly; a layer without a frame has its reason in the table."""
    export_build(reader, tmp_path / "out", ExportOrder(frames=form, signals="none"))  # type: ignore[arg-type]
    for row in table(tmp_path / "out"):
        for camera in reader.facts:
            capture = reader.capture(int(row["layer"]), camera.name)
            if isinstance(capture, Frame):
                found = cv2.imread(str(tmp_path / "out" / row[camera.name]), cv2.IMREAD_UNCHANGED)
                assert found is not None
                np.testing.assert_array_equal(found if found.ndim == 2 else found[..., ::-1], capture.image)
                assert float(row[f"{camera.name}_time_s"]) == capture.time_s
            else:
                assert (row[camera.name], row[f"{camera.name}_missing"]) == ("", capture.reason)


def test_signals_come_back_from_parquet(reader: BuildReader, tmp_path: Path) -> None:
    """Codes to the last bit, times on the frames' clock, and the scale of each channel beside it."""
    export_build(reader, tmp_path / "out", ExportOrder(frames="none"))
    signal = reader.signal(1)
    assert isinstance(signal, Signal)
    found = pq.read_table(tmp_path / "out" / "signals" / "layer_000001.parquet")
    for channel, codes in zip(signal.channels, signal.codes, strict=True):
        np.testing.assert_array_equal(found[channel.name].to_numpy(), codes)
        facts = found.schema.field(channel.name).metadata
        assert float(facts[b"volts_per_code"]) == channel.volts_per_code
        assert facts[b"unit"].decode() == channel.unit
    np.testing.assert_allclose(found["time_s"].to_numpy(), signal.times(), atol=1e-9)


def test_signals_come_back_from_hdf5(reader: BuildReader, tmp_path: Path) -> None:
    """The same as one data set of codes and one of times."""
    export_build(reader, tmp_path / "out", ExportOrder(frames="none", signals="hdf5"))
    signal = reader.signal(2)
    assert isinstance(signal, Signal)
    with h5py.File(tmp_path / "out" / "signals" / "layer_000002.h5") as file:
        np.testing.assert_array_equal(file["codes"][:].T, signal.codes)
        np.testing.assert_allclose(file["time_s"][:], signal.times(), atol=1e-9)
        assert [c["name"] for c in json.loads(file["codes"].attrs["channels"])] == [c.name for c in signal.channels]


def test_an_export_goes_on_and_never_overwrites(reader: BuildReader, tmp_path: Path) -> None:
    """What is there stays as it is; what is missing is made; another export or a full folder is refused."""
    out = tmp_path / "out"
    export_build(reader, out, ExportOrder(stop=1))
    first = next((out / "frames").rglob("layer_000000.tif"), out / "signals" / "layer_000000.parquet")
    first.write_bytes(b"mine")
    export_build(reader, out, ExportOrder())
    assert first.read_bytes() == b"mine"
    assert [row["layer"] for row in table(out)] == ["0", "1", "2"]
    with pytest.raises(StoreError, match="another export"):
        export_build(reader, out, ExportOrder(frames="png"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(StoreError, match="not empty"):
        export_build(reader, tmp_path / "full", ExportOrder())


def test_the_command(reader: BuildReader, tmp_path: Path) -> None:
    """As a technician types it; a wrong format or span is told with its cure."""
    config = tmp_path / "monitor.toml"
    root = reader.manifest.config["store"]["root"]
    config.write_text(f'[store]\nroot = "{root}"\n', encoding="utf-8")
    words = ["builds", "export", reader.manifest.id, "--config", str(config), "--out", str(tmp_path / "out")]
    done = invoke(*words, "--layers", "1:")
    assert done.exit_code == 0, done.output
    assert [row["layer"] for row in table(tmp_path / "out")] == ["1", "2"]
    assert "choose one of" in invoke(*words, "--frames", "gif").words
    assert "write A:B" in invoke(*words, "--layers", "three").words
