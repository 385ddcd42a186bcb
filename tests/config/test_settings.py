"""The configuration file through its one door."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

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


def test_every_relative_path_starts_at_the_file(tmp_path: Path) -> None:
    """Store, models, STL parts, CAD and webcam files; URLs, devices and serial numbers stay as they are."""
    text = """
    store.root = "../builds"
    worker.models = "bundles"
    worker.source = "a"
    [[simulation.parts]]
    kind = "stl"
    path = "parts/bracket.stl"
    [[simulation.parts]]
    kind = "ring"
    [[segment.cad]]
    path = "parts/bracket.3mf"
    """
    sources = {"a": "films/a.mp4", "b": "/dev/v4l/by-id/cam", "c": "rtsp://cam/1", "d": "films/%03d.png"}
    for name, source in sources.items():
        text += f'[[cameras]]\nname = "{name}"\nrole = "webcam"\ndevice = "opencv"\nsource = "{source}"\n'
    text += '[[cameras]]\nname = "e"\nrole = "basler"\ndevice = "pylon"\nsource = "24015972"\n'
    settings = load_settings(write(tmp_path, text))
    assert settings.store.root.resolve() == tmp_path.parent / "builds"
    assert settings.worker.models == tmp_path / "bundles"
    assert [part.path for part in settings.simulation.parts] == [str(tmp_path / "parts/bracket.stl"), ""]
    assert [cad.path for cad in settings.segment.cad] == [tmp_path / "parts/bracket.3mf"]
    assert [camera.source for camera in settings.cameras] == [
        str(tmp_path / "films/a.mp4"),
        sources["b"],
        sources["c"],
        str(tmp_path / "films/%03d.png"),
        "24015972",
    ]


def test_a_prior_of_cad_needs_cad(tmp_path: Path) -> None:
    """Without a file nothing would be expected, and nobody would know."""
    with pytest.raises(ConfigError, match=r"no \[\[segment.cad\]\] names a file"):
        load_settings(write(tmp_path, '[segment]\nprior = "cad"\n'))


TWO_CAMERAS = """\
[[cameras]]
name = "webcam"
role = "webcam"
[cameras.corners]
image_px = [[0, 0], [9, 0], [9, 9], [0, 9]]
plate_mm = [[0, 0], [9, 0], [9, 9], [0, 9]]
[[cameras]]
name = "basler"
role = "basler"
[cameras.corners]
image_px = [[0, 0], [9, 0], [9, 9], [0, 9]]
plate_mm = [[0, 0], [9, 0], [9, 9], [0, 9]]
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('role = "basler"\n', "", 7, "cameras[1].role: Field required"),
        ('"basler"\nrole', '"Basler 2"\nrole', 8, "cameras[1].name = 'Basler 2'"),
        ("[0, 9]]\n[[cam", "['x', 9]]\n[[cam", 6, "cameras[0].corners.plate_mm[3][0] = 'x'"),
        ('name = "basler"', 'name = "webcam"', None, "camera names must differ, but are ['webcam', 'webcam']"),
        (
            'name = "webcam"',
            'name = "front"',
            None,
            "worker.source is 'webcam', but the cameras are ['front', 'basler']",
        ),
    ],
)
def test_errors_in_a_list_of_cameras_find_their_camera(
    tmp_path: Path, old: str, new: str, line: int | None, words: str
) -> None:
    """Two tables with the same keys: the line is that of the wrong one."""
    assert old in TWO_CAMERAS
    path = write(tmp_path, TWO_CAMERAS.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    where = f"{path}:{line}" if line else f"{path}: (whole file)"
    assert f"{where}: {words}" in caught.value.what


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("trigger.rate_hz = 0", 1),
        ("[web]\nport = 1\n[trigger]\n'rate_hz' = 0", 4),
        ('["trigger"]\nrate_hz = 0', 2),
        ("trigger = {rate_hz = 0}", 1),
        ("# rate_hz = 0\n[ trigger ]  # rate_hz = 0\n\n  rate_hz=0 # wrong", 4),
    ],
)
def test_every_way_to_write_a_key_has_a_line(tmp_path: Path, text: str, line: int) -> None:
    """Dotted, quoted, inline, with comments and spaces."""
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert caught.value.what == f"{path}:{line}: trigger.rate_hz = 0: Input should be greater than 0"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[plate]\nshape = [0, 5]", "plate.shape[0] = 0"),
        ("[plate]\norigin_mm = [nan, 0]", "finite"),
        ("[acquire]\nlayer_height_um = inf", "finite"),
        ("[trigger.detector]\non_volts = nan", "finite"),
        ("[trigger]\nchannels = []", "at least 1"),
        ("[simulation]\nrecoat_s = [9, 3]", "recoat_s must be (shortest, longest)"),
        ("[segment]\nmelt_rate_mm2_s = [120.0, 60.0]", "must have the least first, then the most"),
        ("[[simulation.parts]]\nkind = 'stl'", "needs the path"),
        ("[[simulation.parts]]\npath = 'x.stl'", "only such a part"),
        ("[worker]\nproduct_set = '../raw'", "pattern"),
        ("cameras = []", "at least one [[cameras]] table"),
        ("cameras = 3", "cameras = 3"),
        ("store = 'here'", "store = 'here'"),
    ],
)
def test_a_value_that_would_fail_later_fails_here(tmp_path: Path, text: str, words: str) -> None:
    """What the file check passes, the processes can start with."""
    with pytest.raises(ConfigError) as caught:
        load_settings(write(tmp_path, text))
    assert words in caught.value.what


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


@example("[a]]\n[[", ["a", 0])
@given(
    st.text("ab[]=.'\"\n# ", max_size=60) | st.text(max_size=200),
    st.lists(st.one_of(st.integers(0, 3), st.text(max_size=5)), max_size=4),
)
def test_finding_a_line_never_fails(text: str, where: list[int | str]) -> None:
    """Whatever the text, the search gives a line of it or none."""
    line = find_line(text, tuple(where))
    assert line is None or 1 <= line <= len(text.splitlines())


def sections(model: type[BaseModel] = Settings) -> set[type[BaseModel]]:
    """A section and all below it."""

    def inside(annotation: object) -> set[type[BaseModel]]:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return sections(annotation)
        return {found for argument in get_args(annotation) for found in inside(argument)}

    return {model} | {found for field in model.model_fields.values() for found in inside(field.annotation)}


def test_every_setting_is_described() -> None:
    """The reference for users is made from these sentences: each setting has one, each section too."""
    assert len(sections()) > 12
    undescribed = [
        f"{section.__name__}.{name}"
        for section in sections() - {Settings}
        for name, field in section.model_fields.items()
        if not (field.description or "").strip().endswith(".")
    ]
    assert undescribed == []
    assert [section for section in sections() if not section.__doc__] == []


def test_every_section_is_closed_and_its_defaults_hold() -> None:
    """An unknown key is an error everywhere, nothing changes after loading, and defaults pass their own checks."""
    for section in sections():
        assert section.model_config["extra"] == "forbid"
        assert section.model_config["frozen"] is True
    assert Settings.model_validate(Settings().model_dump()) == Settings()
    assert Settings.model_validate_json(Settings().model_dump_json()) == Settings()
