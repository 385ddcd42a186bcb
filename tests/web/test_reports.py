"""Reports over the API: listed, handed out as files, and nothing else from the disk."""

from __future__ import annotations

from pathlib import Path

import httpx

from monitor.store import keep_report
from tests.web.conftest import serving
from tests.web.synthetic import small_store


def test_reports_are_listed_and_handed_out_as_files(tmp_path: Path) -> None:
    """Newest first; the bytes are those in the store, and a browser keeps them instead of opening them."""
    settings, build = small_store(tmp_path, 1)
    keep_report(tmp_path, build, b"<p>old</p>", "2026-07-18T14:00:00+00:00", None, "html")
    keep_report(tmp_path, build, b"%PDF-new", "2026-07-18T15:00:00+00:00", 3, "pdf")
    with serving(settings) as served, httpx.Client(base_url=served.url) as client:
        listed = client.get(f"/api/v1/builds/{build}/reports").json()
        assert [(r["part"], r["format"], r["size"]) for r in listed] == [(3, "pdf", 8), (None, "html", 10)]
        answer = client.get(listed[0]["url"])
        assert answer.content == b"%PDF-new"
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.headers["content-disposition"].startswith("attachment;")


def test_no_name_reaches_another_file(tmp_path: Path) -> None:
    """A build's manifest, a path upwards and a report that is not there are all refused."""
    settings, build = small_store(tmp_path, 1)
    keep_report(tmp_path, build, b"x", "2026-07-18T14:00:00+00:00", None, "html")
    with serving(settings) as served, httpx.Client(base_url=served.url) as client:
        for name in ("manifest.json", "..%2Fmanifest.json", "build-20260718T140000Z.html.partial", "build-1.html"):
            assert client.get(f"/api/v1/builds/{build}/reports/{name}").status_code in (404, 422)
        assert client.get("/api/v1/builds/nothing/reports").status_code == 404
