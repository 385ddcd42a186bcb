"""What comes from outside gets in only when it is a whole bundle, and nothing of it is trusted before that."""

from __future__ import annotations

import io
import os
import pickle
import stat
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.domain import BundleError, MonitorError
from monitor.inference import Bundle, pack, receive
from monitor.inference.bundle import parse_manifest
from monitor.inference.writing import to_toml
from tests.inference.small import make_bundle

Spoil = Callable[[Path], Path]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "given")


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def zipped(bundle: Path, change: Callable[[zipfile.ZipFile], None] = lambda archive: None) -> Path:
    path = bundle.parent / "bundle.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(bundle.iterdir()):
            archive.write(file, f"small/{file.name}")
        change(archive)
    return path


def loose(bundle: Path) -> Path:
    """The manifest as `model.toml` beside its files, as one who has a bare ONNX file puts it."""
    (bundle / "bundle.toml").rename(bundle / "model.toml")
    return bundle / "model.onnx"


@pytest.mark.parametrize("form", ["folder", "zip", "manifest", "bare file"])
def test_each_form_of_a_bundle_gives_the_same_bundle(bundle: Path, empty: Path, form: str) -> None:
    """By its digest; files that the manifest does not name stay outside."""
    label = Bundle.load(bundle).label
    (bundle / "extra.pkl").write_bytes(pickle.dumps(1))
    given_ = {
        "folder": lambda: bundle,
        "zip": lambda: zipped(bundle),
        "manifest": lambda: loose(bundle).with_suffix(".toml"),
        "bare file": lambda: loose(bundle),
    }[form]()
    assert receive(given_, empty).label == label
    assert sorted(path.name for path in empty.iterdir()) == ["bundle.toml", "model.onnx", "self_test.npz"]


def test_an_exported_bundle_comes_back_as_it_was(bundle: Path, empty: Path, tmp_path: Path) -> None:
    """The archive is the same bytes each time, and is never written over another file."""
    loaded = Bundle.load(bundle)
    first = pack(loaded, tmp_path)
    assert first.name == f"{loaded.label}.zip"
    assert receive(first, empty).digest == loaded.digest
    assert pack(loaded, tmp_path / "again.zip").read_bytes() == first.read_bytes()
    with pytest.raises(BundleError, match="is there already"):
        pack(loaded, first)


def traversal(bundle: Path) -> Path:
    return zipped(bundle, lambda archive: archive.writestr("small/../../out.onnx", b"x"))


def absolute(bundle: Path) -> Path:
    return zipped(bundle, lambda archive: archive.writestr("/etc/out.onnx", b"x"))


def link_in_zip(bundle: Path) -> Path:
    entry = zipfile.ZipInfo("small/link.onnx")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return zipped(bundle, lambda archive: archive.writestr(entry, "/etc/passwd"))


def bomb(bundle: Path) -> Path:
    return zipped(bundle, lambda archive: archive.writestr("small/zeros.onnx", bytes(64 << 20)))


def cut_zip(bundle: Path) -> Path:
    path = zipped(bundle)
    path.write_bytes(path.read_bytes()[:-100])
    return path


def broken_zip(bundle: Path) -> Path:
    path = zipped(bundle)
    data = bytearray(path.read_bytes())
    data[200:260] = bytes(60)
    path.write_bytes(data)
    return path


def two_bundles(bundle: Path) -> Path:
    return zipped(bundle, lambda archive: archive.writestr("other/bundle.toml", b""))


def without_file(bundle: Path) -> Path:
    (bundle / "model.onnx").unlink()
    return zipped(bundle)


def half_copied(bundle: Path) -> Path:
    path = bundle / "model.onnx"
    path.write_bytes(path.read_bytes()[:-10])
    return bundle


def link_in_folder(bundle: Path) -> Path:
    (bundle / "model.onnx").rename(bundle.parent / "elsewhere.onnx")
    (bundle / "model.onnx").symlink_to(bundle.parent / "elsewhere.onnx")
    return bundle


def pipe(bundle: Path) -> Path:
    (bundle / "model.onnx").unlink()
    os.mkfifo(bundle / "model.onnx")
    return bundle


def link_itself(bundle: Path) -> Path:
    (bundle.parent / "link").symlink_to(bundle)
    return bundle.parent / "link"


