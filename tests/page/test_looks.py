"""How the page looks: on a phone, a desk and a wall, in both themes, for whom cannot see well; and behind TLS."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.page.conftest import Desk
from tests.page.plant import Plant

GRAVE = ("serious", "critical")
SIZES = {"phone": (390, 844), "desk": (1440, 900), "wall": (3840, 2160)}


def _open_login(page: Page) -> None:
    page.get_by_role("button", name="Log in").click()


def _open_help(page: Page) -> None:
    page.keyboard.press("?")


def _open_builds(page: Page) -> None:
    page.get_by_role("button", name="Builds", exact=True).click()


def _open_alarm(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Acknowledge: ")).first.click()


DIALOGS: dict[str, Callable[[Page], None]] = {
    "Log in": _open_login,
    "Keys and gestures": _open_help,
    "Builds": _open_builds,
    "Area out of tolerance": _open_alarm,
}


@pytest.fixture(scope="module", autouse=True)
def _alarm(plant: Plant) -> None:
    plant.raise_alarm("Area out of tolerance", 3)


def _grave(page: Page) -> list[str]:
    """What axe-core calls serious or critical, in one line each."""
    found = Axe().run(page).response["violations"]
    return [
        f"{item['id']}: {item['help']}: {', '.join(node['html'][:120] for node in item['nodes'][:5])}"
        for item in found
        if item["impact"] in GRAVE
    ]


def _overflow(page: Page) -> list[str]:
    """Elements that reach beyond the window's right edge, where the page can be scrolled sideways."""
    found: list[str] = page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("*")]
            .filter((node) => node.getBoundingClientRect().right > innerWidth + 1)
            .map((node) => `${node.tagName}.${node.className}`).slice(0, 10).concat("the page")"""
    )
    return found


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_nothing_reaches_beyond_the_window(desk: Desk, size: tuple[int, int]) -> None:
    """No sideways scrolling at any width, with an alarm in the banner, both pictures side by side, and each window."""
    page = desk.sit(size)
    expect(page.get_by_role("status").filter(has_text="Area out of tolerance")).to_be_visible()
    page.get_by_role("radio", name="Side by side").click()
    assert _overflow(page) == []
    for name, opens in DIALOGS.items():
        opens(page)
        window = page.get_by_role("dialog", name=name)
        box = window.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size[0]
        page.keyboard.press("Escape")
        expect(window).to_be_hidden()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing_serious(desk: Desk, scheme: str) -> None:
    """Names, roles and contrast hold on the page and in every window, in the theme that the system asks for."""
    page = desk.sit(color_scheme=scheme)
    expect(page.locator("html")).to_have_attribute("data-theme", scheme)
    expect(page.get_by_role("status").filter(has_text="Area out of tolerance")).to_be_visible()
    assert _grave(page) == []
    page.get_by_role("tab", name="Parts").click()
    for name, opens in DIALOGS.items():
        opens(page)
        window = page.get_by_role("dialog", name=name)
        expect(window).to_be_visible()
        assert _grave(page) == [], name
        page.keyboard.press("Escape")
        expect(window).to_be_hidden()


def test_the_first_start_makes_an_admin_on_the_page_behind_tls(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Over https and wss with the monitor's own certificate: the token of the log lets the first admin in."""
    plant = Plant(tmp_path_factory.mktemp("secure"), layers=2, tls=True)
    desk = Desk(browser, plant.url)
    try:
        plant.start()
        (token,) = (str(line["setup_token"]) for line in plant.logged() if "setup_token" in line)
        page = desk.sit(ignore_https_errors=True)
        page.get_by_role("button", name="Log in").click()
        window = page.get_by_role("dialog", name="First start")
        window.get_by_label("Token").fill(token)
        window.get_by_label("Your name").fill("ada")
        window.get_by_label("A password").fill("correct horse battery")
        window.get_by_role("button", name="Begin").click()
        expect(page.get_by_role("button", name="ada")).to_be_visible()
        (cookie,) = page.context.cookies()
        assert cookie["secure"] is True
        newest = plant.grow()
        expect(page.get_by_text(f"layer {newest - 1} of {newest} ·")).to_be_visible()
        assert plant.stop() == 0
    finally:
        desk.excused = ("WebSocket connection", "ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")
        desk.close()
        plant.close()
    assert desk.complaints() == []
    assert desk.hosts <= {urlsplit(plant.url).netloc, "blob", "data"}
