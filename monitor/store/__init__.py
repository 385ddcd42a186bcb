"""Builds on disk. Owns the layout, the commit protocol, the one writer and the readers of a build and of its products.

A layer is either committed whole or not there: data first, then one record, whose presence is the commit. Refuses to
know devices, models and processes.
"""

from monitor.store.alarms import AlarmBook, alarm_id
from monitor.store.attempt import Attempt, read_attempt, write_attempt
from monitor.store.calibrations import CalibrationBook, CalibrationRecord
from monitor.store.compared import (
    ComparedLayer,
    ComparedPart,
    Comparison,
    comparisons,
    keep_comparison,
    picture_of,
)
from monitor.store.ending import end_requested, hold_acquisition, request_end
from monitor.store.heart import Heart
from monitor.store.importing import import_folder
from monitor.store.layout import commits_folder, free_build_id, new_build_id
from monitor.store.listing import BuildSummary, list_builds, list_product_sets
from monitor.store.lock import WriterLock
from monitor.store.model_events import PURPOSES, ModelEvent, Purpose, Standing
from monitor.store.models import ModelBook
from monitor.store.notes import AlarmNotes, hold_alarms
from monitor.store.notify import notify
from monitor.store.omezarr import VolumeGrid
from monitor.store.part_export import PartOrder, PartSpan, export_parts, part_mesh, part_spans
from monitor.store.pinning import pin, pinned, unpin
from monitor.store.planes import planes_of
from monitor.store.product_reader import ProductReader
from monitor.store.products import ARRAYS, CONTOURS, RADIUS_UNIT, ProductWriter
from monitor.store.pulse import Pulse
from monitor.store.reader import BuildReader
from monitor.store.readings import Readings, read_readings, write_readings
from monitor.store.recipe import ImportRecipe, load_recipe
from monitor.store.records import (
    ArrayRecord,
    BuildManifest,
    FrameRecord,
    LayerRecord,
    ProductRecord,
    SignalRecord,
)
from monitor.store.references import replace_reference
from monitor.store.repairing import repair, repair_notes
from monitor.store.replaying import ReplayRefused, Verb, control_replay, read_control
from monitor.store.reports import ReportFormat, StoredReport, keep_report, list_reports, read_report
from monitor.store.reserve import refill_reserve
from monitor.store.retention import Removable, make_room, removable, thinned
from monitor.store.space import BuildSpace, Forecast, build_space, forecast, forecast_for, gigabytes
from monitor.store.spool import LayerSignal, SignalSpool, SpooledLayer
from monitor.store.status import read_heartbeats, read_statuses, write_status
from monitor.store.timing import LIVE, latency_s, period_s
from monitor.store.unrolling import draw_walls, wall_picture
from monitor.store.verifying import VerifyReport, verify
from monitor.store.writer import BuildWriter

__all__ = [
    "ARRAYS",
    "CONTOURS",
    "LIVE",
    "PURPOSES",
    "RADIUS_UNIT",
    "AlarmBook",
    "AlarmNotes",
    "ArrayRecord",
    "Attempt",
    "BuildManifest",
    "BuildReader",
    "BuildSpace",
    "BuildSummary",
    "BuildWriter",
    "CalibrationBook",
    "CalibrationRecord",
    "ComparedLayer",
    "ComparedPart",
    "Comparison",
    "Forecast",
    "FrameRecord",
    "Heart",
    "ImportRecipe",
    "LayerRecord",
    "LayerSignal",
    "ModelBook",
    "ModelEvent",
    "PartOrder",
    "PartSpan",
    "ProductReader",
    "ProductRecord",
    "ProductWriter",
    "Pulse",
    "Purpose",
    "Readings",
    "Removable",
    "ReplayRefused",
    "ReportFormat",
    "SignalRecord",
    "SignalSpool",
    "SpooledLayer",
    "Standing",
    "StoredReport",
    "Verb",
    "VerifyReport",
    "VolumeGrid",
    "WriterLock",
    "alarm_id",
    "build_space",
    "commits_folder",
    "comparisons",
    "control_replay",
    "draw_walls",
    "end_requested",
    "export_parts",
    "forecast",
    "forecast_for",
    "free_build_id",
    "gigabytes",
    "hold_acquisition",
    "hold_alarms",
    "import_folder",
    "keep_comparison",
    "keep_report",
    "latency_s",
    "list_builds",
    "list_product_sets",
    "list_reports",
    "load_recipe",
    "make_room",
    "new_build_id",
    "notify",
    "part_mesh",
    "part_spans",
    "period_s",
    "picture_of",
    "pin",
    "pinned",
    "planes_of",
    "read_attempt",
    "read_control",
    "read_heartbeats",
    "read_readings",
    "read_report",
    "read_statuses",
    "refill_reserve",
    "removable",
    "repair",
    "repair_notes",
    "replace_reference",
    "request_end",
    "thinned",
    "unpin",
    "verify",
    "wall_picture",
    "write_attempt",
    "write_readings",
    "write_status",
]
