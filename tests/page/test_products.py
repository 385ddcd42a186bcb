"""Products beyond the usual ones: another set of the same build, and a replay that is sent on from the page."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from monitor.domain import ProcessStatus
from monitor.store import BuildReader, BuildWriter, ProductReader, ProductWriter, read_control, write_status
from tests.page.conftest import Desk, log_in
from tests.page.plant import Plant

SET = "other-bundle"


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """Three layers, of which the first has other products as well."""
    plant = Plant(tmp_path_factory.mktemp("sets"), layers=3)
    try:
        product = ProductReader.open(plant.settings.store.root, plant.build.id).load(0)
        assert product.mask is not None
        with ProductWriter.open(plant.settings.store.root, plant.build.id, SET) as writer:
            writer.commit(replace(product, mask=np.zeros_like(product.mask), parts=(), part_id=None))
        plant.add_users()
        plant.start()
        yield plant
    finally:
        plant.close()


def test_another_product_set_is_chosen_in_the_builds_window(desk: Desk) -> None:
    """Its layers are shown in place of the usual ones, the head says which, a link keeps it, and one goes back."""
    page = desk.sit()
    choose = page.get_by_role("dialog", name="Builds").get_by_label("Products of this build")
    page.get_by_role("button", name="Builds", exact=True).click()
    expect(choose.get_by_role("option")).to_have_text(["live (2 layers)", f"{SET} (1 layer)"])
    choose.select_option(label=f"{SET} (1 layer)")
    head = page.get_by_text(re.compile(f"products: {SET} .* 3 layers, 2 in work"))
    expect(head).to_be_visible()
    page.get_by_role("slider", name="Layer", exact=True).fill("0")
    page.get_by_role("tab", name="Parts").click()
    expect(page.get_by_role("button", name=re.compile("^Part 1 not there"))).to_be_visible()
    page.reload()
    expect(head).to_be_visible()
    page.get_by_role("button", name="Builds", exact=True).click()
    choose.select_option(label="live (2 layers)")
    expect(head).to_be_hidden()


def test_two_product_sets_of_a_build_lie_beside_each_other(desk: Desk) -> None:
    """Each under the name of its set; a link keeps both, changing the shown one changes places, one click ends it."""
    page = desk.sit()
    window = page.get_by_role("dialog", name="Builds")
    page.get_by_role("button", name="Builds", exact=True).click()
    window.get_by_label("Compared with the products").select_option(label=f"{SET} (1 layer)")
    expect(page.get_by_text(f"compared with {SET}")).to_be_visible()
    expect(page.get_by_text(f"dashed: {SET}")).to_be_visible()
    page.get_by_role("slider", name="Layer", exact=True).fill("0")
    captions = page.get_by_role("region", name="Layer 0").locator("figcaption:visible strong")
    expect(captions).to_have_text([f"Super-resolved, {SET}", "Super-resolved, live"])
    page.reload()
    expect(captions).to_have_text([f"Super-resolved, {SET}", "Super-resolved, live"])
    page.get_by_role("button", name="Builds", exact=True).click()
    window.get_by_label("Products of this build").select_option(label=f"{SET} (1 layer)")
    expect(captions).to_have_text(["Super-resolved, live", f"Super-resolved, {SET}"])
    page.get_by_role("button", name="Stop comparing").click()
    expect(page.get_by_text("compared with")).to_be_hidden()
    expect(captions).to_have_text(["Webcam, rectified", "Super-resolved"])


def test_a_replay_is_sent_on_by_its_slider(plant: Plant, desk: Desk) -> None:
    """Whoever drags it is asked for a name once; then the store holds up to which layer the replay goes."""
    desk.excused = ("401",)
    root, source = plant.settings.store.root, plant.build.id
    manifest = replace(BuildReader.open(root, source).manifest, id="again", origin="replay", source=source)
    facts: dict[str, object] = {"source": source, "layers": 3, "paused": True, "speed": 1.0, "goto": -1}
    with BuildWriter.create(root, manifest), _alive(root, facts):
        page = desk.sit()
        panel = page.get_by_role("region", name="Replay")
        expect(panel.get_by_text("layer 0 of 2, paused")).to_be_visible()
        panel.get_by_role("slider", name="Replay up to layer").fill("2")
        log_in(page, "operator")
        for _ in range(300):
            if read_control(root, "again").goto == 2:
                break
            page.wait_for_timeout(100)
        assert read_control(root, "again").goto == 2


@contextmanager
def _alive(root: Path, facts: dict[str, object]) -> Iterator[None]:
    """Give a sign of life of the replay, again and again."""
    over = threading.Event()

    def beat() -> None:
        while True:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            write_status(root, ProcessStatus("replay", 1, "armed", "", now, "again", 0, (), {"replay": facts}))
            if over.wait(0.5):
                return

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
