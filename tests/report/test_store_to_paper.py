"""From a build in the store to its report: what it says, that it says it again, and where it is kept."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pypdf
import pytest

from monitor.config import Settings
from monitor.domain import Measure, NotInStore, PartInLayer, ReportError, Severity
from monitor.report import make_report
from monitor.report.facts import LayerFacts
from monitor.report.measured_parts import measured_parts
from monitor.report.pdf import pdf_of
from monitor.store import BuildReader, ProductReader, list_reports
from tests.cli.in_process import invoke
from tests.report.alarms import acknowledged_alarm
from tests.web.synthetic import Faults, SyntheticBuild, small_settings

MADE = datetime(2026, 7, 18, 16, 0, tzinfo=UTC)
LAYERS = 8


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, str]:
    """Eight layers of a ring: 2 without a webcam frame, 4 without a Basler frame, 5 not believed, 7 not processed."""
    settings = small_settings(tmp_path_factory.mktemp("store"))
    faults = Faults(no_webcam=(2,), no_basler=(4,), anomaly=(5,))
    with SyntheticBuild(settings, faults=faults) as build:
        for index in range(LAYERS):
            build.commit(index)
            if index < LAYERS - 1:
                build.process(index)
        build.writer.end("the trigger signal is over")
    acknowledged_alarm(settings.store.root, build.id, layer=5, user="Ada", comment="looked at it: <b>powder</b>")
    return settings, build.id


def html_of(built: tuple[Settings, str], part: int | None = None) -> str:
    settings, build = built
    return make_report(settings, build, ("html",), part=part, made=MADE).files["html"].decode()


def test_it_tells_every_layer_that_is_not_well_and_why(built: tuple[Settings, str]) -> None:
    """Missing, not believed, without a frame, not processed: each in its place with its reason."""
    text = html_of(built).replace("\u00a0", " ")
    assert "8 layers: 5 with believed products" in text
    for words in (
        "layer 2</td><td>mask</td><td>no webcam frame: no fresh frame within 5 s",
        "layer 2</td><td>frame of webcam</td><td>no fresh frame within 5 s",
        "layer 4</td><td>frame of basler</td>",
        "layer 5</td><td>believed mask</td><td>area 31 % below the reference after 10 rounds",
        "layer 7</td><td>products</td><td>no products yet",
    ):
        assert words in text


def test_it_names_what_the_numbers_rest_on(built: tuple[Settings, str]) -> None:
    """Bundles, device, cameras, calibration, versions and digests are those of the records."""
    settings, build = built
    text = html_of(built)
    product = ProductReader.open(settings.store.root, build).record(5)
    frame = BuildReader.open(settings.store.root, build).record(5).frames["webcam"]
    for label in (*product.bundles.values(), product.device, product.software, "plate mm → pixel"):
        assert label in text
    assert frame.array.digest.split(":")[-1][:12] in text
    assert product.arrays["mask"].digest.split(":")[-1][:12] in text


def test_it_is_honest_about_generated_detail_and_intervals(built: tuple[Settings, str]) -> None:
    """Super-resolved pictures say so; an interval is given where there is one, and its lack is said elsewhere."""
    text = html_of(built).replace("\u00a0", " ")
    assert "Super-resolved: generated, not measured; spread of the ensemble" in text
    areas = text[text.index("<td>area</td>") :].split("</tr>")[0]
    ious = text[text.index("<td>IoU</td>") :].split("</tr>")[0]
    assert "± " in areas
    assert "no interval" in ious
    assert "virtual printer" in text


def test_it_tells_each_part_as_the_worker_measured_it(built: tuple[Settings, str]) -> None:
    """By its number on the page: area, diameter and roughness, with why there is no interval yet, window and floor."""
    html = html_of(built)
    table = html.split("Parts, layer by layer", 1)[1].split("Trends", 1)[0]
    for words in ("mm², no interval yet", "µm, no interval yet", "pixels alone", "not measured against a known truth"):
        assert words in table, words


def test_intervals_windows_and_lost_layers_of_parts_are_told() -> None:
    """Of each quantity the median layer with its own interval; a part that is lost in two stretches says which."""
    sa = [
        Measure("Sa", value, "µm", 50.0, "outline", spread=2.0, floor=1.5, window_um=830.0)
        for value in (9.0, 12.0, 30.0)
    ]
    layers = [layer_of(index, PartInLayer(2, (0, 0, 9, 9), (one,))) for index, one in enumerate(sa)]
    layers += [layer_of(index, PartInLayer(2, (0, 0, 9, 9), (), lost=True)) for index in (3, 4, 7)]
    ((part, known, area, _, roughness, window, floor, lost),) = measured_parts(layers)
    assert (part, known, area) == ("2", "0 to 2, 3 of them", "not measured")
    assert roughness == "12.0 ± 2.0 µm"
    assert (window.split(), floor.split(), lost) == (["830", "µm"], ["1.5", "µm"], "3 to 4, 7")


def layer_of(index: int, part: PartInLayer) -> LayerFacts:
    return LayerFacts(index, 0.03 * index, "", "ok", "", {}, (), None, (part,))


def test_it_tells_who_saw_an_alarm_and_escapes_what_they_said(built: tuple[Settings, str]) -> None:
    """A comment is words, never markup."""
    text = html_of(built)
    assert "Ada" in text
    assert "looked at it: &lt;b&gt;powder&lt;/b&gt;" in text
    assert Severity.WARNING in text


def test_the_same_store_gives_the_same_bytes(built: tuple[Settings, str]) -> None:
    """Only the given time differs between two reports."""
    settings, build = built
    later = make_report(settings, build, ("html",), made=MADE.replace(hour=17)).files["html"].decode()
    assert html_of(built) == html_of(built)
    assert later != html_of(built)
    assert later.replace("2026-07-18 17:00:00 UTC", "2026-07-18 16:00:00 UTC") == html_of(built)


def test_it_needs_nothing_from_elsewhere(built: tuple[Settings, str]) -> None:
    """No address is fetched, nothing runs: pictures are in it, and its own policy forbids the rest."""
    text = html_of(built)
    for fetched in ('src="http', 'href="http', "url(", "<script", "@import"):
        assert fetched not in text
    assert "data:image/jpeg;base64," in text
    assert "default-src 'none'" in text


def test_a_part_has_its_own_report(built: tuple[Settings, str]) -> None:
    """The ring of 8 mm is round: diameter, roughness with window and pixel floor, its own trends."""
    text = html_of(built, part=1).replace("\u00a0", " ")
    assert "Part 1 of build rings" in text
    for words in ("mean diameter, median layer", "Sa", "pixel floor", "moving mean of 20 of 720 samples"):
        assert words in text
    assert "in x" in text
    diameter = float(text[text.index("mean diameter, median layer</td><td>") :].split("<td>")[1].split(" mm")[0])
    assert diameter == pytest.approx(8.0, abs=0.3)
    assert "Side wall, unrolled" in text


def test_a_part_that_is_not_there_is_said(built: tuple[Settings, str]) -> None:
    """With how many there are."""
    with pytest.raises(NotInStore, match="no part 7"):
        html_of(built, part=7)


def test_the_pdf_holds_the_same_words(built: tuple[Settings, str]) -> None:
    """Pages of text and pictures, made without fetching anything."""
    settings, build = built
    files = make_report(settings, build, ("pdf",), made=MADE).files
    document = pypdf.PdfReader(io.BytesIO(files["pdf"]))
    text = "\n".join(page.extract_text() for page in document.pages)
    for words in ("Build report: rings", "What was missing", "no fresh frame within 5 s", "generated, not measured"):
        assert words in " ".join(text.split())
    assert any(page.images for page in document.pages)


def test_a_pdf_never_fetches(tmp_path: Path) -> None:
    """Not even a file of this machine."""
    (tmp_path / "secret.svg").write_text(
        "<svg xmlns='http://www.w3.org/2000/svg' width='200' height='20'><text y='15'>secret</text></svg>"
    )
    document = pypdf.PdfReader(io.BytesIO(pdf_of(f"<p>words</p><img src='{(tmp_path / 'secret.svg').as_uri()}'>")))
    text = document.pages[0].extract_text()
    assert "words" in text
    assert "secret" not in text


def test_without_weasyprint_the_cure_is_named(built: tuple[Settings, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A PDF that cannot be made is an error with its cure; HTML is made all the same."""
    settings, build = built
    monkeypatch.setitem(__import__("sys").modules, "weasyprint", None)
    with pytest.raises(ReportError, match="WeasyPrint is not installed") as caught:
        make_report(settings, build, ("pdf",), made=MADE)
    assert "pip install" in caught.value.cure
    assert make_report(settings, build, ("html",), made=MADE).files["html"]


