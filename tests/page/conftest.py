"""A real browser on the real page. Whatever a page says on its console, throws or asks of other hosts is a failure."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.page.plant import PASSWORD, Plant
from tests.web.building import load_builder

PATIENCE_MS = 30_000
OPTIONS = (
    "--no-sandbox",  # in a container Chromium is root
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, as deploy/test installs it."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("there is no chromium (Debian: apt-get install chromium)")
    load_builder().build()
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(OPTIONS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """A build of six layers, served."""
    plant = Plant(tmp_path_factory.mktemp("plant"))
    try:
        plant.add_users()
        plant.start()
        yield plant
    finally:
        plant.close()


@dataclass
class Desk:
    """Opens the page for one person after another, and hears what the browser complains of.

    Attributes:
        errors: console errors and uncaught exceptions of every page.
        hosts: every host that was asked for anything, WebSockets included.
        excused: complaints that hold these words are what the test is about.
    """

    browser: Browser
    url: str
    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    excused: tuple[str, ...] = ()
    _contexts: list[BrowserContext] = field(default_factory=list)

    def sit(self, size: tuple[int, int] = (1440, 900), **options: Any) -> Page:
        """A page of a browser of its own, which knows nobody; its newest layer is shown."""
        width, height = size
        context = self.browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(PATIENCE_MS)
        self._contexts.append(context)
        page = context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc or urlsplit(request.url).scheme))
        page.on("websocket", lambda socket: self.hosts.add(urlsplit(socket.url).netloc))
        page.goto(self.url)
        expect(page.get_by_role("slider", name="Layer", exact=True)).to_be_visible()
        return page

    def complaints(self) -> list[str]:
        """What nobody excused."""
        return [error for error in self.errors if not any(words in error for words in self.excused)]

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")


@pytest.fixture
def desk(browser: Browser, plant: Plant) -> Iterator[Desk]:
    """See `Desk`; afterwards nothing was complained of and nobody else was asked."""
    desk = Desk(browser, plant.url)
    try:
        yield desk
    finally:
        desk.close()
    assert desk.complaints() == []
    assert desk.hosts <= {urlsplit(plant.url).netloc, "blob", "data"}


def log_in(page: Page, role: str) -> None:
    """Log in by the window that is open, as the user named after a role."""
    window = page.get_by_role("dialog", name="Log in")
    window.get_by_label("Name", exact=True).fill(f"the-{role}")
    window.get_by_label("Password").fill(PASSWORD)
    window.get_by_role("button", name="Log in").click()
    expect(window).to_be_hidden()
