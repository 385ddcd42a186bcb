"""Figures as PNG and SVG. Owns matplotlib, its look and the few kinds of figure that a study draws.

The reports of builds draw their graphs themselves, because they are made beside the printer; a study is made where
models are trained, needs pictures, surfaces and PNG as well, and so takes the library of the field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from monitor.domain import Image
from monitor.study.findings import Picture
from monitor.volume import Mesh

COLOURS = ("#0072b2", "#d55e00", "#00795a", "#cc79a7", "#e69f00", "#5c6670", "#56b4e9", "#000000")
"""After Okabe and Ito: told apart by every eye; lines after the eighth are dashed."""
_STYLE: Any = {
    "font.size": 8, "axes.titlesize": 8, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
    "svg.hashsalt": "lpbf-monitor", "svg.fonttype": "path",
    "axes.prop_cycle": cycler(linestyle=("-", "--")) * cycler(color=COLOURS),
}  # fmt: skip
_DPI = 160
_MOST_FACES = 80_000
Series = Mapping[str, tuple[Sequence[float], Sequence[float]]]


def write_figure(picture: Picture, directory: Path) -> list[Path]:
    """Draw `<name>.png` and `<name>.svg`; the same numbers give the same bytes."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / f"{picture.name}.png", directory / f"{picture.name}.svg"]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=picture.size, dpi=_DPI, layout="constrained")
        FigureCanvasAgg(figure)
        picture.draw(figure)
        figure.savefig(paths[0], metadata={"Software": None})
        figure.savefig(paths[1], metadata={"Date": None})
    return paths


def image_grid(
    name: str, title: str, rows: Mapping[str, Sequence[Image]], columns: Sequence[str], *, same_grey: bool = True
) -> Picture:
    """Pictures side by side: a row per case, a column per method.

    Args:
        name: of the files.
        title: of the figure.
        rows: uint8 pictures by the row's name, one per column.
        columns: names of the columns.
        same_grey: 0 is black and 255 is white everywhere; otherwise each picture has its own range.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots(len(rows), len(columns), squeeze=False)
        limits = {"vmin": 0, "vmax": 255} if same_grey else {}
        for line, (label, images) in zip(axes, rows.items(), strict=True):
            for axis, image in zip(line, images, strict=True):
                axis.imshow(image, cmap="gray", interpolation="nearest", **limits)
                axis.set_xticks([])
                axis.set_yticks([])
                axis.spines[:].set_visible(False)
            line[0].set_ylabel(label)
        for axis, column in zip(axes[0], columns, strict=True):
            axis.set_title(column)

    return Picture(name, title, (1.35 * len(columns) + 0.3, 1.4 * len(rows) + 0.3), draw)


def line_chart(
    name: str,
    title: str,
    panels: Mapping[str, Series],
    x_label: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
    diagonal: bool = False,
) -> Picture:
    """Lines with points, a panel per quantity.

    Args:
        name: of the files.
        title: of the figure.
        panels: lines (x, y) by name, by the quantity with its unit.
        x_label: quantity and unit of x.
        log_x: logarithmic x.
        log_y: logarithmic y.
        diagonal: also draw y = x.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for axis, (quantity, lines) in zip(axes, panels.items(), strict=True):
            for label, (x, y) in lines.items():
                axis.plot(x, y, marker="o", markersize=3, linewidth=1.2, label=label)
            if diagonal:
                axis.plot([0, 1], [0, 1], color="#5c6670", linestyle=":", linewidth=1)
            axis.set_xlabel(x_label)
            axis.set_ylabel(quantity)
            if log_y or "CVD" in quantity:
                _logarithmic(axis)
            if log_x:
                places = sorted({x for line, _ in lines.values() for x in line})
                axis.set_xscale("log")
                axis.set_xticks(places, [f"{x:g}" for x in places])
                axis.minorticks_off()
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper")

    return Picture(name, title, (2.6 * len(panels) + 1.9, 2.6), draw)


def box_chart(name: str, title: str, panels: Mapping[str, Mapping[str, Sequence[float]]]) -> Picture:
    """Medians, quartiles and whiskers (5 % to 95 %), a panel per quantity, a box per method.

    Distances of texture are on a logarithmic axis.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for axis, (quantity, boxes) in zip(axes, panels.items(), strict=True):
            axis.boxplot(
                [list(values) for values in boxes.values()], tick_labels=list(boxes), whis=(5, 95), showfliers=False
            )
            axis.set_ylabel(quantity)
            if "CVD" in quantity:
                _logarithmic(axis)
            axis.tick_params(axis="x", rotation=90)

    return Picture(name, title, (2.0 * len(panels) + 0.4, 3.0), draw)


def surfaces(name: str, title: str, meshes: Mapping[str, Mesh], stretch: float = 1.0) -> Picture:
    """Part volumes as shaded surfaces, side by side; heights are stretched by a factor that the title must say."""

    def draw(figure: Figure) -> None:
        for number, (label, mesh) in enumerate(meshes.items(), start=1):
            axis: Any = figure.add_subplot(1, len(meshes), number, projection="3d")
            axis.set_title(label)
            axis.set_axis_off()
            triangles = _thinned(mesh)
            if not triangles.size:
                continue
            axis.add_collection3d(Poly3DCollection(triangles, facecolors=_shade(triangles), linewidths=0))
            low, high = triangles.min(axis=(0, 1)), triangles.max(axis=(0, 1))
            axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
            axis.set_box_aspect((high - low) * (1, 1, stretch), zoom=1.2)
            axis.view_init(elev=35, azim=-60)

    return Picture(name, title, (2.4 * len(meshes) + 0.2, 2.4), draw)


def _logarithmic(axis: Axes) -> None:
    """Heights on a logarithmic scale, with numbers where a decade is hardly spanned as well."""
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.yaxis.set_minor_locator(NullLocator())


def _thinned(mesh: Mesh) -> npt.NDArray[np.float64]:
    """Triangles (F, 3, 3); of a very fine mesh, as many as can be drawn.

    Its vertices are moved onto a grid that is made coarser until few enough triangles are left (vertex clustering,
    Rossignac and Borrel 1993). No hole opens.
    """
    vertices, faces = mesh.vertices.astype(np.float64), mesh.faces
    if len(faces) <= _MOST_FACES:
        return vertices[faces]
    cell = np.ptp(vertices[faces], axis=1).mean(axis=0)  # a layer is thinner than a pixel is wide
    while len(faces) > _MOST_FACES:
        cell = 1.1 * cell
        places, owner = np.unique(np.rint(mesh.vertices / cell), axis=0, return_inverse=True)
        vertices, faces = places * cell, owner.reshape(-1).astype(np.uint32)[mesh.faces]
        a, b, c = faces.T
        faces = faces[(a != b) & (b != c) & (c != a)]
    return vertices[faces]


def _shade(triangles: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Grey by how far each triangle faces the light; RGB (F, 3)."""
    normal = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    light = np.array([0.4, -0.5, 0.77])
    grey = 0.25 + 0.7 * np.abs(normal @ light)
    return np.repeat(grey[:, None], 3, axis=1)
