"""Who gets in: first start, logins, roles, tokens, cookies and what other pages may not do."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from monitor.domain import Role
from monitor.web.access import COOKIE
from monitor.web.accounts import Accounts
from tests.web.conftest import PATIENCE_S, Served, serving
from tests.web.synthetic import small_settings

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that lets nobody read without a name, with one user of each role."""
    root = tmp_path_factory.mktemp("closed")
    accounts = Accounts(root)
    for role in Role:
        accounts.add(f"a-{role}", role, PASSWORD)
    with serving(small_settings(root, open_reading_on_loopback=False)) as served:
        yield served


_opened: list[httpx.Client] = []


@pytest.fixture(autouse=True)
def _close_clients() -> Iterator[None]:
    yield
    while _opened:
        _opened.pop().close()


def _client(served: Served, role: Role | None = None, how: str = "token") -> httpx.Client:
    client = httpx.Client(base_url=served.url)
    _opened.append(client)
    accounts = Accounts(served.settings.store.root)
    if role and how == "token":
        names = {token.name for token in accounts.book().tokens.values()}
        client.headers["Authorization"] = f"Bearer {accounts.add_token(f't{len(names)}', role, 60.0)}"
    elif role:
        secret = accounts.log_in(f"a-{role}", PASSWORD)
        client.headers["Cookie"] = f"{COOKIE}={secret}"
    return client


def _listen(viewer: ClientConnection) -> None:
    while True:
        viewer.recv(timeout=PATIENCE_S)


def _own(served: Served) -> dict[str, str]:
    return {"Origin": served.url}


def test_the_first_admin_is_made_once_with_the_token_of_the_first_start(tmp_path: Path) -> None:
    """A wrong token makes nobody; the right one makes an admin who is logged in; then it is worth nothing."""
    with serving(small_settings(tmp_path)) as served, httpx.Client(base_url=served.url) as client:
        file = tmp_path / "access" / "setup-token"
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert client.get("/api/v1/me").json()["setup_needed"] is True
        wish = {"token": "wrong", "name": "ada", "password": PASSWORD}
        assert client.post("/api/v1/setup", json=wish).status_code == 403
        wish["token"] = file.read_text()
        answer = client.post("/api/v1/setup", json=wish)
        assert (answer.status_code, answer.json()["role"]) == (200, "admin")
        assert client.get("/api/v1/me").json() == answer.json()
        assert not file.exists()
        assert client.post("/api/v1/setup", json=wish | {"name": "eve"}, headers=_own(served)).status_code == 403
        deeds = client.get("/api/v1/audit").json()
        assert [(deed["who"], deed["outcome"]) for deed in deeds if "first admin" in deed["what"]][:2] == [
            ("eve", "refused"), ("ada", "done"),
        ]  # fmt: skip
        assert all(deed["origin"] == "127.0.0.1" for deed in deeds)


