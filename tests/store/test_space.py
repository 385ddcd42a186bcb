"""What builds take and will need, and what goes when room is needed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.config import Settings, StoreSettings
from monitor.domain import NotInStore, StoreError
from monitor.store import (
    BuildReader,
    BuildWriter,
    ProductReader,
    ProductWriter,
    build_space,
    forecast,
    list_builds,
    make_room,
    pin,
    pinned,
    removable,
    retention,
    thinned,
    unpin,
    verify,
)
from monitor.store.space import GUESS, Forecast, folder_bytes, forecast_for, learnt_bytes
from tests.store.small import BASLER, GRID, WEBCAM, layer, make_build, manifest, product

CAMERAS = (WEBCAM, BASLER)


def old_builds(root: Path, count: int = 4, layers: int = 2) -> list[str]:
    """Ended builds with products, oldest first."""
    names = [f"b{number}" for number in range(count)]
    for day, name in enumerate(names, start=1):
        made = replace(manifest(name), created=f"2026-01-{day:02d}T00:00:00+00:00")
        with BuildWriter.create(root, made) as writer, ProductWriter.open(root, name) as products:
            for index in range(layers):
                writer.commit(layer(index))
                products.commit(product(index))
            writer.end("done")
    return names


def settings(root: Path, **changes: object) -> StoreSettings:
    return StoreSettings.model_validate({"root": root, "keep_free_gb": 1e6, "keep_builds": 1, **changes})


def words(items: object) -> list[str]:
    return [f"{item.build}/{item.product_set}" for item in items]  # type: ignore[attr-defined]


def test_a_layers_size_is_learnt_from_the_layers_themselves(tmp_path: Path) -> None:
    """The forecast is what the layers really take, products included, within the disk's blocks."""
    (build,) = old_builds(tmp_path, 1, layers=12)
    said = forecast(tmp_path, CAMERAS, GRID, planned_layers=1000)
    assert said.learnt_from == build
    takes = folder_bytes(tmp_path / build)
    assert said.layer_bytes * 12 == pytest.approx(takes, rel=0.35)  # metadata and folders lie beside the layers
    assert said.needed_bytes == 1000 * said.layer_bytes
    parts = build_space(tmp_path, build)
    assert parts.raw_bytes + parts.product_bytes == takes
    assert parts.product_bytes > 0


def test_a_running_build_needs_room_for_its_layers_left(tmp_path: Path) -> None:
    """Learnt from the build itself once it has layers, from one like it before, from the cameras without one."""
    guess = forecast(tmp_path, CAMERAS, GRID, planned_layers=10)
    assert guess.learnt_from == ""
    assert guess.layer_bytes > GUESS * (24 * 32 * 3 + 2 * 30 * 40)
    assert "by a guess" in guess.words
    make_build(tmp_path, 3, "earlier")
    make_build(tmp_path, 0, "now")
    assert forecast(tmp_path, CAMERAS, GRID, build="now", planned_layers=10).learnt_from == "earlier"
    other = (replace(WEBCAM, shape=(12, 16, 3)), BASLER)
    assert forecast(tmp_path, other, GRID, planned_layers=10).learnt_from == ""
    with BuildWriter.open(tmp_path, "now") as writer:
        for index in range(4):
            writer.commit(layer(index))
    said = forecast(tmp_path, CAMERAS, GRID, build="now", planned_layers=10)
    assert (said.learnt_from, said.layers_left) == ("now", 6)
    assert forecast(tmp_path, CAMERAS, GRID, build="now").layers_left is None
    assert learnt_bytes(tmp_path, "now") == said.layer_bytes


def test_the_forecast_says_whether_it_fits() -> None:
    """In gigabytes, for a person; without a plan, how many layers fit."""
    tight = Forecast(41e6, "b", 1000, 38_000_000_000)
    assert tight.words == "this build needs about 41 GB, 38 GB are free"
    assert tight.enough is False
    assert replace(tight, layers_left=900).enough is True
    open_end = replace(tight, layers_left=None)
    assert (open_end.enough, open_end.layers_until_full) == (None, 926)
    assert open_end.words == "room for about 926 layers: 38 GB are free"


def test_the_configuration_says_how_many_layers_are_planned(tmp_path: Path) -> None:
    """The virtual printer tells its layers; a plan in the store's section goes before it."""
    section = {"store": {"root": tmp_path}, "simulation": {"layers": 77}}
    assert forecast_for(Settings.model_validate(section)).layers_left == 77
    section["store"]["planned_layers"] = 5
    assert forecast_for(Settings.model_validate(section)).layers_left == 5
    section["trigger"] = {"device": "ni9223"}
    del section["store"]["planned_layers"]
    assert forecast_for(Settings.model_validate(section)).layers_left is None


def test_nothing_is_removed_unless_configured(tmp_path: Path) -> None:
    """The defaults keep everything for ever."""
    names = old_builds(tmp_path, 8)
    assert make_room(StoreSettings(root=tmp_path)) == ()
    assert [summary.manifest.id for summary in list_builds(tmp_path)] == names