def bare(bundle: Path) -> Path:
    (bundle / "bundle.toml").unlink()
    return bundle / "model.onnx"


def pickled(bundle: Path) -> Path:
    path = bundle.parent / "weights.pth"
    path.write_bytes(pickle.dumps({"a": 1}))
    return path


def other_graph(bundle: Path) -> Path:
    (bundle / "model.onnx").rename(bundle / "model.pt2")
    manifest = bundle / "bundle.toml"
    manifest.write_text(manifest.read_text().replace("model.onnx", "model.pt2"))
    return bundle


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (traversal, "leads out of the archive"),
        (absolute, "leads out of the archive"),
        (link_in_zip, "is a link or a device"),
        (bomb, "would unpack from"),
        (cut_zip, "damaged or cut off"),
        (broken_zip, "damaged or cut off"),
        (two_bundles, "holds 2 files bundle.toml"),
        (without_file, "holds no file model.onnx"),
        (half_copied, "still being written"),
        (link_in_folder, "is a link"),
        (pipe, "is not a plain file"),
        (link_itself, "is a link"),
        (bare, "has no manifest beside it"),
        (pickled, "may hold a pickle"),
        (other_graph, "is not a whole .pt2 program"),
        (lambda bundle: bundle.parent / "nowhere", "is not there"),
        (lambda bundle: bundle / "self_test.npz", "neither a bundle's folder"),
    ],
)  # fmt: skip
def test_what_is_no_whole_safe_bundle_is_refused(bundle: Path, empty: Path, spoil: Spoil, words: str) -> None:
    """Each with the file, the reason and the cure; nothing is written beside the folder that it was given."""
    path = spoil(bundle)
    before = sorted(bundle.parent.rglob("*"))
    with pytest.raises(BundleError) as caught:
        receive(path, empty)
    assert words in f"{caught.value.what} {caught.value.cure}"
    assert str(path) in caught.value.what or path.name in caught.value.what or str(empty) in caught.value.what
    assert caught.value.cure
    assert sorted(bundle.parent.rglob("*")) == before


def test_a_pickle_is_never_opened(tmp_path: Path, empty: Path) -> None:
    """It would make a file when it is loaded; the file is not there."""

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "ran"),)

    for name in ("weights.pth", "weights.pt", "weights.bin", "weights.ckpt"):
        (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
        with pytest.raises(BundleError):
            receive(tmp_path / name, empty)
    assert not (tmp_path / "ran").exists()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["format", "name", "version", "kind", "files", "diffusion", "segmenter", "self_test", "metrics"])


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_no_manifest_but_an_error_for_a_person(data: bytes) -> None:
    """No crash, no hang."""
    with pytest.raises(MonitorError):
        parse_manifest(Path("bundle.toml"), data)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=KEYS, value=values)
def test_any_value_in_a_manifest_is_taken_or_refused(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: object
) -> None:
    """A good manifest with one value replaced by anything: a manifest or an error for a person, never a crash."""
    data = Bundle.read(_good(tmp_path_factory)).manifest.model_dump(mode="json", exclude_none=True)
    try:
        text = to_toml(data | {key: value})
    except (TypeError, ValueError, AttributeError):
        return  # not to be written as TOML at all
    with suppress(MonitorError):
        parse_manifest(Path("bundle.toml"), text.encode(errors="replace"))


def _good(factory: pytest.TempPathFactory) -> Path:
    place = factory.getbasetemp() / "good-manifest"
    return place / "small" if place.exists() else make_bundle(place)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 2000), piece=st.binary(min_size=1, max_size=8))
def test_a_zip_with_any_bytes_changed_is_refused_or_the_same_bundle(
    tmp_path_factory: pytest.TempPathFactory, at: int, piece: bytes
) -> None:
    """Whatever is written over it: an error for a person, or a bundle whose digests hold."""
    good = _good(tmp_path_factory)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(good.iterdir()):
            archive.write(file, file.name)
    data = bytearray(buffer.getvalue())
    start = at % len(data)
    data[start : start + len(piece)] = piece
    folder = tmp_path_factory.mktemp("changed")
    (folder / "in").mkdir()
    (folder / "b.zip").write_bytes(data)
    try:
        received = receive(folder / "b.zip", folder / "in")
    except BundleError:
        return
    assert received.digest == Bundle.read(good).digest
