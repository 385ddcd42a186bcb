"""What a recording has of a layer that is replayed. Owns which layer it is, and which laser-on map of it counts."""

from __future__ import annotations

from dataclasses import replace

import structlog

from monitor.config import Settings
from monitor.domain import StoreCorrupt
from monitor.store import BuildReader, LayerSignal

log = structlog.get_logger("acquire")


def recorded_layer(recording: BuildReader | None, index: int) -> int | None:
    """The recorded layer that a replay's layer is; None for a live build, and after the last one."""
    layers = recording.layers() if recording else ()
    return layers[index] if index < len(layers) else None


def with_recorded_map(
    settings: Settings, recording: BuildReader | None, index: int, signal: LayerSignal
) -> LayerSignal:
    """The signal with the map that was recorded, where none was made of all samples: what is found rests on it.

    Args:
        settings: the whole configuration.
        recording: the build that is replayed, None for a live one.
        index: the replay's layer.
        signal: as the replay made it.
    """
    recorded = recorded_layer(recording, index)
    if recording is None or recorded is None or not settings.signals.laser_map:
        return signal
    span = recording.signal_span(recorded)
    if signal.laser_map and span and span.decimation == 1:
        return signal
    try:
        exposed = recording.laser_map(recorded)
    except StoreCorrupt as error:
        log.warning("laser-on map not replayed", layer=index, what=error.what, cure=error.cure)
        return replace(signal, laser_map_gap=error.what)
    if exposed is None or exposed.exposure_us.shape != settings.plate.shape:
        return signal
    return replace(signal, laser_map=exposed, laser_map_gap="")
