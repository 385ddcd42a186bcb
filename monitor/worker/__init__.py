"""The worker: pending = committed − processed. Follows the store and turns each layer into products.

Owns the order rectify → upscale → segment → measure → commit. Refuses to know devices and the page; a layer is
never processed twice and never skipped, because the product record in the store is the only memory.
"""

from monitor.worker.loop import pending_builds, process_build, run_worker
from monitor.worker.pipeline import Models, Pipeline

__all__ = ["Models", "Pipeline", "pending_builds", "process_build", "run_worker"]
