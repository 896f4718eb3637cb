"""Explores the broker from its own OpenAPI document, and prints what it answered and what it should not have.

A program of its own, because schemathesis changes how Hypothesis works in the process that runs it. It talks to the
real application through ASGI; only the clock is held. `python -m tests.gateway.explorer FOLDER RUN`, RUN one of `RUNS`.
"""

from __future__ import annotations

import copy
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import schemathesis
from requests import PreparedRequest
from requests.auth import AuthBase
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

from gateway.store.store import Store
from tests.builders import AGREEMENT_ID, LINE, STATEMENT_ID, Json
from tests.gateway.first_day import make_database
from tests.gateway.partner import Partner
from tests.gateway.world import World

RUNS: Json = {"signed-in": 10, "known": 5, "anonymous": 3, "lying": 1}
"""As a partner; as a partner who names what is there; as nobody; and from a document that does not say the truth: each
with how many random cases of each call and kind."""
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance"),
    *("response_schema_conformance", "negative_data_rejection", "unsupported_method"),
)
KNOWN: Json = {
    "path.identifier": AGREEMENT_ID,
    "path.version": 1,
    "path.address": LINE,
    "path.slug": "not-found",
    "path.path": "0/000.p/9",
    "path.index": 0,
}
"""What stands in paths when the calls shall find something."""
NAMING: list[Json] = [
    {"include-path-regex": "^/v1/consents/", "parameters": {"path.identifier": STATEMENT_ID}},
    {"include-path-regex": "^[^{]*$", "enabled": False},
]
"""The same identifier where it names a consent; and nothing of what names nothing."""


TRUTHFUL: Json = {"include-path-regex": "^/(?!healthz$|readyz$)", "enabled": False}
"""The calls that the lying document does not lie about."""


class _Proof(AuthBase):
    """Signs each call as it leaves: the token, and a fresh proof of its method and place."""

    def __init__(self, partner: Partner) -> None:
        self._partner = partner

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        path = urlsplit(str(request.url)).path
        for name, value in self._partner.headers(str(request.method), path).items():
            if name != "Accept-Language":
                request.headers[name] = value
        return request


def explore(world: World, run: str) -> Json:
    """Every finding of a run, as lines, and how often each call was answered with each status."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", world.app, config=_config(run))
    schema.validate()  # against the schema that the OpenAPI Initiative gives of 3.1 documents
    proof = None if run in {"anonymous", "lying"} else _Proof(world.line)

    @schemathesis.hook
    def before_call(_context: Any, case: Any, kwargs: dict[str, Any]) -> None:  # noqa: ANN401 - as hooks are called
        if proof is not None:
            kwargs["auth"] = proof
        _hurry(case)

    findings: set[str] = set()
    answers: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _count(event.recorder, answers)
            findings |= set(_failures(event.recorder))
        elif isinstance(event, events.NonFatalError):
            findings.add(f"{event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            findings.add(repr(event.exception))
    return {"findings": sorted(findings), "answers": answers}


def _config(run: str) -> SchemathesisConfig:
    # What earlier answers held would make a case depend on more than its seed.
    learning = {"responses": False}
    # Whoever does not sign in is not read: one body is as good as another.
    bodies = {"generation": {"mode": "positive"}} if run == "anonymous" else {}
    phases = {
        "examples": {"enabled": False},
        "coverage": {"enabled": True, "extra-data-sources": learning, **bodies},
        "fuzzing": {"enabled": True, "extra-data-sources": learning, "error-feedback": {"enabled": False}},
        "stateful": {"enabled": False},
    }
    generation = {"max-examples": RUNS[run], "deterministic": True, "no-shrink": True}
    return SchemathesisConfig.from_dict(
        {
            "seed": 20261122,
            # The proof is added to every call, so a call without it cannot be made by leaving out its header.
            "generation": {**generation, "with-security-parameters": False},
            "checks": {"enabled": False, **{name: {"enabled": True} for name in CHECKS}},
            "phases": phases,
            "cache": {"enabled": False},
            **({"parameters": KNOWN, "operations": NAMING} if run == "known" else {}),
            **({"operations": [TRUTHFUL]} if run == "lying" else {}),
        }
    )


def _hurry(case: Any) -> None:  # noqa: ANN401 - a case of any call
    """Wait for nothing: a waiting time that is allowed becomes none at all, whatever else the case holds."""
    wait = str(case.query.get("wait", "")) if case.query else ""
    if wait.isdigit() and int(wait) > 0:
        case.query["wait"] = "0"
    if isinstance(case.body, dict) and isinstance(case.body.get("wait"), int) and case.body["wait"] > 0:
        case.body["wait"] = 0


def _count(recorder: ScenarioRecorder, answers: dict[str, Counter[int]]) -> None:
    for case_id, interaction in recorder.interactions.items():
        if interaction.response is not None:
            answers[recorder.cases[case_id].value.operation.label][interaction.response.status_code] += 1


def _failures(recorder: ScenarioRecorder) -> list[str]:
    return [
        f"{recorder.label}: {check.name}: {check.failure_info.failure.title}: {check.failure_info.failure.message}"
        f"\n    {check.failure_info.code_sample}"
        for checks in recorder.checks.values()
        for check in checks
        if check.failure_info is not None
    ]


def _lies(document: Json) -> Callable[[], Json]:
    """A document that promises another body of one call and another status of another one."""
    lies = copy.deepcopy(document)
    answers = lies["paths"]["/healthz"]["get"]["responses"]
    answers["200"]["content"]["application/json"]["schema"] = {"const": "I am well"}
    answers = lies["paths"]["/readyz"]["get"]["responses"]
    answers["201"] = answers.pop("200")
    return lambda: lies


def main(url: str, run: str) -> Json:
    """Make a world in which something happened already, and explore it."""
    make_database(url)
    store = Store(url)
    try:
        world = World(store)
        world.picked_up()
        world.shelter.deposit(world.event("T08", 1)).raise_for_status()
        world.integrate()
        if run == "lying":
            world.app.openapi = _lies(world.app.openapi())  # type: ignore[method-assign]  # as the broker does
        return explore(world, run)
    finally:
        store.close()


if __name__ == "__main__":
    out, sys.stdout = sys.stdout, sys.stderr  # whatever the broker logs meanwhile is no part of the result
    print(json.dumps(main(sys.argv[1], sys.argv[2])), file=out, flush=True)  # at the end only sys.stdout is flushed
