"""deploy/build_page.py as a module, for the tests that need the built page."""

from __future__ import annotations

import importlib.util
from types import ModuleType

from tests.conftest import REPOSITORY


def load_builder() -> ModuleType:
    """The script that builds the page; `build()` does nothing where the page is up to date."""
    spec = importlib.util.spec_from_file_location("build_page", REPOSITORY / "deploy" / "build_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
