"""The worker: pending = committed − processed. Follows the store and turns each layer into products.

Owns the order rectify → upscale → segment → measure → commit, and which bundles are used for it. Refuses to know
devices and the page; a layer is never processed twice and never skipped, because the product record in the store is
the only memory.
"""

from monitor.worker.choosing import configured, directory_of, everywhere, find, label_of, purpose_of
from monitor.worker.evidence import make_again
from monitor.worker.inbox import notices
from monitor.worker.loop import pending_builds, process_build, run_worker
from monitor.worker.parts import PartBook
from monitor.worker.pipeline import Models, Pipeline
from monitor.worker.recipe import changed, recipe_of
from monitor.worker.shadow import Shadow
from monitor.worker.taking_in import take_in
from monitor.worker.toning import MeasuredLook, measure_look
from monitor.worker.trial import KINDS, POLITE, Verdict, try_bundle

__all__ = [
    "KINDS",
    "POLITE",
    "MeasuredLook",
    "Models",
    "PartBook",
    "Pipeline",
    "Shadow",
    "Verdict",
    "changed",
    "configured",
    "directory_of",
    "everywhere",
    "find",
    "label_of",
    "make_again",
    "measure_look",
    "notices",
    "pending_builds",
    "process_build",
    "purpose_of",
    "recipe_of",
    "run_worker",
    "take_in",
    "try_bundle",
]
