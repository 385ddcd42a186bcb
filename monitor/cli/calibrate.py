"""`lpbf-monitor calibrate`: where the plate is in a camera's picture, how well that is known, and which one holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cv2
import numpy as np
import numpy.typing as npt
import typer
from rich.markup import escape

from monitor.cli.common import ConfigOption, err, out, person, settings_of, told
from monitor.cli.live import shot_of_camera
from monitor.cli.tone import tone
from monitor.config import Settings
from monitor.domain import CalibrationError, Lens

if TYPE_CHECKING:
    from monitor.domain import Calibration
    from monitor.optics import Board
    from monitor.store.calibrating import Shot, Trial

app = typer.Typer(
    help="Say where the plate is in a camera's picture, see how well that is known, and accept it.",
    no_args_is_help=True,
)

app.command()(tone)

CameraArgument = Annotated[str, typer.Argument(help="Name of the camera in the configuration.")]
ImageOption = Annotated[Path | None, typer.Option(help="Picture to calibrate by; none takes one of a build.")]
BuildOption = Annotated[str, typer.Option(help="Build whose picture is taken; none takes the newest.")]
LiveOption = Annotated[bool, typer.Option("--live", help="Take a picture with the camera now; no build is needed.")]
LayerOption = Annotated[int | None, typer.Option(help="Layer whose picture is taken; none takes the newest.")]
LensOption = Annotated[bool, typer.Option("--lens", help="Fit the lens's distortion as well.")]
FlatOption = Annotated[list[Path] | None, typer.Option(help="Picture of bare powder, for the flat field; several.")]
PictureOption = Annotated[Path | None, typer.Option(help="Write the picture of the residuals here (PNG).")]
AcceptOption = Annotated[bool, typer.Option("--accept", help="Keep it without asking.")]
SquaresOption = Annotated[str, typer.Option(help="Squares of the board, COLUMNSxROWS.")]
SquareOption = Annotated[float, typer.Option(help="Edge of a square, in mm.", min=0.1)]
MarkerOption = Annotated[float, typer.Option(help="Edge of a marker, in mm.", min=0.1)]
DictionaryOption = Annotated[str, typer.Option(help="OpenCV's name of the markers' dictionary.")]
OriginOption = Annotated[str, typer.Option(help="Plate coordinates X,Y of the board's first corner, in mm.")]
Points = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Asked:
    """What every way of calibrating is asked for."""

    settings: Settings
    camera: str
    image: Path | None
    build: str
    layer: int | None
    flat: list[Path] | None
    picture: Path | None
    accept: bool
    live: bool = False

    def shot(self, path: Path | None) -> Shot:
        """The picture of a file, else of the camera, else of a build."""
        from monitor.store.calibrating import shot_of_build, shot_of_file

        root = self.settings.store.root
        if path is None and self.live:
            return shot_of_camera(self.settings, self.camera)
        if path is None:
            return shot_of_build(root, self.camera, self.build, self.layer)
        return shot_of_file(root, path, None, self.settings.plate.grid(), self.camera)


@app.command()
def corners(
    camera: CameraArgument,
    image: ImageOption = None,
    build: BuildOption = "",
    layer: LayerOption = None,
    live: LiveOption = False,
    at: Annotated[str, typer.Option(help="Corners in the picture, 'C,R C,R C,R C,R' in px; none finds them.")] = "",
    plate_mm: Annotated[str, typer.Option(help="The same on the plate, 'X,Y …' in mm; none is the plate grid's.")] = "",
    turn: Annotated[int, typer.Option(help="Quarter turns by which the camera is mounted.", min=0, max=3)] = 0,
    lens: LensOption = False,
    flat: FlatOption = None,
    picture: PictureOption = None,
    accept: AcceptOption = False,
    config: ConfigOption = None,
) -> None:
    """By the plate's four corners: found in the picture and refined along its edges, or given."""
    from monitor.store.calibrating import by_corners

    def make(shot: Shot) -> Trial:
        seen = _points(at, "--at") if at else None
        return by_corners(shot, _points(plate_mm, "--plate-mm") if plate_mm else None, seen, turn=turn, lens=lens)

    with told():
        _do(_Asked(settings_of(config), camera, image, build, layer, flat, picture, accept, live), make)


