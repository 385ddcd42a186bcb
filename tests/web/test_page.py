"""The built page: whole, served, asking nobody but this server, and its pure modules right."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import httpx
import pytest

import monitor.web.page
from monitor.web import static_folder
from tests.web.building import load_builder
from tests.web.conftest import Site, serving
from tests.web.synthetic import small_settings

NAMESPACES = {"http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg"}


@pytest.fixture(scope="session")
def builder() -> ModuleType:
    """deploy/build_page.py as a module."""
    return load_builder()


@pytest.fixture(scope="session")
def built(builder: ModuleType) -> Path:
    """The built page; a page made from other sources fails, and none at all is built."""
    builder.build()
    return static_folder()


def test_the_page_is_served_with_all_that_it_loads(built: Path, site: Site) -> None:
    """The page names only files that are there; those with a digest in their name are kept for ever."""
    answer = site.client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-cache"
    named = re.findall(r'(?:src|href)="([^"#]+)"', answer.text)
    assert {Path(name).suffix for name in named} == {".svg", ".css", ".js"}
    for name in named:
        assert site.client.get(f"/{name}").status_code == 200
    for asset in (built / "assets").iterdir():
        assert "immutable" in site.client.get(f"/assets/{asset.name}").headers["cache-control"]


def test_the_page_names_no_other_machine(built: Path) -> None:
    """No address of another server is anywhere in what the browser loads, except XML namespaces."""
    for path in (p for p in built.rglob("*") if p.suffix in (".js", ".css", ".html", ".svg")):
        text = path.read_text(encoding="utf-8")
        assert set(re.findall(r"(?:https?|wss?)://[\w.-]+[\w./-]*", text)) <= NAMESPACES, path.name
        assert not re.findall(r"""url\(\s*["']?//""", text), path.name
        assert "sourceMappingURL" not in text


def test_the_page_obeys_its_own_policy(built: Path) -> None:
    """No inline script, style or handler, and no code from text, all of which the policy forbids."""
    html = (built / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r"<script(?![^>]*\bsrc=)", html)
    assert not re.findall(r"<style|\sstyle=|\son\w+=", html)
    page = next((built / "assets").glob("page-*.js")).read_text(encoding="utf-8")
    assert not re.findall(r"\beval\(|new Function\(", page)


def test_a_page_that_was_not_built_says_how_to_build_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the built files the API still works and the page's address says what to run."""
    monkeypatch.setattr(monitor.web.page, "static_folder", lambda: tmp_path / "nothing")
    with serving(small_settings(tmp_path / "store")) as served:
        answer = httpx.get(served.url)
        assert answer.status_code == 404
        assert "deploy/build_page.py" in answer.json()["cure"]
        assert httpx.get(f"{served.url}/api/v1/builds").status_code == 200


def test_the_pages_pure_modules_hold(built: Path, builder: ModuleType) -> None:
    """Node's own test runner passes every test of the page's modules that need no browser."""
    npm = builder.find_npm()
    builder.install_modules(npm)
    node = npm[0] if len(npm) > 1 else shutil.which("node")
    files = sorted(str(path) for path in (builder.SOURCES / "test").glob("*.test.js"))
    assert files
    done = subprocess.run(
        [str(node), "--test", *files], capture_output=True, text=True, check=False, cwd=builder.SOURCES
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert re.search(r"(?:#|ℹ) fail 0", done.stdout)


def test_a_second_build_is_not_needed_and_a_lost_file_is_noticed(
    built: Path, builder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest of the sources makes a build a no-op, unless a built file is missing or a source changed."""
    copy = tmp_path / "static"
    shutil.copytree(built, copy)
    monkeypatch.setattr(builder, "STATIC", copy)
    assert builder.is_built()
    (copy / "favicon.svg").unlink()
    assert not builder.is_built()
    shutil.copy(built / "favicon.svg", copy)
    assert builder.is_built()
    stamp = json.loads((copy / builder.STAMP).read_text())
    (copy / builder.STAMP).write_text(json.dumps({**stamp, "sources": "other"}))
    assert not builder.is_built()


def test_without_node_the_machine_is_not_asked_for_it(
    builder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without npm, or with a node that is too old, gets node from PyPI instead."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert builder.system_npm() == []
    for name, script in (("npm", "exit 0"), ("node", "echo v16.20.1")):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    assert builder.system_npm() == []
    (tmp_path / "node").write_text("#!/bin/sh\necho v22.1.0\n")
    assert builder.system_npm() == [str(tmp_path / "npm")]


def test_a_failed_build_says_what_failed_and_keeps_the_old_page(
    built: Path, builder: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What npm said is in the error, and the page that was there still is."""
    with pytest.raises(builder.PageBuildError, match="no such thing") as error:
        builder.run(["sh", "-c", "echo no such thing; exit 3"], "install from npm")
    assert "→" in str(error.value)
    assert (built / "index.html").is_file()
    assert os.access(built, os.R_OK)
