"""A build grows on the page; one goes through its layers; the server goes and comes, and the page with it."""

from __future__ import annotations

import re
import signal

from playwright.sync_api import Locator, Page, expect

from tests.page.conftest import Desk
from tests.page.plant import Plant


def _layer(page: Page) -> Locator:
    return page.get_by_role("slider", name="Layer", exact=True)


def _shows(page: Page, index: int, newest: int) -> None:
    """The layer control, the heading, the picture and the window's title agree on the layer."""
    expect(page.get_by_text(f"layer {index} of {newest} ·")).to_be_visible()
    expect(page.get_by_role("heading", name=f"Layer {index}", exact=True)).to_be_visible()
    expect(page.get_by_role("img", name=f"picture of layer {index}").first).to_be_visible()
    expect(page).to_have_title(re.compile(rf"layer {index} · "))


def test_the_build_grows_on_the_page_without_a_reload(desk: Desk, plant: Plant) -> None:
    """Each committed layer and its products appear on the page that is open; nothing is loaded anew."""
    page = desk.sit()
    loads: list[str] = []
    page.on("load", lambda _: loads.append("again"))
    _shows(page, plant.layers - 2, plant.layers - 1)  # the newest layer that has its picture
    for _ in range(3):
        newest = plant.grow()
        _shows(page, newest - 1, newest)
    expect(page.get_by_text(re.compile(rf"running · {plant.layers} layers, 1 in work"))).to_be_visible()
    assert loads == []


def test_one_goes_through_the_layers_by_key_button_and_hand(desk: Desk, plant: Plant) -> None:
    """The slider takes keys and clicks; a missing layer says so; following begins again with one button."""
    page = desk.sit()
    newest = plant.layers - 1
    page.get_by_role("button", name="Layer below").click()
    _shows(page, newest - 2, newest)
    expect(page.get_by_role("button", name="To newest")).to_be_visible()
    _layer(page).focus()
    page.keyboard.press("Home")
    _shows(page, 0, newest)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text(re.compile("picture of layer 2: no webcam frame"))).to_be_visible()
    box = _layer(page).bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(_layer(page)).to_have_value(re.compile(rf"^[{newest // 2}{newest // 2 + 1}]$"))
    page.get_by_role("button", name="To newest").click()
    _shows(page, newest - 1, newest)


def test_the_wipe_follows_the_hand_and_changes_the_picture(desk: Desk) -> None:
    """Dragging the handle to the side uncovers one picture, to the other side the other one."""
    page = desk.sit()
    page.get_by_role("radio", name="Wipe").click()
    page.get_by_role("slider", name="Opacity of what lies over the picture").fill("0")
    canvas = page.get_by_role("img", name=re.compile("picture of layer")).first
    expect(page.get_by_text(re.compile(r"Webcam, rectified \|"))).to_be_visible()
    box = canvas.bounding_box()
    assert box is not None
    middle, y, reach = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["height"] / 3
    seen = []
    for start, end in ((middle, middle - reach), (middle - reach, middle + reach)):
        page.mouse.move(start, y)
        page.mouse.down()
        page.mouse.move(end, y, steps=4)
        page.mouse.up()
        page.mouse.move(box["x"] + 2, box["y"] + 2)
        page.wait_for_timeout(300)
        seen.append(canvas.screenshot())
        wipe = page.evaluate("JSON.parse(localStorage.getItem('lpbf-monitor')).wipe")
        assert (wipe > 0.5) == (end > middle)
    assert seen[0] != seen[1]


def test_the_page_keeps_its_state_over_a_restart_of_the_server(desk: Desk, plant: Plant) -> None:
    """The lost connection is said in words; afterwards the chosen layer and view are still there, and new layers."""
    desk.excused = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "WebSocket connection")
    page = desk.sit()
    page.get_by_role("radio", name="Rectified").click()
    page.get_by_role("radio", name="Wipe").click()
    page.get_by_role("button", name="Layer below").click()
    chosen, newest = plant.layers - 3, plant.layers - 1
    _shows(page, chosen, newest)
    assert plant.stop(signal.SIGTERM) == 0
    lost = page.get_by_role("status").filter(has_text="Connection lost since")
    expect(lost).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="No connection")).to_be_visible()
    newest = plant.grow()
    plant.start()
    expect(lost).to_be_hidden()
    _shows(page, chosen, newest)
    for name in ("Rectified", "Wipe"):
        expect(page.get_by_role("radio", name=name)).to_be_checked()


def test_a_page_comes_back_by_itself_after_the_server_was_killed(desk: Desk, plant: Plant) -> None:
    """A server that dies without a word is missed as well, and the page that follows shows what came meanwhile."""
    desk.excused = (
        *("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "WebSocket connection"),
        "ERR_CONTENT_LENGTH_MISMATCH",  # what was being sent when it died
    )
    page = desk.sit()
    plant.stop(signal.SIGKILL)
    expect(page.get_by_role("status").filter(has_text="Connection lost since")).to_be_visible()
    newest = plant.grow()
    plant.start()
    _shows(page, newest - 1, newest)
    expect(page.get_by_role("status").filter(has_text="Connection lost")).to_be_hidden()


def test_a_layer_in_the_address_is_shown_and_stays(desk: Desk, plant: Plant) -> None:
    """A link shows the same layer to somebody else, also after a reload."""
    page = desk.sit()
    page.get_by_role("button", name="Layer below").click()
    newest = plant.layers - 1
    _shows(page, newest - 2, newest)
    page.reload()
    _shows(page, newest - 2, newest)
    other = desk.sit()
    other.goto(page.url)
    other.reload()
    _shows(other, newest - 2, newest)
