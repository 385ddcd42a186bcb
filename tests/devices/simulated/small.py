"""Small virtual builds: a plate of 12.8 mm and little cameras, so that a layer takes milliseconds."""

from __future__ import annotations

from typing import Any

from monitor.config import Settings


def small_settings(**simulation: Any) -> Settings:
    """One ring on a small plate; `simulation` overrides keys of that section."""
    section = {
        "layers": 3,
        "speed": 0.0,
        "parts": [{"kind": "ring", "size_mm": [8.0, 8.0], "wall_mm": 2.0}],
        "scan_speed_mm_s": 3000.0,
        "recoat_s": [6.0, 7.0],
    }
    return Settings.model_validate(
        {
            "plate": {"origin_mm": [-6.35, -6.35], "um_per_px": 100.0, "shape": [128, 128]},
            "trigger": {"rate_hz": 10000.0},
            "cameras": [
                {"name": "webcam", "role": "webcam", "shape": [144, 192]},
                {"name": "basler", "role": "basler", "shape": [480, 640], "pixel_format": "Mono12"},
            ],
            "simulation": section | simulation,
        }
    )
