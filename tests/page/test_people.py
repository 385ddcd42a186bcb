"""Alarms and those who see them: acknowledged by name, told to everybody, refused to whom it is not due."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.page.conftest import Desk, log_in
from tests.page.plant import PASSWORD, Plant

COMMENT = "Spatter on the lens, wiped it"


def _alarms(page: Page) -> Locator:
    return page.get_by_role("region", name=re.compile("^Alarms"))


def test_an_alarm_is_acknowledged_by_name_and_everybody_sees_it(desk: Desk, plant: Plant) -> None:
    """It comes by itself, asks for a login and a comment; the store has both, and so has the page of somebody else."""
    desk.excused = ("401",)  # whom the server does not know yet is asked for a name
    ada, other = desk.sit(), desk.sit((390, 844))
    alarm = plant.raise_alarm("Area out of tolerance", 3)
    for page in (ada, other):
        expect(page.get_by_role("status").filter(has_text="Area out of tolerance")).to_be_visible()
        expect(page).to_have_title(re.compile(r"^\(!\) "))
    _alarms(ada).get_by_role("button", name="Acknowledge: Area out of tolerance").click()
    window = ada.get_by_role("dialog", name="Area out of tolerance")
    expect(window.get_by_text("31 %, limit 20 %")).to_be_visible()
    window.get_by_label("What you found or did").fill(COMMENT)
    window.get_by_role("button", name="Acknowledge").click()
    log_in(ada, "operator")
    expect(window.get_by_text(re.compile(f"acknowledged it at .*{COMMENT}"))).to_be_visible()
    seen = plant.book.alarm(alarm).acknowledgement
    assert seen is not None
    assert (seen.user, seen.comment) == ("the-operator", COMMENT)
    for page in (ada, other):
        expect(_alarms(page).get_by_text(f"the-operator: {COMMENT}")).to_be_visible()
        expect(page.get_by_role("status").filter(has_text="Area out of tolerance")).to_be_hidden()


def test_an_empty_comment_acknowledges_nothing(desk: Desk, plant: Plant) -> None:
    """Blanks are no comment: the page says what is missing, and the alarm stays as it is."""
    alarm = plant.raise_alarm("Missing frame", 2)
    page = desk.sit()
    _alarms(page).get_by_role("button", name="Acknowledge: Missing frame").click()
    window = page.get_by_role("dialog", name="Missing frame")
    window.get_by_label("What you found or did").fill("   ")
    window.get_by_role("button", name="Acknowledge").click()
    expect(window.get_by_role("alert")).to_contain_text("Say in a word what you found")
    assert plant.book.alarm(alarm).acknowledgement is None


def test_a_viewer_sees_an_alarm_and_cannot_acknowledge_it(desk: Desk, plant: Plant) -> None:
    """The page offers no way and says whose it is; who asks the server directly is refused."""
    desk.excused = ("403",)
    alarm = plant.raise_alarm("Roughness out of tolerance", 3)
    page = desk.sit()
    page.get_by_role("button", name="Log in").click()
    log_in(page, "viewer")
    expect(page.get_by_role("button", name="the-viewer")).to_be_visible()
    expect(_alarms(page).get_by_role("button", name=re.compile("^Acknowledge"))).to_have_count(0)
    _alarms(page).get_by_role("button", name="Look at: Roughness").click()
    window = page.get_by_role("dialog", name="Roughness out of tolerance")
    expect(window.get_by_text("You are the-viewer, viewer: an operator acknowledges alarms.")).to_be_visible()
    expect(window.get_by_role("button", name="Acknowledge")).to_have_count(0)
    status = page.evaluate(
        """async (alarm) => (await fetch(`/api/v1/alarms/${alarm}/acknowledge`, {
            method: "POST", headers: {"Content-Type": "application/json"}, body: '{"comment": "me too"}'})).status""",
        alarm,
    )
    assert status == 403
    assert plant.book.alarm(alarm).acknowledgement is None


def test_a_wrong_password_says_so_and_a_login_outlives_the_server(desk: Desk, plant: Plant) -> None:
    """One tries again in the same window; a restart of the server logs nobody out; logging out does."""
    desk.excused = (
        "401",
        "ERR_CONNECTION_REFUSED",
        "ERR_CONNECTION_RESET",
        "ERR_EMPTY_RESPONSE",
        "WebSocket connection",
    )
    page = desk.sit()
    page.get_by_role("button", name="Log in").click()
    window = page.get_by_role("dialog", name="Log in")
    window.get_by_label("Name", exact=True).fill("the-engineer")
    window.get_by_label("Password").fill(PASSWORD.upper())
    window.get_by_role("button", name="Log in").click()
    expect(window.get_by_role("alert")).to_contain_text("name or password are wrong")
    log_in(page, "engineer")
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert cookies["lpbf_session"]["httpOnly"] is True
    assert cookies["lpbf_session"]["sameSite"] == "Strict"
    assert page.evaluate("document.cookie") == ""
    plant.stop()
    plant.start()
    page.reload()
    page.get_by_role("button", name="the-engineer").click()
    page.get_by_role("dialog", name="the-engineer").get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