@app.command()
def charuco(
    camera: CameraArgument,
    image: ImageOption = None,
    build: BuildOption = "",
    layer: LayerOption = None,
    live: LiveOption = False,
    squares: SquaresOption = "12x12",
    square_mm: SquareOption = 8.0,
    marker_mm: MarkerOption = 6.0,
    dictionary: DictionaryOption = "DICT_5X5_250",
    origin_mm: OriginOption = "-48,-48",
    view: Annotated[
        list[Path] | None, typer.Option(help="Further pictures of the board, tilted, for the lens.")
    ] = None,
    flat: FlatOption = None,
    picture: PictureOption = None,
    accept: AcceptOption = False,
    config: ConfigOption = None,
) -> None:
    """By a ChArUco board that lies on the plate, with the lens."""
    from monitor.optics import lens_from_views
    from monitor.store.calibrating import by_marks

    def make(shot: Shot) -> Trial:
        board = _board(squares, square_mm, marker_mm, dictionary, origin_mm)
        _, plate, seen = board.corners(shot.grey)
        lens: bool | Lens = True
        if view:
            views = [(plate, seen), *(board.corners(asked.shot(path).grey)[1:] for path in view)]
            lens, error = lens_from_views(views, shot.shape)
            err.print(f"lens by {len(views)} views: {error:.3f} px rms", highlight=False)
        return by_marks(shot, plate, seen, "charuco", lens)

    with told():
        asked = _Asked(settings_of(config), camera, image, build, layer, flat, picture, accept, live)
        _do(asked, make)


@app.command()
def aruco(
    camera: CameraArgument,
    marker: Annotated[list[str], typer.Option(help="A marker: NUMBER:X,Y of its centre on the plate, in mm; several.")],
    size_mm: Annotated[float, typer.Option(help="Edge of a marker's black square, in mm.", min=0.1)],
    image: ImageOption = None,
    build: BuildOption = "",
    layer: LayerOption = None,
    live: LiveOption = False,
    dictionary: DictionaryOption = "DICT_4X4_50",
    lens: LensOption = False,
    flat: FlatOption = None,
    picture: PictureOption = None,
    accept: AcceptOption = False,
    config: ConfigOption = None,
) -> None:
    """By single ArUco markers whose places on the plate are known."""
    from monitor.optics import find_markers
    from monitor.store.calibrating import by_marks

    def make(shot: Shot) -> Trial:
        centres = {int(number): _pair(place, "--marker") for number, _, place in (m.partition(":") for m in marker)}
        return by_marks(shot, *find_markers(shot.grey, centres, size_mm, dictionary), "aruco", lens)

    with told():
        _do(_Asked(settings_of(config), camera, image, build, layer, flat, picture, accept, live), make)


@app.command()
def parts(
    camera: CameraArgument,
    build: BuildOption = "",
    layer: LayerOption = None,
    lens: LensOption = False,
    flat: FlatOption = None,
    picture: PictureOption = None,
    accept: AcceptOption = False,
    config: ConfigOption = None,
) -> None:
    """By the parts of a layer against their reference mask, else against where the laser was."""
    from monitor.store import CalibrationBook
    from monitor.store.calibrating import by_parts

    with told():
        settings = settings_of(config)
        newest = CalibrationBook(settings.store.root).newest(camera)
        start = newest.calibration if newest else None
        asked = _Asked(settings, camera, None, build, layer, flat, picture, accept)
        _do(asked, lambda shot: by_parts(shot, start, lens=lens))


@app.command("list")
def list_(camera: CameraArgument, config: ConfigOption = None) -> None:
    """List the accepted calibrations of a camera; the last one holds."""
    from monitor.store import CalibrationBook

    with told():
        versions = CalibrationBook(settings_of(config).store.root).versions(camera)
    for record in versions:
        known = record.calibration.goodness
        size = f"{known.um_per_px:.2f} ± {known.um_per_px_90:.2g} µm per px" if known else "scale not known"
        facts = (record.accepted[:16].replace("T", " "), record.by, size, record.digest[7:19], record.made_of)
        out.print(f"{record.number:4d}  {escape('  '.join(facts))}", highlight=False, soft_wrap=True)
    if not versions:
        err.print(f"no calibration of {camera} was accepted", highlight=False)


