"""/api/v1/builds/…/replay: pause, run, step, speed and goto of a replay that runs. Refuses to replay."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from monitor.store import control_replay
from monitor.web.access import Operator
from monitor.web.routes_builds import BuildDep, LibraryDep
from monitor.web.schema import Problem, ReplayOrder, ReplayWanted

router = APIRouter(prefix="/api/v1", tags=["replay"])

REFUSED: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "No replay makes this build, or the layer is made already."}
}


@router.post("/builds/{build}/replay", responses=REFUSED)
def control(found: BuildDep, library: LibraryDep, order: ReplayOrder, who: Operator) -> ReplayWanted:
    """Say how the replay that makes this build goes on; it heeds that between two layers."""
    wanted = control_replay(library.root, found.manifest.id, order.verb, order.value)
    return ReplayWanted(paused=wanted.paused, speed=wanted.speed, goto=wanted.goto)
