"""Where bundles are. Owns the lookup by name; refuses to open them."""

from __future__ import annotations

from pathlib import Path

import monitor
from monitor.domain import BundleError
from monitor.inference.bundle import MANIFEST


def default_models_dir() -> Path:
    """Directory of the bundles that came with the program: inside the installed package, or beside it in a checkout."""
    package = Path(monitor.__file__).resolve().parent
    installed = package / "_models"
    return installed if installed.is_dir() else package.parent / "models"


def find_bundle(models_dir: Path | None, name: str) -> Path:
    """Directory of the bundle with this name.

    Args:
        models_dir: directory of bundles; None for those that came with the program.
        name: name of the bundle, which is its directory's name.

    Raises:
        BundleError: no such bundle.
    """
    root = models_dir if models_dir is not None else default_models_dir()
    path = root / name
    if name != Path(name).name or not (path / MANIFEST).is_file():
        found = sorted(entry.parent.name for entry in root.glob(f"*/{MANIFEST}"))
        raise BundleError(
            f"there is no bundle '{name}' in {root}",
            cure=f"choose one of {', '.join(found)}" if found else "put a bundle there or set the models directory",
        )
    return path
