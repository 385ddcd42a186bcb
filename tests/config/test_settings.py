"""The configuration file through its one door."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import Settings, load_settings
from monitor.config.locate import find_line
from monitor.domain import ConfigError


def write(folder: Path, text: str) -> Path:
    path = folder / "monitor.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    """Every setting has a default that works with the virtual printer."""
    settings = load_settings(write(tmp_path, ""))
    assert settings.trigger == Settings().trigger
    assert {camera.device for camera in settings.cameras} == {"simulated"}


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    """A service's working directory must not decide where builds go."""
    settings = load_settings(write(tmp_path, '[store]\nroot = "kept"\n'))
    assert settings.store.root == tmp_path / "kept"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[trigger]\nrate_hz = -5\n", 2, ["trigger.rate_hz = -5", "greater than 0"]),
        ("[trigger.detector]\non_volt = 3\n", 2, ["unknown key", "did you mean 'on_volts'"]),
        ("[web]\nport = 'x'\n", 2, ["web.port = 'x'", "integer"]),
        ('[worker]\nsource = "front"\n', None, ["worker.source is 'front'", "webcam"]),
        ("[trigger.detector]\non_volts = 1\n", 1, ["off_volts (1.5) must be below on_volts (1.0)"]),
        ("[nonsense]\n", 1, ["nonsense: unknown key", "known here: store"]),
        (
            '[[cameras]]\nname = "webcam"\nrole = "webcam"\n[[cameras]]\nname = "b"\nrole = "other"\n',
            6,
            ["cameras[1].role = 'other'", "'webcam' or 'basler'"],
        ),
    ],
)
def test_an_error_names_file_line_key_value_and_what_is_allowed(
    tmp_path: Path, text: str, line: int | None, words: list[str]
) -> None:
    """The operator must be able to correct the file without reading code."""
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert (f"{path}:{line}:" if line else f"{path}: ") in caught.value.what
    for word in words:
        assert word in caught.value.what
    assert caught.value.cure


def test_all_errors_are_told_at_once(tmp_path: Path) -> None:
    """One run of the check is enough to correct a file."""
    path = write(tmp_path, "[web]\nport = 0\n[trigger]\nrate_hz = 0\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert caught.value.what.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "word"), [(b"[store\n", "not valid TOML"), (b"\xff\xfe", "not UTF-8"), (None, "cannot be read")]
)
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes | None, word: str) -> None:
    """Syntax errors, other encodings and missing files each have their sentence."""
    path = tmp_path / "monitor.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=word):
        load_settings(path)


@given(st.text(max_size=200), st.lists(st.one_of(st.integers(0, 3), st.text(max_size=5)), max_size=4))
def test_finding_a_line_never_fails(text: str, where: list[int | str]) -> None:
    """Whatever the text, the search gives a line of it or none."""
    line = find_line(text, tuple(where))
    assert line is None or 1 <= line <= len(text.splitlines())


def test_every_setting_is_described() -> None:
    """The reference for users is made from these sentences."""

    def undescribed(model: type) -> list[str]:
        fields = model.model_fields  # type: ignore[attr-defined]
        return [
            f"{model.__name__}.{name}"
            for name, field in fields.items()
            if not field.description and not hasattr(field.annotation, "model_fields")
        ]

    from monitor import config

    sections = [getattr(config, name) for name in config.__all__ if name.endswith("Settings") and name != "Settings"]
    assert [key for section in sections for key in undescribed(section)] == []