@app.command()
def use(
    camera: CameraArgument,
    number: Annotated[int, typer.Argument(help="Number of an earlier calibration, see `list`.", min=1)],
    config: ConfigOption = None,
) -> None:
    """Let an earlier calibration hold again, from the next build on."""
    from monitor.store import CalibrationBook

    with told():
        record = CalibrationBook(settings_of(config).store.root).again(camera, number, by=person())
    err.print(f"✓ calibration {record.number} of {camera} holds: that of {number} again", highlight=False)


@app.command()
def board(
    out_file: Annotated[Path, typer.Argument(help="Picture to print (PNG).")],
    squares: SquaresOption = "12x12",
    square_mm: SquareOption = 8.0,
    marker_mm: MarkerOption = 6.0,
    dictionary: DictionaryOption = "DICT_5X5_250",
    px_per_mm: Annotated[float, typer.Option(help="Resolution; 23.622 is 600 dpi.", min=1.0)] = 23.622,
) -> None:
    """Draw a ChArUco board to print at its true size."""
    with told():
        drawn = _board(squares, square_mm, marker_mm, dictionary, "0,0").drawn(px_per_mm)
        if not cv2.imwrite(str(out_file), drawn):
            raise CalibrationError(f"{out_file}: cannot be written", cure="give a path that ends with .png")
    wide, high = (size / px_per_mm for size in drawn.shape[::-1])
    err.print(f"✓ {out_file}: print it {wide:.1f} × {high:.1f} mm, and measure what was printed", highlight=False)


def _do(asked: _Asked, make: Callable[[Shot], Trial]) -> None:
    """Make a trial, show how good it is, and keep it where that is wanted."""
    from monitor.store.calibrating import with_flat_field

    trial = make(asked.shot(asked.image))
    if asked.flat:
        trial = with_flat_field(trial, [asked.shot(path) for path in asked.flat])
    where = asked.picture or Path(f"calibration-{asked.camera}.png")
    where.write_bytes(trial.picture())
    _tell(trial.calibration, trial.shot.said)
    err.print(f"residuals: {where}", highlight=False)
    if not asked.accept and not typer.confirm("Accept it from the next build on?", err=True):
        err.print("nothing was kept")
        return
    record = trial.accept(asked.settings.store.root, person())
    err.print(
        f"✓ calibration {record.number} of {record.camera} holds: {record.digest}", highlight=False, soft_wrap=True
    )


def _tell(calibration: Calibration, said: str) -> None:
    known, lens = calibration.goodness, calibration.lens
    out.print(f"{escape(said)}: by {calibration.source}", highlight=False)
    if known:
        out.print(
            f"  {known.um_per_px:.3f} ± {known.um_per_px_90:.2g} µm per pixel in the middle; places right to "
            f"{known.place_um_90:.0f} µm at worst (90 %)\n"
            f"  {known.points} points, residual {known.residual_px:.3f} px"
            + (f"; {escape(known.assumed)}" if known.assumed else ""),
            highlight=False,
            soft_wrap=True,
        )
    if lens:
        out.print(f"  lens: k1 {lens.k1:+.4f}, k2 {lens.k2:+.4f} at {lens.unit_px:.0f} px", highlight=False)
    if calibration.flat:
        gains = calibration.flat.gains
        out.print(
            f"  flat field: {100 * (max(gains) / min(gains) - 1):.0f} % from darkest to brightest", highlight=False
        )


def _board(squares: str, square_mm: float, marker_mm: float, dictionary: str, origin_mm: str) -> Board:
    from monitor.optics import Board

    columns, _, rows = squares.lower().partition("x")
    if not (columns.isdigit() and rows.isdigit()):
        raise CalibrationError(f"--squares {squares}: not a size", cure="give columns and rows, such as 12x9")
    return Board((int(columns), int(rows)), square_mm, marker_mm, dictionary, _pair(origin_mm, "--origin-mm"))


def _points(text: str, option: str) -> Points:
    """Four pairs of numbers."""
    pairs = [_pair(pair, option) for pair in text.split()]
    if len(pairs) != 4:
        raise CalibrationError(f"{option}: {len(pairs)} points, four are needed", cure="give 'A,B C,D E,F G,H'")
    return np.array(pairs, np.float64)


def _pair(text: str, option: str) -> tuple[float, float]:
    first, _, second = text.partition(",")
    try:
        return float(first), float(second)
    except ValueError as error:
        raise CalibrationError(f"{option} {text}: not two numbers", cure="give them as 12.5,-3") from error
