"""A bundle is run only when it is what its manifest says."""

from __future__ import annotations

import shutil
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from monitor.config import Settings
from monitor.domain import BundleError
from monitor.inference import Bundle, default_models_dir, find_bundle, find_certainty
from monitor.inference.writing import to_toml
from tests.inference.small import SHAPE, make_bundle, make_segmenter, onnx_model, picture, save, seal

Change = Callable[[str], str]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_bundle(tmp_path)


def edit(bundle: Path, change: Change) -> None:
    path = bundle / "bundle.toml"
    text = path.read_text()
    changed = change(text)
    assert changed != text
    path.write_text(changed)


def refused(bundle: Path) -> BundleError:
    with pytest.raises(BundleError) as caught:
        Bundle.load(bundle)
    assert caught.value.cure
    return caught.value


def test_a_good_bundle_loads_and_runs(bundle: Path) -> None:
    """Its self-test holds, it names itself by its digest, and its graph runs."""
    loaded = Bundle.load(bundle)
    assert loaded.self_test == {"model": 0.0}
    assert loaded.label == f"small@{loaded.digest[:12]}"
    assert loaded.manifest.training["seeds"] == [1, 2]
    session = loaded.session("model")
    assert session.provider == "CPUExecutionProvider"
    (output,) = session.run({"lr": picture()}).values()
    assert output.shape == SHAPE
    with pytest.raises(BundleError, match="no file with the role 'encoder'") as caught:
        loaded.session("encoder")
    assert "model, self_test" in caught.value.cure


def test_a_bundle_without_its_self_test_run_says_so(bundle: Path) -> None:
    """A list of bundles need not run them; nothing is claimed then."""
    assert Bundle.load(bundle, self_test=False).self_test == {}


def test_the_digest_stands_for_the_whole_bundle(tmp_path: Path) -> None:
    """The same files give the same digest anywhere; any other file gives another."""
    first, second = make_bundle(tmp_path / "a"), make_bundle(tmp_path / "b")
    assert Bundle.load(first).digest == Bundle.load(second).digest
    save(second / "model.onnx", onnx_model(np.ones((1, 1, 3, 3), np.float32)))
    seal(second)
    assert Bundle.load(first).digest != Bundle.load(second, self_test=False).digest


@pytest.mark.parametrize("name", ["model.onnx", "self_test.npz"])
def test_a_changed_file_is_refused(bundle: Path, name: str) -> None:
    """One bit is enough; both digests are told."""
    path = bundle / name
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    error = refused(bundle)
    assert f"{path}: has SHA-256" in error.what
    assert "bundle.toml says" in error.what


def test_a_missing_file_is_refused(bundle: Path) -> None:
    """The file is named."""
    (bundle / "model.onnx").unlink()
    assert "model.onnx: is named in bundle.toml but is not there" in refused(bundle).what


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("../model.onnx", "plain relative path"),
        ("/etc/model.onnx", "plain relative path"),
        ("sub/../../model.onnx", "plain relative path"),
        ("./model.onnx", "plain relative path"),
        ("a//model.onnx", "plain relative path"),
        ("C:model.onnx", "plain relative path"),
        ("model.pkl", "suffix"),
        ("model.pt", "suffix"),
        ("model.pth", "suffix"),
        ("model.ckpt", "suffix"),
        ("model.bin", "suffix"),
        ("model", "suffix"),
    ],
)
def test_a_path_out_of_the_bundle_or_a_pickle_is_refused(bundle: Path, path: str, words: str) -> None:
    """By its name alone, before anything is opened."""
    edit(bundle, lambda text: text.replace('"model.onnx"', f'"{path}"'))
    assert words in refused(bundle).what