def test_a_damaged_mask_is_named_and_left_out(tmp_path: Path) -> None:
    """Damage is told, never guessed over, and costs no more than its layer."""
    settings = small_settings(tmp_path)
    with SyntheticBuild(settings) as build:
        for index in range(3):
            build.commit(index)
            build.process(index)
    for path in (tmp_path / build.id / "products/live/mask").rglob("*"):
        if path.is_file() and path.suffix != ".json":
            path.write_bytes(b"\0" * path.stat().st_size)
    text = make_report(settings, build.id, ("html",), made=MADE).files["html"].decode()
    assert "Damaged in the store" in text
    assert "mask" in text[text.index("Damaged in the store") :]


def test_the_command_keeps_it_with_the_build(built: tuple[Settings, str], tmp_path: Path) -> None:
    """Without --out it goes to the build's folder and is in its list; with it, to the directory."""
    settings, build = built
    config = tmp_path / "monitor.toml"
    grid = settings.plate
    config.write_text(
        f'[store]\nroot = "{settings.store.root}"\n[plate]\nshape = [{grid.shape[0]}, {grid.shape[1]}]\n',
        encoding="utf-8",
    )
    told = invoke("report", build, "--config", str(config), "--pdf")
    assert told.exit_code == 0, told.output
    assert {(r.part, r.format) for r in list_reports(settings.store.root, build)} == {(None, "html"), (None, "pdf")}
    told = invoke("report", build, "--config", str(config), "--part", "1", "--out", str(tmp_path / "there"))
    assert (tmp_path / "there" / f"{build}-part-1.html").is_file(), told.output


def test_the_command_says_what_it_cannot_tell(tmp_path: Path) -> None:
    """An unknown build and an empty choice of formats end with a cure, not a traceback."""
    told = invoke("report", "nothing-here")
    assert told.exit_code == 2
    assert "no build" in told.output
    assert invoke("report", "x", "--no-html").exit_code == 2


def test_a_build_without_layers_has_a_report(tmp_path: Path) -> None:
    """It says that there is nothing to tell."""
    settings = small_settings(tmp_path)
    with SyntheticBuild(settings) as build:
        pass
    text = make_report(settings, build.id, ("html",), made=MADE).files["html"].decode()
    assert "No part can be told" in text
