"""The short form of the campaigns that `lpbf-monitor bench faults` runs at length."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.bench import synthetic, victim
from monitor.bench.faults import Counts, cut_campaign, kill_campaign
from monitor.bench.loopdisk import loop_disk
from monitor.bench.victim import CAMERAS, Acknowledged
from monitor.domain import StoreError
from monitor.store import BuildWriter

KILLS, CUTS = 12, 8


def test_a_writer_that_is_killed_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    """Twelve lives end with `kill -9` while another process reads: nothing lost, nothing torn, each start goes on."""
    counts = kill_campaign(tmp_path, KILLS, seed=1)
    assert counts.faults == []
    assert counts.strikes == KILLS
    assert counts.acknowledged > KILLS
    assert counts.reads > counts.acknowledged


def test_a_disk_whose_power_is_cut_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    """Eight cuts of a real ext4 file system in the middle of commits; after the journal's replay all is there."""
    try:
        counts = cut_campaign(tmp_path, CUTS, seed=2)
    except StoreError as error:
        pytest.skip(f"no loop device can be mounted here: {error.what}")
    assert counts.faults == []
    assert counts.strikes == CUTS
    assert counts.acknowledged > CUTS


def test_the_cut_really_loses_what_was_not_fsynced(tmp_path: Path) -> None:
    """The disk is no better than a real one: a file that was written and not fsynced is gone or empty after a cut."""
    try:
        with loop_disk(tmp_path) as disk:
            (disk.root / "careless").write_bytes(b"x" * 5000)
            disk.cut()
            with pytest.raises(OSError, match="Input/output error"):
                (disk.root / "late").write_bytes(b"x")
            disk.unmount()
            disk.mount()
            left = disk.root / "careless"
            assert not left.exists() or left.read_bytes() != b"x" * 5000
    except StoreError as error:
        pytest.skip(f"no loop device can be mounted here: {error.what}")


def test_the_campaign_sees_a_lost_and_a_torn_layer(tmp_path: Path) -> None:
    """What must never happen is counted when it does: a record that is gone, a frame that is another's."""
    build = victim.name_of(0)
    with BuildWriter.create(tmp_path, synthetic.manifest(build, CAMERAS)) as writer:
        for index in range(3):
            writer.set_reference(index, synthetic.mask(index))
            writer.commit(synthetic.layer(index, CAMERAS))
    said = [Acknowledged(build, "layer", index) for index in range(3)]
    good = Counts()
    good.check(tmp_path, said, set())
    assert (good.faults, good.acknowledged, good.reads) == ([], 3, 3)
    raw = tmp_path / build / "raw/basler"
    (raw / "c.0.0.0").write_bytes((raw / "c.1.0.0").read_bytes())
    (tmp_path / build / "commits/000002.json").unlink()
    bad = Counts()
    bad.check(tmp_path, said, set())
    assert len(bad.lost) == 1
    assert len(bad.torn) == 1
    assert "the frame of 'basler' in layer 0" in bad.torn[0]
