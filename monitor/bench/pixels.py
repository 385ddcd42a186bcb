"""How soon a real browser shows a layer's products: from their commit to pixels, and to the grown part volume.

A build with a part of so many triangles is there at the start; then layers and their products are committed one by
one, each when the page has come to rest, as at a printer. Only the page and the browser run besides. Asserts nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np

from monitor.bench.acquire import Progress, page_process
from monitor.bench.proc import family_core_s, look_at
from monitor.bench.rig import configured, free_port
from monitor.bench.synthetic import cameras, image, layer, manifest
from monitor.config import Settings, load_settings
from monitor.domain import CameraFacts, Image, LayerProduct, Mask, Measure, MonitorError, PlateGrid, ProductState
from monitor.store import BuildWriter, ProductWriter

if TYPE_CHECKING:
    from playwright.sync_api import Page

FULL_HD = (1080, 1920)
BUILD = "pixels"
LAYERS_A_STEP = 4
TUBES = (1, 2)
"""Rows and columns of tubes on the plate."""
WARM_UP = 3
"""Layers that are shown and not counted: everything is asked for the first time."""
PATIENCE_S = 60.0
REST_S = 1.0
UM_PER_PX = 50.0
BROWSER = ("--no-sandbox", "--enable-unsafe-swiftshader")
"""Its own choice of what draws: without a graphics card that is the processor, for WebGL by SwiftShader."""
TWINS = 4
"""Different pictures, taken by turns."""
WAIT = """([names, patience]) => new Promise((done) => {
  const found = {};
  const look = () => {
    for (const [what, name] of Object.entries(names)) {
      const [mark] = performance.getEntriesByName(name);
      found[what] = mark ? performance.timeOrigin + mark.startTime : null;
    }
    if (Object.values(found).every(Boolean)) done(found);
  };
  new PerformanceObserver(look).observe({ type: "mark" });
  look();
  setTimeout(() => done(found), patience);
})"""
"""Waits in the page, without polling, until it has set every mark; then says when, in ms since 1970."""


@dataclass
class PixelCosts:
    """What was measured.

    Attributes:
        triangles: of the part volume before the first and after the last layer, as the page is given them.
        pushed_s, pictures_s, volume_s: from the commit of a layer's products to the state at the page, to its pictures
            and to its part volume on the screen, by layer.
        page_core_s, browser_core_s: core time of the page's process and of all the browser's, by layer.
    """

    triangles: tuple[int, int] = (0, 0)
    pushed_s: list[float] = field(default_factory=list)
    pictures_s: list[float] = field(default_factory=list)
    volume_s: list[float] = field(default_factory=list)
    page_core_s: list[float] = field(default_factory=list)
    browser_core_s: list[float] = field(default_factory=list)

    def note(
        self, committed_s: float, seen: dict[str, float], before: tuple[float, float], after: tuple[float, float]
    ) -> None:
        """Add one layer: when it was committed and seen, and the core times spent before and after."""
        for into, what in ((self.pushed_s, "heard"), (self.pictures_s, "pictures"), (self.volume_s, "volume")):
            into.append(seen[what] - committed_s)
        self.page_core_s.append(after[0] - before[0])
        self.browser_core_s.append(after[1] - before[1])


def measure_pixels(
    folder: Path,
    browser: Path,
    *,
    triangles: int = 200_000,
    layers: int = 20,
    shape: tuple[int, int] = FULL_HD,
    progress: Progress = lambda done: None,
) -> PixelCosts:
    """Commit `layers` layers under the eyes of a browser of 1920 × 1080 pixels.

    Args:
        folder: on the disk that is measured.
        browser: a Chromium.
        triangles: of the part volume at the start.
        layers: that are measured.
        shape: (rows, columns) of the camera's frames and of the plate grid, and so of every picture.
        progress: called with the number of layers that are measured.

    Raises:
        StoreError: the page ended, or did not begin.
        MonitorError: playwright is not installed, or the browser shows no layer.
    """
    settings = load_settings(configured(folder, 1, (shape, shape), free_port(), signals=False))
    costs = PixelCosts()
    with ExitStack() as stack:
        build = stack.enter_context(_Growing.in_store(settings, shape))
        server = stack.enter_context(page_process(folder, settings))
        while (first := _triangles(settings)) < triangles:
            for _ in range(LAYERS_A_STEP):
                build.grow()
        page = stack.enter_context(_looking(browser, settings))
        for number in range(-WARM_UP, layers):
            build.take()
            page.wait_for_timeout(1e3 * REST_S)
            before = _spent(server)
            committed_s = build.process()
            seen = _seen(page, build.done - 1)
            page.wait_for_timeout(1e3 * REST_S)
            if number >= 0:
                costs.note(committed_s, seen, before, _spent(server))
                progress(number + 1)
        costs.triangles = first, _triangles(settings)
    return costs


class _Growing:
    """A build of tubes with pictures of sensor noise; each layer is committed with its products."""

    def __init__(
        self, writer: BuildWriter, products: ProductWriter, facts: tuple[CameraFacts, ...], grid: PlateGrid
    ) -> None:
        self._writer, self._products, self._facts, self.grid = writer, products, facts, grid
        self.mask = _tubes(grid.shape)
        sensor = cameras(grid.shape, grid.shape)[1]
        self._pictures: list[Image] = [image(number, sensor) for number in range(TWINS)]
        self.done = 0

    @classmethod
    @contextmanager
    def in_store(cls, settings: Settings, shape: tuple[int, int]) -> Iterator[_Growing]:
        """A new build in the store of these settings."""
        grid, root = PlateGrid((0.0, 0.0), UM_PER_PX, shape), settings.store.root
        facts = cameras(shape, shape)[:1]
        root.mkdir(parents=True, exist_ok=True)
        with (
            BuildWriter.create(root, manifest(BUILD, facts, grid)) as writer,
            ProductWriter.open(root, BUILD) as products,
        ):
            yield cls(writer, products, facts, grid)

    def grow(self) -> None:
        """Commit the next layer and its products at once."""
        self.take()
        self.process()

    def take(self) -> None:
        """Commit the next layer."""
        self._writer.commit(layer(self.done, self._facts))
        self._writer.set_reference(self.done, self.mask)

    def process(self) -> float:
        """Commit its products; time.time() at which they were committed."""
        index, self.done = self.done, self.done + 1
        picture = self._pictures[index % TWINS]
        measures = (Measure("area", 100.0 + index % 7, "mm²", self.grid.um_per_px, "mask"),)
        self._products.commit(
            LayerProduct(
                index, ProductState.OK, rectified=picture, upscaled=picture[::-1], spread=picture // 8,
                inconsistency=picture // 8, mask=np.roll(self.mask, index % 3, axis=1), probability=picture,
                measures=measures,
            )
        )  # fmt: skip
        return time.time()


def _tubes(shape: tuple[int, int]) -> Mask:
    """Rings in rows and columns: bool (rows, columns)."""
    rows, columns = (size / number for size, number in zip(shape, TUBES, strict=True))
    y, x = np.ogrid[: shape[0], : shape[1]]
    away = np.hypot(y % rows - rows / 2, x % columns - columns / 2) / min(rows, columns)
    ring: Mask = (away < 0.4) & (away > 0.25)
    return ring


@contextmanager
def _looking(browser: Path, settings: Settings) -> Iterator[Page]:
    """The page in a real browser, as it opens for the first time."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError as error:
        raise MonitorError(
            "a browser is driven by playwright, which is missing", cure="pip install playwright"
        ) from error
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=browser, args=list(BROWSER)) as chromium,
    ):
        page = chromium.new_page(viewport={"width": 1920, "height": 1080})
        page.goto(f"http://127.0.0.1:{settings.web.port}/")
        yield page


