"""Names in addresses never become paths unchecked: what is opened while nasty ones are asked for is watched."""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.web.conftest import Served, serving
from tests.web.synthetic import small_store

MARK = "zq7"
SECRET = "what nobody may read"
SHAPES = (
    "/api/v1/builds/{}", "/api/v1/builds/{}/layers", "/api/v1/builds/{}/mesh/0", "/api/v1/builds/{}/layers/0",
    "/api/v1/builds/{}/reports", "/api/v1/builds/BUILD/reports/{}", "/api/v1/builds/BUILD/layers/0/pictures/{}",
    "/api/v1/builds/BUILD/layers/{}", "/api/v1/builds/BUILD/mesh/{}", "/api/v1/alarms/{}", "/api/v1/alarms/{}/picture",
    "/assets/{}", "/{}",
)  # fmt: skip
STEPS = (
    "..",
    ".",
    "/",
    "\\",
    "\0",
    "~",
    "%2e%2e",
    "%2f",
    ":",
    "C:",
    "//",
    "access",
    "status",
    " ",
    "é",
    "🙂",
    "'",
    ";",
)
NAMES = (
    st.lists(st.sampled_from(STEPS), max_size=8)
    .map("".join)
    .flatmap(
        lambda text: st.sampled_from((text + MARK, f"{MARK}{text}", f"{text}{MARK}.html", f"{MARK}/{text}/raised.json"))
    )
)
ENCODINGS = (
    lambda name: quote(name, safe=""),
    lambda name: quote(name, safe="/.%:;~'"),
    lambda name: quote(quote(name, safe=""), safe=""),
)
_opened: list[str] | None = None


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _opened is None or event not in ("open", "os.listdir", "os.scandir", "os.mkdir", "os.remove", "os.rename"):
        return
    _opened.extend(os.fsdecode(item) for item in arguments if isinstance(item, str | bytes | os.PathLike))


sys.addaudithook(_watch)  # stays for the life of the process; without a list it does nothing


@contextmanager
def _watching() -> Iterator[list[str]]:
    """Every path that this process, and so the server's threads, opens or lists in the block."""
    global _opened
    _opened = found = []
    try:
        yield found
    finally:
        _opened = None


@pytest.fixture(scope="module")
def baited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    """A server whose store lies among files of the asked names that it must never read."""
    top = tmp_path_factory.mktemp("top")
    settings_, build = small_store(top / "store", 1)
    for folder in (top, top / "store" / "access", top / "store" / build, top / "store" / "status"):
        folder.mkdir(exist_ok=True)
        for name in (MARK, f"{MARK}.html"):
            (folder / name).write_text(SECRET, encoding="utf-8")
    web = settings_.web.model_copy(update={"requests_per_s": 1e4})
    with serving(settings_.model_copy(update={"web": web})) as served:
        yield served, build


def _get(served: Served, target: str) -> tuple[int, bytes]:
    """The answer to a target that no client has made tidy."""
    connection = http.client.HTTPConnection(urlsplit(served.url).netloc)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@settings(max_examples=150)
@given(st.sampled_from(SHAPES), NAMES, st.sampled_from(ENCODINGS))
@example("/api/v1/builds/BUILD/reports/{}", f"../{MARK}.html", ENCODINGS[0])
@example("/assets/{}", f"../../../../{MARK}", ENCODINGS[0])
@example("/assets/{}", f"../../../../{MARK}", ENCODINGS[1])
@example("/api/v1/alarms/{}", f"../{MARK}", ENCODINGS[0])
@example("/api/v1/builds/{}", "..", ENCODINGS[0])
@example("/api/v1/builds/{}", "access", ENCODINGS[0])
def test_no_name_of_an_address_leads_out_of_its_place(
    baited: tuple[Served, str], shape: str, name: str, encode: object
) -> None:
    """Whatever is asked for, however it is encoded: nothing is told, and no path with a step up or out is opened."""
    assert callable(encode)
    served, build = baited
    root = served.settings.store.root
    with _watching() as opened:
        status, body = _get(served, shape.replace("BUILD", build).format(encode(name)))
    assert status in (200, 400, 404, 422), status
    assert SECRET.encode() not in body
    for path in (Path(path) for path in opened if MARK in path):
        assert path.is_relative_to(root), path
        assert ".." not in path.parts, path


def test_the_watch_sees_what_the_server_opens(baited: tuple[Served, str]) -> None:
    """A picture that is there is read from the store, and the watch sees it: so it would have seen the others."""
    served, build = baited
    with _watching() as opened:
        status, _ = _get(served, f"/api/v1/builds/{build}/layers/0/pictures/webcam")
    assert status == 200
    assert any(Path(path).is_relative_to(served.settings.store.root / build) for path in opened)
