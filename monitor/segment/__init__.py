"""Where the melted metal is in one layer image. Owns query points, prompting and the filters of masks; runs no model.

As in the paper: Sauvola threshold, dilation, components; per component the distance transform's peak and random points;
a promptable model; drop by predicted IoU and stability, no duplicates, union.
"""

from monitor.segment.ensemble import joined
from monitor.segment.initial import Initial, initial_mask
from monitor.segment.layer import segment_layer
from monitor.segment.predictor import BACKGROUND, FOREGROUND, PAD, Predicted, Predictor, SegmentThresholds, Unasked
from monitor.segment.prior import AreaPrior, area_prior
from monitor.segment.prompts import Prompts, query_points
from monitor.segment.tiles import segment_plate
from monitor.segment.views import VIEWS, Turned, to_segment

__all__ = [
    "BACKGROUND",
    "FOREGROUND",
    "PAD",
    "VIEWS",
    "AreaPrior",
    "Initial",
    "Predicted",
    "Predictor",
    "Prompts",
    "SegmentThresholds",
    "Turned",
    "Unasked",
    "area_prior",
    "initial_mask",
    "joined",
    "query_points",
    "segment_layer",
    "segment_plate",
    "to_segment",
]
