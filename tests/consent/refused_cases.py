"""How a refusal is written down: a good envelope or its evidence with one thing changed, and the answer expected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from consent.lifecycle import ReferralState
from consent.passage import Granted, Refused
from tests.builders import (
    ABSENT,
    AT,
    DAY,
    Json,
    changed,
    decided,
    emergency_terms,
    registered_agreement,
    registered_statement,
)

Members = Callable[[], Json]
Changes = Mapping[str, object]
MOMENT = timedelta(milliseconds=1)
REJECTED = ReferralState("rejected", closed_at=AT - DAY)
REJECTED_LONG_AGO = ReferralState("rejected", closed_at=AT - 14 * DAY)
OTHER_REF = "ref_" + "z" * 26
OTHER_AGR = "agr_" + "z" * 26
OTHER_STATEMENT = "cs_" + "z" * 26
NO_SHELTER: Changes = {"/parties/1": ABSENT, "/articles/0/to/0": "shelter"}


@dataclass(frozen=True)
class RefusedCase:
    """What is expected, and how the question is put."""

    rule: str
    because: str
    pointer: str
    members: Members
    header: Changes
    evidence: Mapping[str, Any]

    def decide(self) -> Granted | Refused:
        """The decision on this case."""
        return on_evidence(self.members(), self.header, **self.evidence)


def on_evidence(members: Json, header: Changes | None = None, **evidence: Any) -> Granted | Refused:  # noqa: ANN401 - any evidence
    """The decision on a header that cites the evidence as an honest sender does, before `header` changes it.

    `agreement` and `statement` are changes to the usual ones, or None; `state`, `ended_at` and `uses` go with them.
    """
    honest: dict[str, object] = {}
    if evidence.get("agreement", {}) is not None:
        terms = {key: evidence.pop(key) for key in ("state", "ended_at") if key in evidence}
        changes = (emergency_terms() if "emergency" in members else {}) | dict(evidence.get("agreement") or {})
        registered = evidence["agreement"] = registered_agreement(changes, **terms)
        honest |= {"/agreement": registered.document.ref, "/agreement_sha256": registered.sha256}
    if "emergency" not in members and evidence.get("statement", {}) is not None:
        known = evidence["statement"] = registered_statement(evidence.get("statement"), evidence.pop("uses", None))
        if "authority" in members:
            honest |= {"/authority/version": known.document.version, "/authority/sha256": known.sha256}
    return decided(changed(members, honest | dict(header or {})), **evidence)


def slot(position: int, section: str) -> Changes:
    """The change that puts another section in a slot."""
    return {f"/slots/{position}/section": section, f"/slots/{position}/schema": f"{section}/1"}


def case(expected: str, members: Members, header: Changes | None = None, **evidence: Any) -> RefusedCase:  # noqa: ANN401 - any evidence
    """A case from `rule slug pointer`."""
    rule, because, pointer = (*expected.split(" "), "")[:3]
    return RefusedCase(rule, because, pointer, members, header or {}, evidence)