def test_a_link_out_of_the_bundle_is_refused(bundle: Path, tmp_path: Path) -> None:
    """Even to the very file that the manifest names, by a link of the file or of a folder."""
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.move(bundle / "model.onnx", outside / "model.onnx")
    (bundle / "model.onnx").symlink_to(outside / "model.onnx")
    assert "leads out of the bundle" in refused(bundle).what
    (bundle / "sub").symlink_to(outside)
    edit(bundle, lambda text: text.replace('"model.onnx"', '"sub/model.onnx"'))
    assert "leads out of the bundle" in refused(bundle).what


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("format = 1", "format = 2"), "has format 2, this program knows 1"),
        (lambda text: "colour = 'red'\n" + text, "colour"),
        (lambda text: text.replace("um_per_px = 100.0", "um_per_px = -1.0"), "um_per_px"),
        (lambda text: text.replace("um_per_px = 100.0", "um_per_px = nan"), "um_per_px"),
        (lambda text: text.replace("licence", "license"), "licence"),
        (lambda text: text.replace('"regression"', '"oracle"'), "kind"),
        (lambda text: text.replace('"regression"', '"segmenter"'), "also needs decoder, encoder"),
        (lambda text: text.replace("[files.model]", "[files.Model-1]"), "roles must be short"),
        (lambda text: text.replace("[files.self_test]", "[files.other]"), "also needs self_test"),
        (lambda text: text.replace('"small"', '"../small"', 1), "name"),
        (lambda text: text.replace("sha256 = ", "sha256 = 'F' # "), "sha256"),
        (lambda text: text + "[segmenter]\nimage_size = 64\nmin_iou = 0.5\nmin_stability = 0.5\n", "[segmenter]"),
        (lambda text: text[:-30], "not valid TOML"),
        (lambda text: "é" * 2**20, "larger than"),
    ],
)
def test_a_manifest_that_is_not_of_this_format_is_refused(bundle: Path, change: Change, words: str) -> None:
    """Newer, with an unknown key, a wrong value, a missing role or cut off: the key is named."""
    edit(bundle, change)
    error = refused(bundle)
    assert words in error.what
    assert str(bundle / "bundle.toml") in error.what


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    """Also one that is not there."""
    for path in (tmp_path, tmp_path / "absent"):
        assert "cannot be read" in refused(path).what


def test_weights_in_an_external_file_are_refused(bundle: Path) -> None:
    """A run time would open whatever path the file names."""
    model = onnx_model(np.ones((1, 1, 3, 3), np.float32))
    onnx.external_data_helper.convert_model_to_external_data(model, location="weights.bin", size_threshold=0)
    onnx.save(model, bundle / "model.onnx")
    assert (bundle / "weights.bin").is_file()
    seal(bundle)
    error = refused(bundle)
    assert "external file" in error.what
    assert "external_data=False" in error.cure


def test_external_weights_deep_inside_are_refused(bundle: Path) -> None:
    """In the attribute of a node in the branch of an If, where no list of initialisers has them."""
    secret = onnx.TensorProto(name="s", data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
    secret.external_data.add(key="location", value="/etc/passwd")
    constant = onnx.helper.make_node("Constant", [], ["c"])
    constant.attribute.append(onnx.AttributeProto(name="value", type=onnx.AttributeProto.TENSOR, t=secret))
    branch = onnx.helper.make_graph([constant], "branch", [], [])
    model = onnx_model()
    model.graph.node.append(onnx.helper.make_node("If", ["condition"], ["c"], then_branch=branch, else_branch=branch))
    save(bundle / "model.onnx", model)
    seal(bundle)
    assert "external file" in refused(bundle).what


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04 not a model", b"\x80\x04\x95pickle", b"\x08\x08", onnx_model().SerializeToString()[:60]],
)
def test_a_file_that_is_no_whole_onnx_is_refused(bundle: Path, content: bytes) -> None:
    """Empty, of another kind, without a graph or cut off, whatever its name and digest."""
    (bundle / "model.onnx").write_bytes(content)
    seal(bundle)
    assert str(bundle / "model.onnx") in refused(bundle).what


def test_a_model_that_gives_other_numbers_is_refused(bundle: Path) -> None:
    """The self-test finds swapped weights that the digests, made again, do not."""
    save(bundle / "model.onnx", onnx_model(np.ones((1, 1, 3, 3), np.float32)))
    seal(bundle)
    error = refused(bundle)
    assert "the self-test failed: 'sr' differs by up to" in error.what


def test_a_model_that_gives_no_finite_numbers_is_refused(bundle: Path) -> None:
    """Not a number is never near enough."""
    save(bundle / "model.onnx", onnx_model(np.full((1, 1, 3, 3), np.nan, np.float32)))
    seal(bundle)
    assert "not finite" in refused(bundle).what


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"model/in/lr": picture()}, "has no outputs for 'model'"),
        ({"model/in/lr": picture(), "model/out/hr": picture()}, "gives outputs ['sr'], the self-test expects ['hr']"),
        ({"model/in/x": picture(), "model/out/sr": picture()}, "takes inputs ['lr'], was given ['x']"),
        ({"model/in/lr": picture(), "model/out/sr": np.zeros(3, np.float32)}, "has shape (1, 1, 8, 8), expected (3,)"),
        ({"model/in/lr": picture().astype(np.float64), "model/out/sr": picture()}, "failed"),
    ],
)
def test_a_self_test_that_does_not_fit_is_refused(bundle: Path, arrays: dict[str, np.ndarray], words: str) -> None:
    """Missing outputs, other names, another shape, another type: each is said."""
    np.savez(bundle / "self_test.npz", **arrays)
    seal(bundle)
    assert words in refused(bundle).what


def test_a_pickle_in_the_self_test_is_never_loaded(bundle: Path, tmp_path: Path) -> None:
    """An array of objects would run code when it is read."""

    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    np.savez(bundle / "self_test.npz", **{"model/in/lr": np.array([Trap()], dtype=object)})
    seal(bundle)
    assert "cannot be read" in refused(bundle).what
    assert not (tmp_path / "sprung").exists()