def test_the_sessions_cookie_is_out_of_reach_of_scripts_and_other_sites(closed: Served) -> None:
    """HttpOnly, SameSite=Strict, with an end; nothing in the file on disk is the secret or the password."""
    answer = httpx.post(f"{closed.url}/api/v1/session", json={"name": "a-viewer", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Max-Age=43200", "Path=/"))
    assert "Secure" not in cookie  # this server speaks plain HTTP on loopback
    kept = (closed.settings.store.root / "access" / "accounts.json").read_text()
    assert answer.cookies[COOKIE] not in kept
    assert PASSWORD not in kept
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in kept


@pytest.mark.parametrize("name", ["a-viewer", "nobody"])
def test_a_wrong_password_and_an_unknown_name_look_alike(closed: Served, name: str) -> None:
    """Nobody learns from the answer which users there are."""
    answer = httpx.post(f"{closed.url}/api/v1/session", json={"name": name, "password": "wrong" * 4})
    assert (answer.status_code, answer.json()["what"]) == (401, "name or password are wrong")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/api/v1/builds", "/api/v1/openapi.json", "/metrics", "/api/v1/nothing", "/nothing"])
def test_a_stranger_gets_the_login_and_nothing_else(closed: Served, path: str) -> None:
    """Without a name every path is 401, whether there is such a path or not; the page, health and me are open."""
    answer = httpx.get(closed.url + path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    for path in ("/", "/api/v1/health", "/api/v1/me"):
        assert httpx.get(closed.url + path).status_code in (200, 404)
    with pytest.raises(InvalidStatus), connect(closed.live_url):
        pass


def test_every_route_of_the_document_is_closed_to_strangers(closed: Served) -> None:
    """Whatever a route is for, a request without a name gets no further than the few open ones."""
    document = _client(closed, Role.VIEWER).get("/api/v1/openapi.json").json()
    open_ones = {path for path, ways in document["paths"].items() for way in ways if _status(closed, way, path) != 401}
    assert open_ones == {"/api/v1/health", "/api/v1/me", "/api/v1/session", "/api/v1/setup"}


def _status(served: Served, way: str, path: str) -> int:
    return httpx.request(way, served.url + path.replace("{", "").replace("}", "")).status_code


def test_a_role_reaches_as_far_as_it_does(closed: Served) -> None:
    """Everybody may read; the audit log is for admins, and a lesser role is told which one it takes."""
    for role in Role:
        with _client(closed, role) as client:
            assert client.get("/api/v1/builds").status_code == 200
            answer = client.get("/api/v1/audit")
            assert answer.status_code == (200 if role is Role.ADMIN else 403)
            may = client.get("/api/v1/me").json()["may"]
            assert may == list(Role)[: role.rank + 1]
    assert "needs admin" in _client(closed, Role.ENGINEER).get("/api/v1/audit").json()["what"]


def test_a_token_that_is_revoked_or_expired_is_worth_nothing(closed: Served) -> None:
    """From the next request on; a wrong token is refused even where no name would do."""
    accounts = Accounts(closed.settings.store.root)
    client = _client(closed)
    secret = accounts.add_token("grafana", Role.VIEWER, 60.0)
    client.headers["Authorization"] = f"Bearer {secret}"
    assert client.get("/metrics").status_code == 200
    accounts.revoke_token("grafana")
    assert client.get("/metrics").status_code == 401
    client.headers["Authorization"] = f"Bearer {accounts.add_token('short', Role.VIEWER, -1.0)}"
    assert client.get("/metrics").status_code == 401


def _age(root: Path, dates_h: float, begun_h: float = 0.0, boot: str | None = None) -> None:
    """Let what is kept of the only session be that much older, by its dates and by the clock since the boot."""
    path = root / "access" / "accounts.json"
    kept = json.loads(path.read_text(encoding="utf-8"))
    (session,) = kept["sessions"].values()
    for key in ("created", "expires"):
        session[key] = (datetime.fromisoformat(session[key]) - timedelta(hours=dates_h)).isoformat()
    session["begun"]["seconds"] -= 3600.0 * begun_h
    session["begun"]["boot"] = boot or session["begun"]["boot"]
    path.write_text(json.dumps(kept), encoding="utf-8")


def test_a_clock_that_is_set_ends_and_prolongs_no_session(tmp_path: Path) -> None:
    """A day forth logs nobody out, a day back keeps nobody in; only after another boot is the date all there is."""
    accounts = Accounts(tmp_path, session_s=12 * 3600.0)
    accounts.add("ada", Role.OPERATOR, PASSWORD)
    secret = accounts.log_in("ada", PASSWORD)
    assert secret is not None
    _age(tmp_path, dates_h=24.0)
    assert accounts.person(secret, "session") is not None
    accounts.add("bob", Role.VIEWER, PASSWORD)  # whatever is written next keeps the session as well
    assert accounts.person(secret, "session") is not None
    _age(tmp_path, dates_h=-48.0, begun_h=11.0)
    assert accounts.person(secret, "session") is not None
    _age(tmp_path, dates_h=0.0, begun_h=1.0)
    assert accounts.person(secret, "session") is None
    _age(tmp_path, dates_h=0.0, boot="another")
    assert accounts.person(secret, "session") is not None
    _age(tmp_path, dates_h=24.0 + 12.0)
    assert accounts.person(secret, "session") is None


def test_logging_out_ends_the_session_also_of_a_page_that_listens(closed: Served) -> None:
    """The cookie is worth nothing afterwards, and the open WebSocket is closed with a reason."""
    client = _client(closed, Role.VIEWER, "session")
    with connect(closed.live_url, additional_headers={"Cookie": client.headers["Cookie"]}) as viewer:
        viewer.recv(timeout=PATIENCE_S)
        assert client.delete("/api/v1/session", headers=_own(closed)).status_code == 204
        with pytest.raises(ConnectionClosed) as end:
            _listen(viewer)
    assert end.value.rcvd is not None
    assert end.value.rcvd.code == 1008
    assert client.get("/api/v1/builds").status_code == 401


def test_a_new_password_ends_every_session_but_the_one_that_set_it(tmp_path: Path) -> None:
    """Other browsers of the same user are logged out at once."""
    accounts = Accounts(tmp_path)
    accounts.add("ada", Role.ADMIN, PASSWORD)
    with serving(small_settings(tmp_path, open_reading_on_loopback=False)) as served:
        here, there = _client(served), _client(served)
        for client in (here, there):
            client.post("/api/v1/session", json={"name": "ada", "password": PASSWORD})
            assert client.get("/api/v1/builds").status_code == 200
        change = {"old": "not the old one", "new": "another horse battery"}
        assert here.put("/api/v1/me/password", json=change, headers=_own(served)).status_code == 403
        change["old"] = PASSWORD
        assert here.put("/api/v1/me/password", json=change, headers=_own(served)).status_code == 200
        assert here.get("/api/v1/builds").status_code == 200
        assert there.get("/api/v1/builds").status_code == 401


FORGED = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {},
]


@pytest.mark.parametrize("headers", FORGED)
def test_another_page_cannot_use_the_session(closed: Served, headers: dict[str, str]) -> None:
    """A request that changes something needs this very origin beside the cookie; also a page on another port fails."""
    with _client(closed, Role.ADMIN, "session") as client:
        answer = client.delete("/api/v1/session", headers=headers)
        assert (answer.status_code, answer.json()["what"]) == (403, "another page sent this")
        assert client.get("/api/v1/me").json()["name"] == "a-admin"


def test_on_loopback_a_nameless_person_reads_and_no_more(tmp_path: Path) -> None:
    """Out of the box the page opens without a login; what changes anything asks for a named user."""
    with serving(small_settings(tmp_path)) as served, httpx.Client(base_url=served.url) as client:
        assert client.get("/api/v1/builds").status_code == 200
        me = client.get("/api/v1/me").json()
        assert (me["name"], me["role"], me["how"], me["may"]) == (None, "viewer", "loopback", ["viewer"])
        answer = client.post("/api/v1/alarms/x/acknowledge", json={"comment": "seen"})
        assert answer.status_code == 401
        assert "operator" in answer.json()["cure"]
        assert client.get("/api/v1/audit").status_code == 401


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_a_proxy_that_nobody_configured_is_not_this_computer(tmp_path: Path, header: str) -> None:
    """What comes through a proxy on the same machine is not read without a login, whatever it says of itself."""
    with serving(small_settings(tmp_path)) as served:
        answer = httpx.get(f"{served.url}/api/v1/builds", headers={header: "127.0.0.1"})
        assert answer.status_code == 401


def test_clumsy_fingers_may_try_again_and_guessers_wait(tmp_path: Path) -> None:
    """Ten wrong logins in a row are judged, the eleventh is told how long to wait, and nobody's reading suffers."""
    Accounts(tmp_path).add("ada", Role.ADMIN, PASSWORD)
    with serving(small_settings(tmp_path)) as served, httpx.Client(base_url=served.url) as client:
        login = {"name": "ada", "password": "not the password"}
        codes = [client.post("/api/v1/session", json=login).status_code for _ in range(11)]
        assert codes == [401] * 10 + [429]
        assert 1 <= int(client.post("/api/v1/session", json=login).headers["retry-after"]) <= 6
        assert client.get("/api/v1/builds").status_code == 200


def test_a_client_that_asks_too_often_is_told_to_wait(tmp_path: Path) -> None:
    """The limit of the API is kept, is said, and does not hold back the page itself."""
    with serving(small_settings(tmp_path, requests_per_s=0.5)) as served, httpx.Client(base_url=served.url) as client:
        codes = [client.get("/api/v1/builds").status_code for _ in range(12)]
        assert 429 in codes
        assert codes[0] == 200
        assert client.get("/").status_code in (200, 404)


def test_what_is_sent_has_a_limit(closed: Served) -> None:
    """A long body is refused by its stated length, or as it comes where none is stated."""
    with _client(closed) as client:
        body = json.dumps({"name": "a", "password": "x" * 100_000}).encode()
        typed = {"Content-Type": "application/json"}
        assert client.post("/api/v1/session", content=body, headers=typed).status_code == 413
        chunks = (body[i : i + 1000] for i in range(0, len(body), 1000))
        assert client.post("/api/v1/session", content=chunks, headers=typed).status_code == 413


@pytest.mark.parametrize("path", ["/", "/api/v1/health", "/api/v1/builds", "/api/v1/nothing"])
def test_head_is_get_without_a_body(closed: Served, path: str) -> None:
    """Status and headers are those of GET."""
    with _client(closed, Role.VIEWER) as client:
        head, get = client.head(path), client.get(path)
        assert (head.status_code, head.content) == (get.status_code, b"")
        assert head.headers.get("content-length") == get.headers.get("content-length")


def test_a_named_persons_deeds_are_written_down(closed: Served) -> None:
    """Who, what, from where and with which outcome; also what was refused. A deed is written after its answer."""
    what, deeds = "POST /api/v1/alarms/none/acknowledge", []
    with _client(closed, Role.ADMIN) as client:
        client.post("/api/v1/alarms/none/acknowledge", json={"comment": "seen"})
        deadline = time.monotonic() + 20
        while not deeds and time.monotonic() < deadline:
            found = client.get("/api/v1/audit").json()
            deeds = [deed for deed in found if deed["what"] == what and deed["who"].startswith("token:")]
    assert (deeds[0]["outcome"], deeds[0]["origin"]) == ("404", "127.0.0.1")


def test_users_who_cannot_be_read_close_the_door(tmp_path: Path) -> None:
    """A damaged file is an error with a cure, never an open door; health still answers."""
    Accounts(tmp_path).add("ada", Role.ADMIN, PASSWORD)
    with serving(small_settings(tmp_path, open_reading_on_loopback=False)) as served:
        (tmp_path / "access" / "accounts.json").write_text('{"users": 1}')
        answer = httpx.get(f"{served.url}/api/v1/builds", headers={"Cookie": f"{COOKIE}=x"})
        assert answer.status_code == 500
        assert "backup" in answer.json()["cure"]
