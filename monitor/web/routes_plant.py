"""/metrics for Prometheus. Refuses to know what is counted."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from monitor.plant import Metrics

router = APIRouter(tags=["plant"])


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus' text format."}},
)
def metrics(request: Request) -> Response:
    """What the plant's Prometheus scrapes; `deploy/guides/plant.md` names every metric."""
    found: Metrics = request.app.state.metrics
    return Response(found.text(), headers={"Content-Type": Metrics.content_type, "Cache-Control": "no-store"})
