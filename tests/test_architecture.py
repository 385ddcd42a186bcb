"""The house keeps its shape. Which room may import which is checked by import-linter, in `deploy/test`."""

from __future__ import annotations

import ast
import statistics
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
TOP = {
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "deploy",
    "models",
    "monitor",
    "pyproject.toml",
    "systemd",
    "tests",
}
LONGEST_FILE, MEDIAN_FILE = 400, 160
LONGEST_FUNCTION, MEDIAN_FUNCTION = 60, 12
MODULES = sorted((REPOSITORY / "monitor").rglob("*.py"))


def functions() -> Iterator[tuple[str, int]]:
    """Name and length of every function, its docstring and signature not counted."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                length = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                yield f"{path.relative_to(REPOSITORY)}: {node.name}", length


def test_nothing_new_stands_at_the_top() -> None:
    """The top level is fixed; everything has a room below it."""
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip(f"not a git checkout: {listed.stderr.strip()}")
    top = {path.split("/")[0] for path in listed.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} == TOP


def test_tests_stand_where_the_code_stands() -> None:
    """A folder of tests is a room's, or one of the few that belong to all of them."""
    rooms = {path.name for path in (REPOSITORY / "monitor").iterdir() if path.is_dir()}
    folders = {
        path.parent.relative_to(REPOSITORY / "tests").parts[0]
        for path in (REPOSITORY / "tests").rglob("test_*.py")
        if path.parent != REPOSITORY / "tests"
    }
    assert folders - rooms <= {"contracts", "faults", "page", "replay", "deploy", "standins", "story"}


def test_every_module_says_what_it_owns() -> None:
    """It opens with a docstring of at least one whole sentence; only an empty `__init__` may be silent."""
    silent = []
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        words = ast.get_docstring(ast.parse(text)) or ""
        if text.strip() and (len(words.split()) < 4 or "." not in words):
            silent.append(str(path.relative_to(REPOSITORY)))
    assert silent == []


def test_files_and_functions_stay_small() -> None:
    """What does not fit on a page is two things."""
    files = {str(path.relative_to(REPOSITORY)): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: lines for name, lines in files.items() if lines > LONGEST_FILE} == {}
    assert statistics.median(files.values()) <= MEDIAN_FILE
    lengths = list(functions())
    assert [(name, length) for name, length in lengths if length > LONGEST_FUNCTION] == []
    assert statistics.median(length for _, length in lengths) <= MEDIAN_FUNCTION


def test_every_test_says_what_it_shows() -> None:
    """One sentence each: what holds, in the words of the field."""
    silent = [
        f"{path.relative_to(REPOSITORY)}: {node.name}"
        for path in (REPOSITORY / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_cpu_and_gpu_run_times_never_meet() -> None:
    """The two wheels own one module: each is in its own extra and in no other."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    holders = {
        wheel: [name for name, needs in extras.items() if any(need.split(">")[0] == wheel for need in needs)]
        for wheel in ("onnxruntime", "onnxruntime-gpu")
    }
    assert holders == {"onnxruntime": ["cpu"], "onnxruntime-gpu": ["gpu"]}
    assert not any(need.startswith("onnxruntime") for need in project["dependencies"])


def test_what_ci_installs_is_pinned() -> None:
    """Every dependency of every extra that CI uses has exactly one version in the constraints."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needs = project["dependencies"] + [
        n for extra in ("cpu", "hardware", "train", "dev") for n in project["optional-dependencies"][extra]
    ]
    lines = (REPOSITORY / "deploy" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {line.split("==")[0].strip().lower().replace("_", "-") for line in lines if "==" in line}
    names = {need.split(">")[0].split("[")[0].strip().lower() for need in needs}
    assert names - pins == set()