def _seen(page: Page, index: int) -> dict[str, float]:
    """time.time() at which the page heard of the layer's products, and at which it had drawn each of them."""
    names = {
        "heard": f"products of layer {index}",
        "pictures": f"pictures of layer {index}",
        "volume": f"volume of {index + 1} layers",
    }
    found: dict[str, float] = page.evaluate(WAIT, [names, 1e3 * PATIENCE_S])
    missing = [what for what, at in found.items() if at is None]
    if missing:
        raise MonitorError(
            f"the browser shows no {' and no '.join(missing)} of layer {index}", cure="look at the page in that browser"
        )
    return {what: at / 1e3 for what, at in found.items()}


def _spent(server: int) -> tuple[float, float]:
    """Core time of the page's process, and of the browser with what drives it, in s."""
    seen = look_at(server)
    return seen.core_s if seen else 0.0, family_core_s(os.getpid(), but=server)


def _triangles(settings: Settings) -> int:
    """Of all slabs together, as the page gets them."""
    base = f"http://127.0.0.1:{settings.web.port}"
    slabs = httpx.get(f"{base}/api/v1/builds/{BUILD}/mesh").json()["slabs"]
    return sum(int.from_bytes(httpx.get(f"{base}{slab['url']}").content[8:12], "little") for slab in slabs)
