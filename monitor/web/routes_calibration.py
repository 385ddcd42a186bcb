"""/api/v1/calibrations: what holds for a camera, trials from a layer's picture, and accepting one.

Owns the trials that somebody looks at now; they are gone with the process. Refuses to know how one is made.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Response

from monitor.domain import Calibration, Goodness, NotInStore
from monitor.store import CalibrationBook, CalibrationRecord
from monitor.store.calibrating import Trial, by_corners, by_parts, shot_of_build
from monitor.web.access import Engineer
from monitor.web.routes_builds import LibraryDep
from monitor.web.schema_calibration import (
    AcceptOrder,
    CalibrationOrder,
    CalibrationView,
    GoodnessView,
    TrialView,
)

router = APIRouter(prefix="/api/v1/calibrations", tags=["calibration"])

KEPT = 8
Camera = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Number = Annotated[int, Path(ge=1, le=999_999)]
Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}, "description": "The picture."}}


class Trials:
    """The last trials with their pictures, by camera and digest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], tuple[Trial, bytes]] = OrderedDict()

    def keep(self, trial: Trial) -> None:
        """Keep one; the oldest goes."""
        key, picture = (trial.shot.facts.name, trial.calibration.digest), trial.picture()
        with self._lock:
            self._kept[key] = (trial, picture)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)

    def find(self, camera: str, digest: str) -> tuple[Trial, bytes]:
        """One that is still kept.

        Raises:
            NotInStore: it is not.
        """
        with self._lock:
            found = self._kept.get((camera, digest))
        if found is None:
            raise NotInStore(f"no trial {digest[:24]} of camera '{camera}' is kept any more", cure="calibrate again")
        return found


_trials = Trials()


@router.get("/{camera}")
def versions(camera: Camera, library: LibraryDep) -> list[CalibrationView]:
    """Every calibration of a camera that was accepted, the one that holds first."""
    return [_view(record) for record in reversed(CalibrationBook(library.root).versions(camera))]


@router.get("/{camera}/{number}/picture", response_class=Response, responses=PNG)
def picture(camera: Camera, number: Number, library: LibraryDep) -> Response:
    """The residuals of an accepted calibration."""
    return Response(CalibrationBook(library.root).picture(camera, number), media_type="image/png")


@router.post("/{camera}/trials")
def attempt(camera: Camera, order: CalibrationOrder, library: LibraryDep, who: Engineer) -> TrialView:
    """Calibrate by a layer's picture, for a person to look at; nothing is kept."""
    shot = shot_of_build(library.root, camera, order.build, order.layer)
    if order.way == "parts":
        newest = CalibrationBook(library.root).newest(camera)
        trial = by_parts(shot, newest.calibration if newest else None, lens=order.lens)
    else:
        given = None if order.corners_px is None else np.array(order.corners_px, np.float64)
        trial = by_corners(shot, corners_px=given, lens=order.lens)
    _trials.keep(trial)
    found = trial.calibration
    return TrialView(
        digest=found.digest,
        source=found.source,
        made_of=shot.said,
        goodness=_goodness(found),
        corners_px=tuple((float(x), float(y)) for x, y in np.nan_to_num(trial.corners_px)),
        shape=shot.shape,
        picture_url=f"/api/v1/calibrations/{camera}/trials/{found.digest.removeprefix('sha256:')}/picture",
    )


@router.get("/{camera}/trials/{digest}/picture", response_class=Response, responses=PNG)
def trial_picture(camera: Camera, digest: Digest) -> Response:
    """The residuals of a trial."""
    return Response(_trials.find(camera, f"sha256:{digest}")[1], media_type="image/png")


@router.post("/{camera}")
def accept(camera: Camera, order: AcceptOrder, library: LibraryDep, who: Engineer) -> CalibrationView:
    """Keep a trial: it holds from the next build on."""
    trial, _ = _trials.find(camera, order.digest)
    return _view(trial.accept(library.root, who.name))


def _view(record: CalibrationRecord) -> CalibrationView:
    known = record.calibration.goodness
    return CalibrationView(
        number=record.number,
        digest=record.digest,
        source=record.calibration.source,
        made_of=record.made_of,
        by=record.by,
        accepted=record.accepted,
        serial=record.serial,
        goodness=None if known is None else _goodness(record.calibration),
        picture_url=f"/api/v1/calibrations/{record.camera}/{record.number}/picture",
    )


def _goodness(calibration: Calibration) -> GoodnessView:
    known = calibration.goodness or Goodness(0, 0.0, 0.0, 0.0, 0.0)
    return GoodnessView(
        points=known.points,
        residual_px=known.residual_px,
        um_per_px=known.um_per_px,
        um_per_px_90=known.um_per_px_90,
        place_um_90=known.place_um_90,
        assumed=known.assumed,
    )
