"""The API against its own document: schemathesis makes requests that fit it and requests that do not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis.errors import Unsatisfiable
from schemathesis.specs.openapi.checks import negative_data_rejection

from monitor.domain import Role
from monitor.web.access import COOKIE
from monitor.web.accounts import Accounts
from tests.web.conftest import Served, serving
from tests.web.synthetic import Faults, small_store, write_statuses

PASSWORD = "correct horse battery"
Closed = tuple[Served, dict[str, str]]
QUICK = hypothesis.settings(
    max_examples=8,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    """A server with a small build that lets nobody in without a name, and what an admin sends with each request."""
    root: Path = tmp_path_factory.mktemp("schema")
    settings, build = small_store(root, 3, Faults(no_webcam=(1,)), unprocessed=1)
    write_statuses(settings, build, 3)
    accounts = Accounts(root)
    accounts.add("ada", Role.ADMIN, PASSWORD)
    token = accounts.add_token("schemathesis", Role.ADMIN, 3600.0)
    session = accounts.log_in("ada", PASSWORD)
    headers = {"Authorization": f"Bearer {token}", "Cookie": f"{COOKIE}={session}"}
    web = settings.web.model_copy(update={"open_reading_on_loopback": False, "requests_per_s": 1e4})
    with serving(settings.model_copy(update={"web": web})) as served:
        yield served, headers


def test_schemathesis_finds_nothing(closed: Closed) -> None:
    """Every answer to every generated request is one that the document promises; nothing fails, nothing slips in."""
    served, headers = closed
    schema = schemathesis.openapi.from_url(f"{served.url}/api/v1/openapi.json", headers=headers)
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        assert operation is not None
        _hold(operation, headers)
        tried += 1
    assert tried == len(list(schema.get_all_operations()))
    assert tried > 20


def _hold(operation: schemathesis.schemas.APIOperation, headers: dict[str, str]) -> None:
    for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):

        @QUICK
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def holds(case: schemathesis.Case) -> None:
            response = case.call(headers=headers)
            unsent = {*(case.query or {})} - {*parse_qs(urlsplit(response.request.url).query, keep_blank_values=True)}
            replaced = {name.lower() for name in headers} & {name.lower() for name in case.headers or {}}
            # What is wrong with a request may not be sent: an empty list leaves no trace, and our own name is put in.
            case.validate_response(response, excluded_checks=[negative_data_rejection] if unsent | replaced else [])

        # An operation without parameters and body has no wrong request.
        with suppress(Unsatisfiable) if mode.is_negative else nullcontext():
            holds()