def test_products_go_first_and_oldest_first(tmp_path: Path) -> None:
    """Only products by default: raw frames stay whole, and nobody makes the products again unasked."""
    old_builds(tmp_path)
    assert words(removable(settings(tmp_path))) == ["b0/live", "b1/live", "b2/live"]
    assert words(make_room(settings(tmp_path))) == ["b0/live", "b1/live", "b2/live"]
    for name in ("b0", "b1", "b2"):
        assert ProductReader.open(tmp_path, name).layers() == ()
        assert thinned(tmp_path, name)
        assert verify(tmp_path, name).problems == ()
        assert verify(tmp_path, name).layers == 2
    assert ProductReader.open(tmp_path, "b3").layers() == (0, 1)
    assert not thinned(tmp_path, "b3")
    assert not list(tmp_path.glob(".trash-*"))


def test_whole_builds_go_where_that_is_configured(tmp_path: Path) -> None:
    """All old products before the first raw frame."""
    old_builds(tmp_path)
    everything = settings(tmp_path, remove="builds")
    assert words(removable(everything)) == ["b0/live", "b1/live", "b2/live", "b0/", "b1/", "b2/"]
    make_room(everything)
    assert [summary.manifest.id for summary in list_builds(tmp_path)] == ["b3"]


def test_it_stops_as_soon_as_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more goes than is needed."""
    old_builds(tmp_path)
    free = iter([0, 0, 10**18])
    monkeypatch.setattr(retention, "free_bytes", lambda root: next(free))
    assert words(make_room(settings(tmp_path))) == ["b0/live", "b1/live"]


def test_pinned_running_written_and_replayed_builds_stay(tmp_path: Path) -> None:
    """Whatever the configuration says; a damaged pin is a pin."""
    old_builds(tmp_path, 6)
    pin(tmp_path, "b0", "delivered to the customer")
    assert pinned(tmp_path, "b0") == "delivered to the customer"
    pin(tmp_path, "b1", "x")
    (tmp_path / "b1/pin.json").write_bytes(b"\x00")
    (tmp_path / "b2/end.json").unlink()  # runs
    replay = replace(manifest("r"), origin="replay", source="b3", created="2026-02-01T00:00:00+00:00")
    BuildWriter.create(tmp_path, replay).close()
    everything = settings(tmp_path, remove="builds")
    assert words(removable(everything)) == ["b4/live", "b5/live", "b4/", "b5/"]
    with ProductWriter.open(tmp_path, "b4"):  # being written by someone
        assert words(make_room(everything)) == ["b5/live", "b5/"]
    unpin(tmp_path, "b0")
    unpin(tmp_path, "b0")
    assert pinned(tmp_path, "b0") is None
    assert words(make_room(everything)) == ["b0/live", "b4/live", "b0/", "b4/"]
    assert {summary.manifest.id for summary in list_builds(tmp_path)} == {"b1", "b2", "b3", "r"}
    for verb in (pinned, unpin):
        with pytest.raises(NotInStore):
            verb(tmp_path, "absent")


class Died(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("remove", ["products", "builds"])
def test_a_removal_may_be_stopped_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remove: str) -> None:
    """Killed between any two of its file operations: every build still listed is whole, the next look goes on."""
    operations = ("rename", "unlink", "open", "mkdir")
    for point in range(1, 60):
        root = tmp_path / str(point)
        old_builds(root, 2)
        left = point

        def step(wrapped: Callable[..., object]) -> Callable[..., object]:
            def stepped(*arguments: object, **options: object) -> object:
                nonlocal left
                left -= 1
                if left == 0:
                    raise Died
                return wrapped(*arguments, **options)

            return stepped

        with monkeypatch.context() as patch:
            for name in operations:
                patch.setattr(Path, name, step(getattr(Path, name)))
            patch.setattr(shutil, "rmtree", step(shutil.rmtree))
            try:
                make_room(settings(root, remove=remove))
                finished = True
            except Died:
                finished = False
        for summary in list_builds(root):
            assert verify(root, summary.manifest.id).problems == ()
        make_room(settings(root, remove=remove))
        assert not list(root.glob(".trash-*"))
        assert not ((root / "b0").exists() if remove == "builds" else ProductReader.open(root, "b0").layers())
        shutil.rmtree(root)
        if finished:
            return
    raise AssertionError("the removal never came to its end")


def test_trash_that_cannot_be_removed_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said in the log and tried again; the builds are not touched by it."""
    old_builds(tmp_path, 2)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", refuse)
        assert words(make_room(settings(tmp_path))) == ["b0/live"]
    assert list(tmp_path.glob(".trash-*"))
    assert BuildReader.open(tmp_path, "b0").layers() == (0, 1)
    make_room(settings(tmp_path))
    assert not list(tmp_path.glob(".trash-*"))


def test_a_disk_that_cannot_be_asked_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a traceback nor a forecast of nothing."""

    def broken(path: Path) -> None:
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr(shutil, "disk_usage", broken)
    with pytest.raises(StoreError, match="free space of"):
        forecast(tmp_path, CAMERAS, GRID)
