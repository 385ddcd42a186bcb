"""What every test may use: the shared real layer images, where they are present; hypothesis without a clock."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parents[1]

# No test asserts wall-clock speed, so neither does hypothesis: a busy machine is no failure.
settings.register_profile("no-clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no-clock")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Directory of real layer images, kept beside the repository and never inside it."""
    path = REPOSITORY.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"real layer images are not at {path}")
    return path
