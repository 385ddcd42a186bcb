"""CAD files of parts, read and written. Owns formats and the turn of their axes; refuses to compare.

CAD has y upwards where the plate's picture has it downwards: y changes its sign both ways, and triangles turn round, so
that no part is mirrored.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from monitor.domain import StoreError
from monitor.volume import Mesh, stl_bytes

MeshFormat = Literal["stl", "3mf", "vtk"]
_UNITS_MM = (1e-3, 1.0, 10.0, 25.4, 304.8, 1000.0)
"""Millimetres in each of lib3mf's units: micrometre, millimetre, centimetre, inch, foot, metre."""


def read_cad(path: Path, at_mm: tuple[float, float] = (0.0, 0.0), turn_deg: float = 0.0) -> Mesh:
    """Read a part and put it on the plate.

    Args:
        path: a closed mesh, STL or 3MF; its z is the height above the plate.
        at_mm: plate coordinates (x, y) of its origin.
        turn_deg: turned about its origin, counter-clockwise as CAD shows it.

    Raises:
        StoreError: it cannot be read, or holds no triangles.
    """
    try:
        vertices, faces = _read_3mf(path) if path.suffix.lower() == ".3mf" else _read_stl(path)
    except (OSError, ValueError, KeyError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise StoreError(f"{path}: cannot be read as CAD: {said}", cure="give a closed mesh as STL or 3MF") from error
    if not len(faces):
        raise StoreError(f"{path}: holds no triangles", cure="export the part again as STL or 3MF")
    c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    x, y = c * vertices[:, 0] - s * vertices[:, 1], s * vertices[:, 0] + c * vertices[:, 1]
    placed = np.stack([at_mm[0] + x, at_mm[1] - y, vertices[:, 2]], axis=1).astype(np.float32)
    return Mesh(placed, np.ascontiguousarray(faces[:, ::-1], np.uint32), np.zeros_like(placed))


def write_mesh(mesh: Mesh, path: Path, form: MeshFormat, values: dict[str, npt.NDArray[np.float32]]) -> None:
    """Write a surface for other programs, in mm.

    Args:
        mesh: in plate coordinates.
        path: the file.
        form: "stl", "3mf" (core specification, one object) or "vtk" (legacy file, unstructured grid of triangles).
        values: float32 (V,) for each vertex by name, such as the distance to the nominal; kept by VTK only.

    Raises:
        StoreError: it cannot be written.
    """
    try:
        if form == "vtk":
            _write_vtk(mesh, path, values)
        else:
            path.write_bytes(stl_bytes(mesh) if form == "stl" else _3mf_bytes(mesh))
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}", cure="name a directory that can be written") from error


def _read_stl(path: Path) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    import trimesh

    mesh: Any = trimesh.load(io.BytesIO(path.read_bytes()), file_type="stl", force="mesh")
    return np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)


def _read_3mf(path: Path) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Everything that is built, with its place, by the 3MF Consortium's own library; components are followed."""
    import lib3mf
    from lib3mf import Lib3MF

    data = path.read_bytes()
    points, triangles, first = [np.zeros((0, 3))], [np.zeros((0, 3), np.int64)], 0
    try:
        model = lib3mf.get_wrapper().CreateModel()
        model.QueryReader("3mf").ReadFromBuffer(data)
        scale = _UNITS_MM[int(model.GetUnit())]
        meshes = model.MergeToModel().GetMeshObjects()
        while meshes.MoveNext():
            one = meshes.GetCurrentMeshObject()
            vertices, faces = one.GetVertices(), one.GetTriangleIndices()
            here = np.frombuffer((Lib3MF.Position * len(vertices))(*vertices), np.float32).reshape(-1, 3)
            corners = np.frombuffer((Lib3MF.Triangle * len(faces))(*faces), np.uint32).reshape(-1, 3)
            points.append(here.astype(np.float64) * scale)
            triangles.append(corners.astype(np.int64) + first)
            first += len(here)
    except Lib3MF.ELib3MFException as error:
        raise ValueError(error) from error
    return np.concatenate(points), np.concatenate(triangles)


def _placed(mesh: Mesh) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint32]]:
    """Vertices and triangles as CAD has them: y upwards."""
    turned = np.ascontiguousarray(mesh.faces[:, ::-1], np.uint32)
    return np.ascontiguousarray(mesh.vertices * np.array([1, -1, 1], np.float32), np.float32), turned


def _3mf_bytes(mesh: Mesh) -> bytes:
    import lib3mf
    from lib3mf import Lib3MF

    vertices, faces = _placed(mesh)
    wrapper = lib3mf.get_wrapper()
    model = wrapper.CreateModel()
    model.SetUnit(Lib3MF.ModelUnit.MilliMeter)
    part = model.AddMeshObject()
    part.SetGeometry(
        (Lib3MF.Position * len(vertices)).from_buffer(vertices), (Lib3MF.Triangle * len(faces)).from_buffer(faces)
    )
    model.AddBuildItem(part, wrapper.GetIdentityTransform())
    return bytes(model.QueryWriter("3mf").WriteToBuffer())  # to a file it would reset the process's locale


def _write_vtk(mesh: Mesh, path: Path, values: dict[str, npt.NDArray[np.float32]]) -> None:
    import meshio

    vertices, faces = _placed(mesh)
    grid = meshio.Mesh(vertices, [("triangle", faces.astype(np.int32))], point_data=values)
    grid.write(path, file_format="vtk42")  # every VTK reads this version
