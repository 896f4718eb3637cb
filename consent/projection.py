"""Takes out of a consent record what may reach the broker: what was given, has effect, and still holds.

PROTOCOL §3 and PRODUCT §4. Nothing that was refused or merely asked is in a statement, nor anything of the person.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from consent.identifiers import AgreementId, StatementId
from consent.record import ConsentRecord, Pair, record_commitment
from consent.statement import ConsentStatement, GivenBy
from consent.validity import Verdict, sitting_of, verdicts
from consent.vocabulary import Jurisdiction
from keys.documents import encode, format_time, validate
from keys.errors import Fault, MalformedError

__all__ = ["effective", "statement_from"]

_NONE: Final[Mapping[Pair, int]] = MappingProxyType({})


def effective(record: ConsentRecord, at: datetime, only: Collection[Pair] | None = None) -> list[Verdict]:
    """What may be passed on at a moment, of the pairs in `only` (all of them when it is None)."""
    return [each for each in verdicts(record, at) if not each.reasons and (only is None or each.pair in only)]


def statement_from(
    record: ConsentRecord,
    *,
    agreement_id: AgreementId,
    statement_id: StatementId,
    at: datetime,
    max_uses: int,
    only: Collection[Pair] | None = None,
    uses_left: Mapping[Pair, int] = _NONE,
) -> ConsentStatement:
    """The first version of the statement to register, for the pairs in `only` (all of them when it is None).

    One grant for each purpose and recipient, without the sections that a restriction keeps back; the period ends with
    the answer that ends first. `uses_left` gives some grants another number of uses than `max_uses`. The commitment is
    to the bytes that `keys.documents.encode` writes, which are the ones to keep. Raises `MalformedError`:
    nothing-given, with every reason at its question; answered-by-several, when the answers are not all by the same
    kind of person under the same law.
    """
    holding = effective(record, at, only)
    if not holding:
        raise MalformedError("nothing-given", faults=(Fault("nothing-given", "/events"), *_reasons(record, at, only)))
    given_by, jurisdiction = _answered_by(record, holding)
    kind = "consent" if given_by == "person" else "consent-representative"
    members = {
        "v": 1,
        "id": statement_id,
        "version": 1,
        "record_commitment": record_commitment(encode(record), record.salt),
        "issuer": record.party_identification.collector.party_id,
        "authority": {"kind": kind, "given_by": given_by, "jurisdiction": jurisdiction},
        "state": "given",
        "not_before": format_time(at),
        "not_after": format_time(min(each.event.ends for each in holding if each.event)),
        "grants": [
            _grant(number, each, agreement_id, uses_left.get(each.pair, max_uses), jurisdiction)
            for number, each in enumerate(holding, start=1)
        ],
    }
    return validate(ConsentStatement, members)


def _grant(
    number: int, verdict: Verdict, agreement_id: AgreementId, uses: int, jurisdiction: Jurisdiction
) -> dict[str, object]:
    return {
        "gid": f"g{number}",
        "purpose": verdict.item.purpose,
        "sections": list(verdict.sections),
        "recipient": verdict.recipient,
        "max_uses": uses,
        "geo": list(verdict.item.geographic_restrictions or (jurisdiction,)),
        "agreement": agreement_id,
    }


def _answered_by(record: ConsentRecord, holding: list[Verdict]) -> tuple[GivenBy, Jurisdiction]:
    people = {
        (who.given_by, who.jurisdiction)
        for who in (sitting_of(record, each.event).circumstances for each in holding if each.event)
    }
    if len(people) != 1:
        raise MalformedError("answered-by-several", "/events")
    return people.pop()


def _reasons(record: ConsentRecord, at: datetime, only: Collection[Pair] | None) -> tuple[Fault, ...]:
    """Every reason against the consents that were given, once at each question it is about."""
    found: dict[tuple[str, str], Fault] = {}
    for each in verdicts(record, at):
        if each.standing in {"given", "expired", "not-started"} and (only is None or each.pair in only):
            place = f"/processing/purposes/{record.processing.purposes.index(each.item)}"
            found |= {(code, place): Fault(code, place) for code in each.reasons}
    return tuple(found.values())
