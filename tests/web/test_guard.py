"""Whom the server answers: its own name and its own page."""

from __future__ import annotations

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from monitor.config import is_loopback
from monitor.web.headers import allowed_names, hostname
from tests.web.conftest import PATIENCE_S, Site


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8420", "127.0.0.1.evil.example", "[", ""])
def test_a_strangers_name_is_refused_with_a_cure(site: Site, host: str) -> None:
    """A page reached under another name (DNS rebinding) gets nothing but how to reach it."""
    answer = site.client.get("/api/v1/builds", headers={"Host": host})
    assert answer.status_code in (400, 421)
    assert site.build not in answer.text
    if answer.status_code == 421:
        assert "web.names" in answer.json()["cure"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8420", "127.0.0.1:1", "[::1]:8420"])
def test_this_computer_is_answered_under_each_of_its_names(site: Site, host: str) -> None:
    """Loopback names are known, whatever the port and the case."""
    assert site.client.get("/api/v1/health", headers={"Host": host}).status_code == 200


def test_another_page_may_not_listen(site: Site) -> None:
    """A WebSocket from a stranger's page is refused; one from the own page is served."""
    with pytest.raises(InvalidStatus), connect(site.served.live_url, origin="http://evil.example"):
        pass
    with connect(site.served.live_url, origin=site.served.url) as socket:  # type: ignore[arg-type]
        assert socket.recv(timeout=PATIENCE_S)


@pytest.mark.parametrize("path", ["/", "/api/v1/builds", "/api/v1/nothing", "/assets/nothing.js"])
def test_every_answer_forbids_what_comes_from_elsewhere(site: Site, path: str) -> None:
    """The content security policy is on pages, data and errors alike."""
    headers = site.client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"


def test_names_are_as_wide_as_the_address(site: Site) -> None:
    """Loopback answers loopback and given names; another address answers all names unless some are given."""
    assert set(allowed_names("127.0.0.1", ("monitor.plant",))) == {"localhost", "127.0.0.1", "::1", "monitor.plant"}
    assert allowed_names("0.0.0.0", ()) == ()
    assert "monitor.plant" in allowed_names("0.0.0.0", ("monitor.plant",))
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "192.168.1.4", "plant")] == [
        True, True, True, False, False,
    ]  # fmt: skip
    assert [hostname(host) for host in ("a:1", "[::1]:8420", "[")] == ["a", "::1", ""]
