"""What the OpenAPI document says of every route alike. Owns the refusals of the gate; refuses to know routes."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from monitor.web.schema_base import Problem

_ALIKE = {
    "400": "The request cannot be read.",
    "401": "A login or token is needed, or the one that was sent is not known.",
    "403": "The role does not reach, or another page sent this.",
    "404": "There is no such thing.",
    "413": "The body is too long.",
    "421": "The server is not known under that name.",
    "422": "A value cannot be so.",
    "429": "Too many requests; Retry-After says for how many seconds to wait.",
    "500": "The store cannot be read or the server failed; the text says which.",
    "507": "No space left on the store's disk.",
}


def describe(app: FastAPI) -> None:
    """Add to the app's OpenAPI document what the gate and the error handlers may answer on every route."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            document["components"]["schemas"].setdefault(
                "Problem", Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            )
            for operations in document["paths"].values():
                for operation in operations.values():
                    _complete(operation["responses"])
            for unused in ("HTTPValidationError", "ValidationError"):
                document["components"]["schemas"].pop(unused, None)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _complete(responses: dict[str, Any]) -> None:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for code, words in _ALIKE.items():
        if code not in responses or code == "422":
            responses[code] = {"description": words, "content": content}
