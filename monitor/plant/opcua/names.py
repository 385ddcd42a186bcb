"""The address space as a table. Owns which name stands where and what it means; refuses to know sockets.

Names of OPC 40540 (Additive Manufacturing 1.0.0) and of what it builds on are used where they fit, in their own
namespaces; everything else is in the monitor's. The official NodeSets are not shipped, so objects are of the base types
and `deploy/guides/plant.md` says what that means for a client.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from monitor import __version__
from monitor.plant.state import PlantState
from monitor.plant.tally import BuildSums

OWN = "urn:lpbf-monitor:plant"
DI = "http://opcfoundation.org/UA/DI/"
MACHINERY = "http://opcfoundation.org/UA/Machinery/"
TOOL = "http://opcfoundation.org/UA/MachineTool/"
JOBS = "http://opcfoundation.org/UA/Machinery/Jobs/"
AM = "http://opcfoundation.org/UA/AdditiveManufacturing/"
NAMESPACES = (OWN, DI, MACHINERY, TOOL, JOBS, AM)

Kind = Literal["UInt32", "UInt64", "Double", "String", "Boolean"]
Value = int | float | str | bool
Name = tuple[str, str]
"""Namespace and browse name."""

MONITORING: tuple[Name, ...] = ((TOOL, "Monitoring"),)
PROCESS = (*MONITORING, (MACHINERY, "Process"))
HEALTH = (*MONITORING, (MACHINERY, "Health"))
RUN: tuple[Name, ...] = ((MACHINERY, "MachineryBuildingBlocks"), (JOBS, "JobManagement"), (OWN, "CurrentRun"))
IDENTIFICATION: tuple[Name, ...] = ((DI, "Identification"),)
NOTIFICATION: tuple[Name, ...] = ((TOOL, "Notification"),)
MESSAGES = (*NOTIFICATION, (TOOL, "Messages"))


@dataclass(frozen=True, slots=True)
class Item:
    """One variable below the machine.

    Attributes:
        place: its objects, from the machine down.
        name: its own namespace and browse name.
        kind: its data type.
        words: what it means.
        value: gives its value; None where it cannot be told (the variable then has a bad status, never an old value).
        unit: UNECE common code and sign of its unit, None for a bare number.
    """

    place: tuple[Name, ...]
    name: Name
    kind: Kind
    words: str
    value: Callable[[PlantState], Value | None]
    unit: tuple[str, str] | None = None


def _of_build(read: Callable[[BuildSums], Value | None]) -> Callable[[PlantState], Value | None]:
    return lambda state: None if state.sums is None else read(state.sums)


def _layers(name: str) -> Callable[[PlantState], Value | None]:
    return _of_build(lambda sums: sums.pending if name == "pending" else sums.states.get(name, 0))


def _run_state(state: PlantState) -> str | None:
    if state.sums is None:
        return None
    return "Running" if state.sums.running else "Ended"


def _slowest(state: PlantState) -> float | None:
    return sum(state.layer_seconds.values()) if state.layer_seconds else None


ITEMS: tuple[Item, ...] = (
    Item(
        IDENTIFICATION, (AM, "AMTechnologyIdentifier"), "String", "Process category of ISO/ASTM 52900.",
        lambda s: "PBF-LB",
    ),
    Item(IDENTIFICATION, (OWN, "MonitorVersion"), "String", "Version of this monitor.", lambda s: __version__),
    Item(RUN, (AM, "Identifier"), "String", "Id of the build at hand.", lambda s: s.build or None),
    Item(
        RUN, (AM, "CurrentLayer"), "UInt32", "Completed layers; says nothing of their quality.",
        _of_build(lambda sums: sums.committed),
    ),
    Item(RUN, (AM, "State"), "String", "Running or Ended.", _run_state),
    Item(RUN, (OWN, "LayersOk"), "UInt32", "Layers with believed products.", _layers("ok")),
    Item(RUN, (OWN, "LayersAnomalous"), "UInt32", "Layers whose products are not believed.", _layers("anomaly")),
    Item(RUN, (OWN, "LayersMissing"), "UInt32", "Layers without a usable image or mask.", _layers("missing")),
    Item(RUN, (OWN, "LayersPending"), "UInt32", "Layers that wait for products.", _layers("pending")),
    Item(
        RUN, (OWN, "FramesMissing"), "UInt32", "Frames that a camera did not give.",
        _of_build(lambda sums: sum(sums.gaps.values())),
    ),
    Item(
        PROCESS, (OWN, "BuildHeight"), "Double", "Top of the last layer above the plate.",
        _of_build(lambda sums: sums.height_mm), ("MMT", "mm"),
    ),
    Item(
        PROCESS, (OWN, "MeltedArea"), "Double", "Melted area of the last believed layer; from its mask, no interval.",
        _of_build(lambda sums: sums.area_mm2), ("MMK", "mm²"),
    ),
    Item(HEALTH, (OWN, "AcquisitionUp"), "Boolean", "Acquisition gave a sign of life.", lambda s: s.up["acquire"]),
    Item(HEALTH, (OWN, "ProcessingUp"), "Boolean", "Processing gave a sign of life.", lambda s: s.up["worker"]),
    Item(HEALTH, (OWN, "AlarmsUp"), "Boolean", "The alarms' process gave a sign of life.", lambda s: s.up["alarms"]),
    Item(
        HEALTH, (OWN, "DiskFree"), "UInt64", "Free space on the store's disk.", lambda s: s.disk_free_bytes,
        ("AD", "byte"),
    ),
    Item(HEALTH, (OWN, "LayerProcessingTime"), "Double", "All stages of the last layer.", _slowest, ("SEC", "s")),
    Item(NOTIFICATION, (OWN, "OpenAlarms"), "UInt32", "Alarms that are not closed.", lambda s: len(s.alarms)),
    Item(
        NOTIFICATION, (OWN, "UnacknowledgedAlarms"), "UInt32", "Open alarms that nobody has seen.",
        lambda s: sum(1 for alarm in s.alarms if alarm.acknowledgement is None),
    ),
)  # fmt: skip
