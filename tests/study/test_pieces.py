"""The pieces that studies share: plans, data, cache, tables, planted inventions."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain import BundleError, ConfigError
from monitor.learn.precision import pick_device
from monitor.study import figures
from monitor.study.cache import Cache, digest_of
from monitor.study.data import LayerPair, hr_only_builds, kernel_sigma, real_layers, split_parts, synthetic, virtual_set
from monitor.study.figures import surfaces, write_figure
from monitor.study.findings import Table, mean_of, spread
from monitor.study.meter import Meter
from monitor.study.methods import PLAIN, bundle_paths, in_tone
from monitor.study.needs import drawn_layers, refuse_without_gpu
from monitor.study.plan import Plan, load_plan, recipes_dir, sizes
from monitor.study.planting import KINDS, auc, plant, scores
from monitor.study.quality import powder_corners
from monitor.study.run import run_studies
from monitor.study.stacks import Stack, overlap, true_stacks
from monitor.study.tables import markdown, shown, write_table
from monitor.study.training import KINDS as TRAINED
from monitor.study.trust import reliability
from monitor.volume import Mesh


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The plan of CI."""
    return load_plan("smoke")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """An empty cache."""
    return Cache(tmp_path_factory.mktemp("cache"))


def pair(edge: int = 128) -> LayerPair:
    hr = np.random.default_rng(0).integers(0, 256, (edge, edge), dtype=np.uint8)
    return LayerPair("one", 0, 100.0, hr, hr, hr)


def test_every_size_that_is_shipped_can_be_read() -> None:
    """smoke, cpu and full are there, and each names recipes that are there as well."""
    assert set(sizes()) == {"smoke", "cpu", "full"}
    named = {getattr(load_plan(size).train, method) for size in sizes() for method in TRAINED} - {""}
    assert {recipe for recipe in named if not (recipes_dir() / f"{recipe}.toml").is_file()} == set()


def test_wrong_names_are_refused_with_a_cure(tmp_path: Path) -> None:
    """A study, size, method or bundle that is not there says which there are."""
    for refused, error in (
        (lambda: run_studies("all", tmp_path, size="huge"), ConfigError),
        (lambda: run_studies("painting", tmp_path, size="smoke"), ConfigError),
        (lambda: bundle_paths(["magic=latent-diffusion-small"]), ConfigError),
        (lambda: bundle_paths(["nothing-such"]), BundleError),
        (lambda: real_layers(tmp_path, load_plan("smoke"), 7), ConfigError),
    ):
        with pytest.raises(error) as caught:
            refused()
        assert caught.value.cure


def test_sets_a_and_b_are_the_same_parts_under_another_light(plan: Plan, cache: Cache) -> None:
    """No layer is in both halves of a split, the truth is known, and B's pictures differ from A's."""
    a, b = (virtual_set(name, plan, cache) for name in ("A", "B"))
    assert {p.layer for p in a.train} & {p.layer for p in a.test} == set()
    assert len(a.layers) == plan.plates.layers
    assert a.digest != b.digest
    assert a.test[0].mask is not None
    assert a.test[0].mask.any()
    assert not np.array_equal(a.test[0].lr, a.test[0].bicubic)
    assert virtual_set("A", plan, cache).digest == a.digest


def test_a_held_out_build_has_another_cross_section(plan: Plan, cache: Cache) -> None:
    """The builds of the zero-shot study differ in kind, and their LR is made from HR alone."""
    held, *others = hr_only_builds(plan, 7, cache)
    assert not {b[0].build.split("(")[1] for b in others} & {held[0].build.split("(")[1]}
    assert np.array_equal(held[0].lr, synthetic(held[0], 7).lr)


def test_parts_are_split_without_overlap() -> None:
    """Four fifths of the parts are for training, the rest for testing, the same for one seed."""
    train, test = split_parts(pair(512), 0)
    assert (len(train), len(test)) == (13, 3)
    assert set(train) | set(test) == set(range(16))
    assert split_parts(pair(512), 0) == (train, test)


