"""Configuration files of any content: settings, or an error that names the file. No crash, no hang."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.config import Settings, load_settings
from monitor.domain import ConfigError
from monitor.inference.writing import to_toml

values = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=3),
    max_leaves=6,
)
SECTIONS = sorted(Settings.model_fields)
KEYS = sorted(
    {key for field in Settings.model_fields.values() for key in getattr(field.annotation, "model_fields", {})}
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode(errors="replace")))
def test_any_bytes_are_settings_or_an_error(tmp_path: Path, data: bytes) -> None:
    """What is not TOML is told with the file's name."""
    path = tmp_path / "monitor.toml"
    path.write_bytes(data)
    try:
        load_settings(path)
    except ConfigError as error:
        told = error.what
    else:
        return
    assert "monitor.toml" in told


@pytest.mark.parametrize("section", SECTIONS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(KEYS), value=values)
def test_any_value_under_any_key_is_settings_or_an_error(tmp_path: Path, section: str, key: str, value: object) -> None:
    """Known and unknown keys, right and wrong types, in every section."""
    path = tmp_path / "monitor.toml"
    with suppress(UnicodeEncodeError):
        path.write_text(to_toml({section: {key: value}}), encoding="utf-8")
        with suppress(ConfigError):
            load_settings(path)
