"""What a partner's program does with consents, in the words of the tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from adapters.consent_changes import AnswersFile, Change, RestrictionNotice, read_answers
from adapters.consents import Recorded
from consent.statement import ConsentStatement
from keys import strictjson
from keys.documents import format_time, validate
from tests.adapters.partners import Partner, consent_file, consent_members
from tests.invented import changed

MINUTE = timedelta(minutes=1)
GIVEN_HEALTH: dict[str, object] = {
    "/events/1/event_state": "dpv:ConsentGiven",
    "/events/1/event_type": "dpv:ExplicitlyExpressedConsent",
    "/events/1/expression": {"how": "spoken", "script": "accueil-211/3"},
}
"""Health given as well as shelter."""
PERSON = "personne-fictive-1"


def recorded(line: Partner, changes: Mapping[str, object] | None = None) -> Recorded:
    """A consent recorded and registered."""
    made, _ = line.adapter.record_consent(consent_file(changes))
    line.adapter.outbox.flush()
    return made


def change(line: Partner, record_id: str, what: Change) -> Recorded:
    """A change recorded and registered."""
    made, _ = line.adapter.consents.change(record_id, what)
    line.adapter.outbox.flush()
    return made


def restricted(line: Partner, **members: object) -> tuple[Recorded, ...]:
    """A restriction notice recorded and registered."""
    made, _ = line.adapter.consents.restrict(validate(RestrictionNotice, {"person": PERSON} | members))
    line.adapter.outbox.flush()
    return made


def answers(state: str, pid: str, at: datetime, changes: Mapping[str, object] | None = None) -> AnswersFile:
    """A file with one answer, valid by default."""
    members = {
        "circumstances": consent_members()["circumstances"],
        "events": [
            {
                "purpose": pid,
                "event_time": format_time(at),
                "event_state": f"dpv:{state}",
                "event_type": "dpv:ExplicitlyExpressedConsent",
                "worker": "int-7",
                "expression": {"how": "spoken", "script": "accueil-211/3"},
            }
        ],
    }
    return read_answers(strictjson.dumps(changed(members, changes or {})))


def granted(document: ConsentStatement) -> list[tuple[str, str]]:
    """What a version grants to whom."""
    return [(grant.purpose, grant.recipient) for grant in document.grants]