@pytest.mark.skipif(pick_device().type != "cpu", reason="there is a GPU")
def test_a_size_for_a_gpu_says_what_it_would_take_without_one(plan: Plan) -> None:
    """It names trainings, layers and hours before anything is made; the sizes for a CPU pass."""
    assert load_plan("full").gpu
    with pytest.raises(ConfigError, match=r"trains \d+ models .* draws \d+ layers .* about \d+ hours") as caught:
        refuse_without_gpu("tiny", plan.model_copy(update={"gpu": True}))
    assert caught.value.cure is not None
    assert "--size cpu" in caught.value.cure
    refuse_without_gpu("smoke", plan)
    refuse_without_gpu("cpu", load_plan("cpu"))
    assert drawn_layers(plan) == {"pixel": 5, "latent": 11}


@given(st.sampled_from([3, 7, 15, 31]))
def test_a_wider_kernel_blurs_more(kernel: int) -> None:
    """The variance that is left falls with the kernel; its σ is OpenCV's."""
    one = pair()
    assert synthetic(one, kernel + 2).lr.std() < synthetic(one, kernel).lr.std() < one.hr.std()
    assert kernel_sigma(kernel) == pytest.approx(0.3 * ((kernel - 1) * 0.5 - 1) + 0.8)


def test_a_result_is_made_once_and_never_half(cache: Cache) -> None:
    """The same key gives the stored value; what fails leaves nothing behind; another key is another result."""
    calls: list[int] = []

    def make() -> dict[str, int]:
        calls.append(1)
        return {"value": len(calls)}

    key = {"what": "test", "of": 1}
    assert cache.numbers(key, make) == cache.numbers(dict(reversed(key.items())), make) == {"value": 1}
    with pytest.raises(TypeError):
        cache.numbers({"what": "test", "of": 2}, lambda: {"value": object()})
    assert cache.numbers({"what": "test", "of": 2}, make) == {"value": 2}
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})


def test_the_cost_of_a_training_is_counted_over_its_runs(tmp_path: Path) -> None:
    """What a run spent is kept while it runs, and the next run in the same folder counts on; none is asked to stop."""
    first = Meter(tmp_path)
    while not list(tmp_path.iterdir()):
        assert not first()
    second = Meter(tmp_path)
    assert first.spent[1] > 0
    assert all(now > 0.5 * before for now, before in zip(second.spent, first.spent, strict=True))
    assert Meter(tmp_path / "new").spent[1] < first.spent[1]


def test_tables_are_written_whole_and_read_well(tmp_path: Path) -> None:
    """CSV holds every digit with deviations in their own column; Markdown has three digits and escapes bars."""
    table = Table("t", "Title", ("method", "|A|", "n"), (("a", (0.123456, 0.01), 3), ("b|c", None, 4)), "note")
    text = [path.read_text(encoding="utf-8") for path in write_table(table, tmp_path)]
    assert text[0].splitlines() == ['method,|A|,"|A|, std",n', "a,0.123456,0.01,3", "b|c,,,4"]
    assert "| a | 0.123 ± 0.0100 | 3 |" in text[1]
    assert "b\\|c | – | 4" in text[1]
    assert text[1] == markdown(table)
    assert [shown(v) for v in (None, 0.0, 1234.5, 1e-6, 7)] == ["–", "0.00", "1234", "1.00e-06", "7"]


def test_one_value_has_no_deviation() -> None:
    """A cell of one value is that value; of none, nothing."""
    assert (spread([2.0]), spread([None]), mean_of([1.0, None, 3.0])) == (2.0, None, 2.0)
    assert spread([1.0, 3.0]) == (2.0, 1.0)


def test_tone_is_fitted_exactly_where_it_is_the_only_difference() -> None:
    """LR that is HR with another gain and offset becomes HR."""
    hr = pair().hr
    darker = np.rint(hr * 0.5 + 20).astype(np.uint8)
    assert np.abs(in_tone(darker, hr).astype(int) - hr).max() <= 1
    assert PLAIN["lr"].spent(1, 64) is None


