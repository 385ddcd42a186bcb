"""CAD files of parts, read and written. Owns formats and the turn of their axes; refuses to compare.

CAD has y upwards where the plate's picture has it downwards: y changes its sign both ways, and triangles turn round, so
that no part is mirrored.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from monitor.domain import StoreError
from monitor.volume import Mesh, stl_bytes

MeshFormat = Literal["stl", "3mf", "vtk"]
_MODEL = "3D/3dmodel.model"
_NS = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
_MM = {"micron": 1e-3, "millimeter": 1.0, "centimeter": 10.0, "inch": 25.4, "foot": 304.8, "meter": 1000.0}
_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>'
)
_RELS = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship '
    'Target="/3D/3dmodel.model" Id="rel0" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/>'
    "</Relationships>"
)


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
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, ElementTree.ParseError) as error:
        raise StoreError(f"{path}: cannot be read as CAD: {error}", cure="give a closed mesh as STL or 3MF") from error
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
        form: "stl", "3mf" (core specification, one object) or "vtk" (XML PolyData, ASCII).
        values: float32 (V,) for each vertex by name, such as the distance to the nominal; kept by VTK only.

    Raises:
        StoreError: it cannot be written.
    """
    data = {"stl": lambda: stl_bytes(mesh), "3mf": lambda: _3mf_bytes(mesh), "vtk": lambda: _vtk_bytes(mesh, values)}
    try:
        path.write_bytes(data[form]())
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}", cure="name a directory that can be written") from error


def _read_stl(path: Path) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    import trimesh

    mesh: Any = trimesh.load(io.BytesIO(path.read_bytes()), file_type="stl", force="mesh")
    return np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)


def _read_3mf(path: Path) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Every object that is built, with its place; components of components are not followed."""
    with zipfile.ZipFile(path) as archive:
        root = ElementTree.fromstring(archive.read(_MODEL))  # noqa: S314 - a file that the operator named
    scale, tag = _MM[root.get("unit", "millimeter")], f"{{{_NS}}}"
    objects = {one.get("id"): one.find(f"{tag}mesh") for one in root.iter(f"{tag}object")}
    points, triangles, first = [np.zeros((0, 3))], [np.zeros((0, 3), np.int64)], 0
    for item in root.iter(f"{tag}item"):
        mesh = objects.get(item.get("objectid"))
        if mesh is None:
            raise ValueError("an object without a mesh of its own")
        here = np.array([[float(v.get(a, "")) for a in "xyz"] for v in mesh.iter(f"{tag}vertex")]).reshape(-1, 3)
        move = np.array([float(one) for one in item.get("transform", "1 0 0 0 1 0 0 0 1 0 0 0").split()]).reshape(4, 3)
        points.append((here @ move[:3] + move[3]) * scale)
        corners = [[int(t.get(v, "")) + first for v in ("v1", "v2", "v3")] for t in mesh.iter(f"{tag}triangle")]
        triangles.append(np.array(corners, np.int64).reshape(-1, 3))
        first += len(here)
    return np.concatenate(points), np.concatenate(triangles)


def _3mf_bytes(mesh: Mesh) -> bytes:
    vertices = "".join(f'<vertex x="{x:.6g}" y="{-y:.6g}" z="{z:.6g}"/>' for x, y, z in mesh.vertices.tolist())
    faces = "".join(f'<triangle v1="{c}" v2="{b}" v3="{a}"/>' for a, b, c in mesh.faces.tolist())
    model = (
        f'<?xml version="1.0" encoding="UTF-8"?><model unit="millimeter" xml:lang="en-US" xmlns="{_NS}"><resources>'
        f'<object id="1" type="model"><mesh><vertices>{vertices}</vertices><triangles>{faces}</triangles></mesh>'
        '</object></resources><build><item objectid="1"/></build></model>'
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (("[Content_Types].xml", _TYPES), ("_rels/.rels", _RELS), (_MODEL, model)):
            archive.writestr(name, text)
    return out.getvalue()


def _vtk_bytes(mesh: Mesh, values: dict[str, npt.NDArray[np.float32]]) -> bytes:
    def array(name: str, kind: str, numbers: npt.NDArray[np.generic], components: int = 1) -> str:
        text = " ".join(f"{one:.7g}" for one in numbers.ravel().tolist())
        facts = f'type="{kind}" Name="{name}" NumberOfComponents="{components}" format="ascii"'
        return f"<DataArray {facts}>{text}</DataArray>"

    placed = mesh.vertices * np.array([1, -1, 1], np.float32)
    points = array("Points", "Float32", placed, 3)
    links = array("connectivity", "Int64", mesh.faces[:, ::-1])
    ends = array("offsets", "Int64", np.arange(3, 3 * len(mesh.faces) + 1, 3))
    data = "".join(array(name, "Float32", one) for name, one in values.items())
    return (
        '<?xml version="1.0"?><VTKFile type="PolyData" version="1.0" byte_order="LittleEndian" header_type="UInt64">'
        f'<PolyData><Piece NumberOfPoints="{len(placed)}" NumberOfPolys="{len(mesh.faces)}">'
        f"<PointData>{data}</PointData><Points>{points}</Points><Polys>{links}{ends}</Polys></Piece></PolyData></VTKFile>"
    ).encode()
