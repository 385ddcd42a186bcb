"""Pictures as a browser gets them: the right size, the right pixels, and never fetched twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import numpy.typing as npt
import pytest

from monitor.domain import Frame, Gap, LaserMap
from monitor.store import BuildReader, BuildWriter, LayerSignal, ProductReader
from monitor.web.library import Library
from monitor.web.pictures import encode, pictures
from tests.store.small import GRID, layer, manifest
from tests.web.conftest import Site, serving
from tests.web.synthetic import small_store


def _decoded(answer: httpx.Response) -> npt.NDArray[Any]:
    assert answer.status_code == 200, answer.text
    pixels = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return np.asarray(pixels)


def test_every_picture_of_a_layer_has_the_size_that_its_facts_say(site: Site) -> None:
    """Each address in a layer's answer gives a picture of the width and height beside it."""
    pictures: Any = site.json(f"{site.base}/layers/0")["pictures"]
    products = {"rectified", "upscaled", "mask", "probability", "spread", "inconsistency"}
    assert set(pictures) == products | {"webcam", "basler", "hr", "reference"}
    for kind, facts in pictures.items():
        assert _decoded(site.client.get(facts["url"])).shape[:2] == (facts["height"], facts["width"]), kind
        assert (facts["um_per_px"] is None) == (kind in ("webcam", "basler"))


@pytest.mark.parametrize(("asked", "got"), [(32, (32, 32)), (128, (128, 128)), (4096, (128, 128))])
def test_a_picture_is_made_smaller_but_never_larger(site: Site, asked: int, got: tuple[int, int]) -> None:
    """Columns are given as asked, rows in proportion, and no pixel is invented."""
    assert _decoded(site.client.get(f"{site.base}/layers/0/pictures/upscaled?width={asked}")).shape[:2] == got


def test_a_mask_comes_as_alpha_without_loss(site: Site) -> None:
    """The alpha of a mask's file is the stored mask, pixel by pixel."""
    got = _decoded(site.client.get(f"{site.base}/layers/0/pictures/mask"))
    root = site.served.settings.store.root
    stored = ProductReader.open(root, site.build, site.served.settings.worker.product_set).array(0, "mask")
    assert np.array_equal(got[..., 3] > 0, np.asarray(stored) > 0)


def test_the_side_wall_of_a_part_is_drawn_and_none_is_made_up(site: Site) -> None:
    """A part whose outline was traced has a wall; a number that no part has is said."""
    assert _decoded(site.client.get(f"{site.base}/parts/1/wall")).shape[2] == 3
    refused = site.client.get(f"{site.base}/parts/9/wall")
    assert (refused.status_code, "part 9 has" in refused.json()["what"]) == (404, True)


def test_colours_and_bits_are_those_of_the_camera(site: Site) -> None:
    """A colour frame keeps its channels in order; a 12-bit frame is shown by its upper eight bits."""
    reader = BuildReader.open(site.served.settings.store.root, site.build)
    webcam: Any = reader.capture(0, "webcam")
    got = _decoded(site.client.get(f"{site.base}/layers/0/pictures/webcam?format=png"))
    assert np.array_equal(got[..., ::-1], webcam.image)
    basler: Any = reader.capture(0, "basler")
    got = _decoded(site.client.get(f"{site.base}/layers/0/pictures/basler?format=png"))
    assert np.array_equal(got, basler.image >> 4)


def test_formats_are_what_they_are_called(site: Site) -> None:
    """png, jpeg and webp begin with their magic numbers; another format is refused."""
    url = f"{site.base}/layers/0/pictures/upscaled?format="
    for form, magic in (("png", b"\x89PNG"), ("jpeg", b"\xff\xd8"), ("webp", b"RIFF")):
        answer = site.client.get(url + form)
        assert (answer.content[: len(magic)], answer.headers["content-type"]) == (magic, f"image/{form}")
    assert site.client.get(url + "gif").status_code == 422


def test_an_address_with_its_digest_is_kept_for_ever_and_one_without_is_asked_again(site: Site) -> None:
    """Only an address that names the very content is immutable."""
    pictures: Any = site.json(f"{site.base}/layers/0")["pictures"]
    url = pictures["upscaled"]["url"]
    assert "immutable" in site.client.get(url).headers["cache-control"]
    for other in (url.split("?")[0], url.split("?")[0] + "?v=0123456789abcdef", url[:-8]):
        assert site.client.get(other).headers["cache-control"] == "private, no-cache"