def test_auc_counts_pairs() -> None:
    """Perfect, useless and inverted scores give 1, ½ and 0; nothing gives nothing."""
    assert [auc([2, 3], [0, 1]), auc([1, 1], [1, 1]), auc([0], [1]), auc([], [1])] == [1.0, 0.5, 0.0, None]


@pytest.mark.parametrize("kind", KINDS)
def test_an_invention_changes_its_own_place_alone(kind: str) -> None:
    """What is planted is there, within a few pixels, and a guard that sees the webcam finds it."""
    picture = np.full((96, 96), 0.6, np.float32)
    picture += np.random.default_rng(0).normal(0, 0.01, picture.shape).astype(np.float32)
    mask = np.zeros(picture.shape, bool)
    mask[24:72, 24:72] = True
    picture[mask] -= 0.25
    changed = np.argwhere(plant(picture, mask, kind, (40, 24), np.random.default_rng(1)) != picture)
    assert len(changed)
    assert np.abs(changed - (40, 24)).max() <= 10
    planted, clean = scores(picture, picture, mask, kind, 1.0, 10, np.random.default_rng(2))
    assert len(planted) == len(clean) == 10
    found = auc(planted, clean)
    assert found is not None
    assert found > 0.9


def test_powder_patches_hold_no_metal() -> None:
    """Patches of powder avoid every metal pixel; a plate full of metal has none."""
    mask = np.zeros((256, 256), bool)
    mask[100:150, 100:150] = True
    corners = powder_corners(mask, 5, 0)
    assert len(corners) == 5
    assert not any(mask[r : r + 64, c : c + 64].any() for r, c in corners)
    assert powder_corners(np.ones_like(mask), 5, 0) == []


def test_missing_layers_are_left_out_of_an_overlap() -> None:
    """Only layers that both stacks know are compared; equal stacks overlap wholly."""
    mask = np.zeros((3, 32, 32), bool)
    mask[:, 8:20, 8:20] = True
    whole = Stack(mask, mask.astype(np.float32), np.array([True, True, True]))
    other = mask.copy()
    other[1] = False
    gap = Stack(other, other.astype(np.float32), np.array([True, False, True]))
    found = overlap(gap, whole)
    assert (found.iou, found.mismatch, found.hausdorff, found.layers) == (1.0, 0.0, 0.0, 2)
    with pytest.raises(ValueError, match="virtual builds"):
        true_stacks([pair()], [(slice(0, 9), slice(0, 9))])


def test_reliability_of_a_perfect_forecast() -> None:
    """Probabilities that come true as often as they say have no calibration error."""
    said = np.repeat([0.05, 0.95], 1000)
    true = np.concatenate([np.arange(1000) < 50, np.arange(1000) < 950])
    rows, error = reliability(said, true)
    assert error == pytest.approx(0, abs=1e-12)
    assert json.dumps([row[2] for row in rows]) == "[1000, 1000]"


def test_a_surface_too_fine_to_draw_is_drawn_coarser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mesh of more triangles than can be drawn gives nearly the same picture, and no error."""
    ball = trimesh.creation.icosphere(subdivisions=5)
    mesh = Mesh(ball.vertices.astype(np.float32), ball.faces.astype(np.uint32), ball.vertex_normals.astype(np.float32))

    def drawn(name: str) -> npt.NDArray[np.uint8]:
        png = next(path for path in write_figure(surfaces(name, "", {"": mesh}), tmp_path) if path.suffix == ".png")
        return np.asarray(cv2.imread(str(png), cv2.IMREAD_GRAYSCALE), np.uint8)

    fine = drawn("fine")
    monkeypatch.setattr(figures, "_MOST_FACES", len(mesh.faces) // 2)
    coarse = drawn("coarse")
    shown = (coarse < 255).sum() / (fine < 255).sum()
    assert 0.9 < shown < 1.1
    assert (coarse != fine).any()
