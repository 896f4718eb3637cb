"""Headers and sealed envelopes between the invented organisations, and the decision on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from consent.decision import decide
from consent.envelope import Header, MessageHeader, ReferralHeader, compose, protect, read_header
from consent.lifecycle import ReferralState, deposit
from consent.passage import Gate, Granted, OpenReferral, Passage, Refused
from keys import strictjson
from keys.documents import b64url, format_time
from keys.sealing import Slot, seal_sections
from tests.consents import registered_statement
from tests.invented import (
    AGREEMENT_ID,
    AT,
    BROKER,
    DAY,
    ENVELOPE_ID,
    LINE,
    REF,
    SCOPES,
    SHELTER,
    STATEMENT_ID,
    Json,
    changed,
    registered_agreement,
    sealing_key,
    sealing_kid,
    signing_key,
)


def _slots(*sections: str) -> list[Json]:
    return [
        {"sid": f"s{number}", "section": section, "schema": f"{section}/1"}
        for number, section in enumerate(sections, start=1)
    ]


def _header_members(typ: str, sender: str, recipient: str) -> Json:
    registered = registered_agreement()
    return {
        "v": 1,
        "suite": "PQ1",
        "typ": typ,
        "id": ENVELOPE_ID,
        "ref": REF,
        "seq": 0,
        "from": sender,
        "to": recipient,
        "iat": format_time(AT - timedelta(minutes=1)),
        "exp": format_time(AT + 7 * DAY),
        "author": "int-7",
        "agreement": registered.document.ref,
        "agreement_sha256": registered.sha256,
        "article": "1",
    }


def _authority() -> Json:
    return {"statement": STATEMENT_ID, "version": 1, "sha256": registered_statement().sha256}


def referral_members(changes: Mapping[str, object] | None = None) -> Json:
    """The header of a referral from the 211 line to the shelter."""
    members = _header_members("referral", LINE, SHELTER) | {
        "purpose": "referral-shelter",
        "priority": "tonight",
        "need": "shelter-tonight",
        "authority": _authority(),
        "slots": _slots("identity", "contact", "housing"),
    }
    return changed(members, changes or {})


def message_members(changes: Mapping[str, object] | None = None) -> Json:
    """The header of a message that the 211 line adds to its referral."""
    members = _header_members("message", LINE, SHELTER) | {"authority": _authority(), "slots": _slots("contact")}
    return changed(members, changes or {})


def reply_members(changes: Mapping[str, object] | None = None) -> Json:
    """The header of a message by which the shelter answers."""
    members = _header_members("message", SHELTER, LINE) | {"authority": _authority(), "slots": _slots("outcome")}
    return changed(members, changes or {})


def event_members(changes: Mapping[str, object] | None = None) -> Json:
    """The header of an event by which the shelter accepts."""
    members = _header_members("event", SHELTER, LINE) | {"event": {"transition": "T08"}}
    return changed(members, changes or {})


def notice_members(changes: Mapping[str, object] | None = None) -> Json:
    """The header of a notice by which the broker tells the 211 line that the referral cannot be delivered."""
    members = _header_members("notice", BROKER, LINE) | {"event": {"transition": "T04", "reason": "undeliverable"}}
    return changed(members, changes or {})


def header(members: Json) -> Header:
    """The header of these members."""
    return read_header(strictjson.dumps(members))


def sealed_envelope(members: Json | None = None, texts: Mapping[str, bytes] | None = None) -> bytes:
    """A referral or message on the wire, really sealed to its recipient; `texts` are plaintexts by section."""
    made = header(members or referral_members())
    assert isinstance(made, ReferralHeader | MessageHeader)
    protected = protect(made)
    slots = {Slot(slot.sid, slot.section): (texts or {}).get(slot.section, b"{}") for slot in made.slots}
    kid = sealing_kid(made.to)
    parts = seal_sections(b64url(protected), kid, sealing_key(made.to).public, slots)
    return compose(protected, signing_key(made.from_), kid=kid, key=parts.key, sections=parts.sections.items())


def event_envelope(members: Json | None = None) -> bytes:
    """An event or notice on the wire."""
    made = header(members or event_members())
    return compose(protect(made), signing_key(made.from_))


def open_referral(state: ReferralState | None = None, **changes: Any) -> OpenReferral:  # noqa: ANN401 - any field
    """The referral of `referral_members` as the broker knows it a minute after it came."""
    state = state or deposit(AT - timedelta(minutes=1), AT + timedelta(hours=1))
    known = OpenReferral(REF, LINE, SHELTER, AGREEMENT_ID, STATEMENT_ID, "referral-shelter", state)
    return replace(known, **changes)


def decided(members: Json | None = None, *, gate: Gate = "deposit", **evidence: Any) -> Granted | Refused:  # noqa: ANN401 - any evidence
    """The decision on a header, granted by default; each piece of evidence may be given instead of the usual one.

    Evidence: `referral`, `part_of`, `inactive`, `scopes`, `agreement`, `statement`, `at`.
    """
    made = header(members or referral_members())
    is_new = isinstance(made, ReferralHeader) and gate == "deposit"
    usual: Json = {
        "referral": None if is_new else open_referral(),
        "part_of": None,
        "inactive": (),
        "scopes": SCOPES,
        "agreement": registered_agreement(),
        "statement": registered_statement(),
        "at": AT,
    }
    assert evidence.keys() <= usual.keys()
    given = usual | evidence
    passage = Passage(gate, made, given["referral"], given["inactive"], given["part_of"])
    return decide(
        passage,
        scopes=given["scopes"],
        agreement=given["agreement"],
        statement=given["statement"],
        at=given["at"],
    )