def test_a_browser_that_has_the_picture_gets_no_bytes(site: Site) -> None:
    """If-None-Match gives 304 for the same picture, and the picture for another size."""
    url = f"{site.base}/layers/0/pictures/upscaled"
    tag = site.client.get(url).headers["etag"]
    again = site.client.get(url, headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert site.client.get(f"{url}?width=64", headers={"If-None-Match": tag}).status_code == 200


def test_a_damaged_picture_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    """Bytes that rotted on the disk are never shown; the rest of the layer still is."""
    settings, build = small_store(tmp_path, 1)
    chunks = [p for p in (tmp_path / build / "products").rglob("*") if p.is_file() and p.name != "zarr.json"]
    for chunk in (p for p in chunks if "upscaled" in p.parts):
        chunk.write_bytes(chunk.read_bytes()[:-20] + b"\0" * 20)
    with serving(settings) as served, httpx.Client(base_url=f"{served.url}/api/v1/builds/{build}/layers/0") as client:
        answer = client.get("/pictures/upscaled")
        assert answer.status_code == 500
        assert answer.json()["what"]
        assert answer.json()["cure"]
        assert client.get("/pictures/rectified").status_code == 200


def test_the_laser_on_map_is_a_picture_in_the_plate_grid(tmp_path: Path) -> None:
    """White is the level that its record names; a layer without a map has no such picture."""
    exposure = np.zeros(GRID.shape, np.float32)
    exposure[20:30, 10:20], exposure[40:50, 10:20] = 128.0, 64.0
    with BuildWriter.create(tmp_path, manifest()) as writer:
        writer.commit(layer(0), LayerSignal(laser_map=LaserMap(exposure, 0.0, 0.0)))
        writer.commit(layer(1))
    build = Library(tmp_path, "default").build("b")
    found = pictures(build, 0)["laser"]
    assert found.in_grid
    shown = cv2.imdecode(np.frombuffer(encode(found, None, "png"), np.uint8), cv2.IMREAD_UNCHANGED)
    assert (shown[25, 15], shown[45, 15], shown[0, 0]) == (255, 128, 0)
    assert "laser" not in pictures(build, 1)


def test_the_fresh_powder_is_a_picture_of_its_own_where_it_was_taken(tmp_path: Path) -> None:
    """Its kind is the camera's with "-recoat"; where it is missing the answer says why; nobody wanted it in layer 1."""
    settings, build = small_store(tmp_path, 1)
    reader = BuildReader.open(tmp_path, build)
    webcam, basler = reader.facts
    powder = Frame(basler.name, np.full(basler.shape, 77 << 4, np.uint16), 1.0, 8000.0, None, 12)
    with BuildWriter.create(tmp_path, replace(reader.manifest, id="recoated")) as writer:
        captures = {facts.name: Gap(facts.name, "no frame in 5 s") for facts in (webcam, basler)}
        plain = replace(layer(0), captures=captures)
        writer.commit(replace(plain, recoats={basler.name: powder, webcam.name: Gap(webcam.name, "the laser came on")}))
        writer.commit(replace(plain, index=1))
    with serving(settings) as served, httpx.Client(base_url=f"{served.url}/api/v1/builds/recoated/layers") as client:
        facts = client.get("/0").json()
        assert set(facts["pictures"]) == {"basler-recoat"}
        assert facts["pictures"]["basler-recoat"]["um_per_px"] is None
        assert facts["recoat_gaps"] == {"webcam-recoat": "the laser came on"}
        shown = _decoded(client.get("/0/pictures/basler-recoat?format=png"))
        assert (shown.shape, np.unique(shown).tolist()) == (basler.shape, [77])
        missing = client.get("/0/pictures/webcam-recoat")
        assert missing.status_code == 404
        assert "the laser came on" in missing.json()["what"]
        assert client.get("/1").json()["recoat_gaps"] == {}
        assert client.get("/1/pictures/basler-recoat").status_code == 404