def test_a_self_test_that_would_fill_the_memory_is_refused(bundle: Path) -> None:
    """A small file that unpacks to 300 MB is refused before it is unpacked."""
    with (
        zipfile.ZipFile(bundle / "self_test.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("model/in/lr.npy", "w") as file,
    ):
        for _ in range(300):
            file.write(bytes(2**20))
    seal(bundle)
    assert (bundle / "self_test.npz").stat().st_size < 2 * 2**20
    assert "would unpack to 314572800 bytes" in refused(bundle).what


def npy(shape: str, content: bytes = b"") -> bytes:
    """An array's file with a header of our own."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(0x75) + b"\n"
    return b"\x93NUMPY\x01\x00\x76\x00" + header + content


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model/in/lr.npy", npy("(1073741824,)")),  # says that it is larger than it is
        ("model/in/lr.npy", npy("(1 << 60,)")),
        ("model/in/lr.npy", npy("(1152921504606846976,)")),  # larger than any memory
        ("model/in/lr.npy", npy("(-1,)")),
        ("model/in/lr.npy", b""),
        ("model/in/lr.npy", npy("(2,)", bytes(8))[:40]),
        ("model/out/sr.npy", b"no array at all"),
        ("model/out/sr", b"no array at all"),
    ],
)
def test_a_self_test_that_lies_is_refused(bundle: Path, name: str, content: bytes) -> None:
    """Headers that are cut off, impossible or not there: an error for a person, never a crash."""
    with zipfile.ZipFile(bundle / "self_test.npz", "w") as archive:
        archive.writestr(name, content)
    seal(bundle)
    refused(bundle)


def test_a_self_test_with_damaged_compression_is_refused(bundle: Path) -> None:
    """Also when its digest was made after the damage."""
    np.savez_compressed(bundle / "self_test.npz", **{"model/in/lr": picture(), "model/out/sr": picture()})
    data = bytearray((bundle / "self_test.npz").read_bytes())
    for flip in range(60, len(data), 37):
        damaged = data.copy()
        damaged[flip] ^= 0x5A
        (bundle / "self_test.npz").write_bytes(damaged)
        seal(bundle)
        refused(bundle)


def test_every_graph_of_a_bundle_is_tried(tmp_path: Path) -> None:
    """A segmenter has two; one without a case in the self-test is refused."""
    path = make_segmenter(tmp_path)
    assert Bundle.load(path).self_test == {"encoder": 0.0, "decoder": 0.0}


def test_bundles_are_found_by_name_and_never_by_path(tmp_path: Path) -> None:
    """The error lists what is there; a name with a path in it is no name."""
    make_bundle(tmp_path, "one")
    make_bundle(tmp_path, "two")
    assert find_bundle(tmp_path, "one") == tmp_path / "one"
    for name in ("three", "../one", f"{tmp_path}/one", "one/", ".."):
        with pytest.raises(BundleError) as caught:
            find_bundle(tmp_path, name)
        assert caught.value.cure == "choose one of one, two"
    with pytest.raises(BundleError, match="no bundle") as caught:
        find_bundle(tmp_path / "absent", "one")
    assert "set the models directory" in caught.value.cure


def test_the_bundles_that_come_with_the_program_hold() -> None:
    """Every shipped bundle loads, passes its self-test and has its directory's name."""
    folders = sorted(path.parent for path in default_models_dir().glob("*/bundle.toml"))
    if not folders:
        pytest.skip(f"no bundle is in {default_models_dir()}")
    for folder in folders:
        assert Bundle.load(folder).manifest.name == folder.name


def test_the_default_way_of_making_products_has_intervals() -> None:
    """What was measured of the shipped segmenter's errors names the bundle that ships, at the default's settings."""
    models = default_models_dir()
    if not (models / "intervals.toml").is_file():
        pytest.skip(f"no intervals are in {models}")
    settings = Settings()
    label = Bundle.read(find_bundle(models, settings.segment.bundle)).label
    known = find_certainty(models, "", label, settings.upscale.samples, settings.plate.um_per_px)
    assert settings.segment.picture != "upscaled"
    assert known is not None
    assert {"area", "Sa", "hausdorff", "wall thickness"} <= set(known.factors)


def test_a_manifest_is_read_back_as_it_was_written() -> None:
    """Strings with quotes, controls and signs, dotted keys, numbers, lists: TOML keeps them all."""
    data = {
        "text": 'a "b" \\ \n\t µm² \x7f',
        "n": [1, 2.5, -3e-9],
        "flags": {"on": True, "key with space": {"a.b": "c", "é": 1}},
        "empty": [],
    }
    assert tomllib.loads(to_toml(data)) == data
