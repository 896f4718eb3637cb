"""Headers and sealed envelopes between the invented organisations, and the decision on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from consent.decision import decide
from consent.envelope import Header, MessageHeader, ReferralHeader, SealedHeader, compose, protect, read_header
from consent.lifecycle import ReferralState, deposit
from consent.passage import DeclaredEmergency, Gate, Granted, KnownEnvelope, OpenReferral, Passage, Refused
from keys import strictjson
from keys.documents import b64url, format_time
from keys.sealing import Slot, seal_sections
from tests.consents import registered_statement
from tests.invented import (
    AGREEMENT_ID,
    AT,
    AUDITORS,
    BROKER,
    DAY,
    ENVELOPE_ID,
    JUSTIFICATION_ID,
    LINE,
    REF,
    SCOPES,
    SHELTER,
    STATEMENT_ID,
    UNDELIVERED_ID,
    Json,
    changed,
    emergency_agreement,
    registered_agreement,
    sealing_key,
    sealing_kid,
    signing_key,
)

JUSTIFICATION_SHA256 = "1a" * 32
"""The digest of the justification that the auditors were sent."""
UNDELIVERED_SHA256 = "2b" * 32
"""The digest of the envelope that never arrived."""


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


def replacing_members(changes: Mapping[str, object] | None = None) -> Json:
    """The header of the referral that takes the place of one that could not be delivered."""
    return changed(referral_members() | {"replaces": UNDELIVERED_ID}, changes or {})


def _emergency(justification: Json | None) -> Json:
    made: Json = {"ground": "person-in-danger-unable", "directive": "DIR-2026-4", "worker": "int-7"}
    return made | ({"justification": justification} if justification else {})


def _urgent_members(typ: str, sender: str, recipient: str, *sections: str) -> Json:
    registered, sent = emergency_agreement(), AT - timedelta(minutes=1)
    return _header_members(typ, sender, recipient) | {
        "agreement": registered.document.ref,
        "agreement_sha256": registered.sha256,
        "exp": format_time(sent + DAY),
        "emergency": _emergency({"envelope": JUSTIFICATION_ID, "sha256": JUSTIFICATION_SHA256}),
        "slots": _slots(*sections),
    }


def emergency_members(changes: Mapping[str, object] | None = None) -> Json:
    """The header of a referral that the 211 line sends to the shelter under a declared emergency, for 24 hours."""
    members = _urgent_members("referral", LINE, SHELTER, "identity", "contact", "situation")
    own = {"purpose": "referral-shelter", "priority": "tonight", "need": "shelter-tonight"}
    return changed(members | own, changes or {})


def justification_members(changes: Mapping[str, object] | None = None) -> Json:
    """The header of the message that tells the auditors, before anything else, why nobody could be asked."""
    members = _urgent_members("message", LINE, AUDITORS, "justification")
    own = {"id": JUSTIFICATION_ID, "emergency": _emergency(None)}
    return changed(members | own, changes or {})


def emergency_message_members(changes: Mapping[str, object] | None = None) -> Json:
    """The header of a message that the 211 line adds to its emergency referral."""
    return changed(_urgent_members("message", LINE, SHELTER, "situation"), changes or {})


def emergency_reply_members(changes: Mapping[str, object] | None = None) -> Json:
    """The header of a message by which the shelter answers an emergency referral."""
    return changed(_urgent_members("message", SHELTER, LINE, "outcome"), changes or {})


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
    said = {"notice": {"kind": "non-delivery"}, "event": {"transition": "T04", "reason": "undeliverable"}}
    members = _header_members("notice", BROKER, LINE) | said
    return changed(members, changes or {})


def consent_ended_members(changes: Mapping[str, object] | None = None) -> Json:
    """The header of a notice by which the broker tells the shelter that a consent it was served under has ended."""
    told = {"kind": "consent-ended", "statement": STATEMENT_ID, "version": 1, "envelopes": [ENVELOPE_ID]}
    return changed(_header_members("notice", BROKER, SHELTER) | {"notice": told}, changes or {})


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


def open_emergency(state: ReferralState | None = None, **changes: Any) -> OpenReferral:  # noqa: ANN401 - any field
    """The referral of `emergency_members` as the broker knows it a minute after it came."""
    rests_on = {"statement": None, "justification": JUSTIFICATION_ID, "emergency": declared_emergency()}
    return open_referral(state, **(rests_on | changes))


def declared_emergency(**changes: Any) -> DeclaredEmergency:  # noqa: ANN401 - any field
    """The emergency that `emergency_members` declares, as the broker accepted it a minute ago."""
    usual = DeclaredEmergency("person-in-danger-unable", JUSTIFICATION_SHA256, AT - timedelta(minutes=1), "int-7")
    return replace(usual, **changes)


def justification(**changes: Any) -> KnownEnvelope:  # noqa: ANN401 - any field
    """The message of `justification_members` as the broker knows it."""
    known = KnownEnvelope(JUSTIFICATION_ID, "message", REF, LINE, AUDITORS, JUSTIFICATION_SHA256, stored=True)
    return replace(known, **changes)


def undelivered(**changes: Any) -> KnownEnvelope:  # noqa: ANN401 - any field
    """The envelope that `replacing_members` takes the place of, as the broker knows it."""
    return replace(KnownEnvelope(UNDELIVERED_ID, "referral", REF, LINE, SHELTER, UNDELIVERED_SHA256), **changes)


def _usual_referral(made: Header, gate: Gate) -> OpenReferral | None:
    """What is known under the `ref` of an envelope that is as it should be."""
    urgent = isinstance(made, SealedHeader) and made.emergency is not None
    if isinstance(made, ReferralHeader) and gate == "deposit":
        if made.replaces is None:
            return None
        gone = ReferralState("cancelled", "undeliverable", "T04", closed_at=AT - timedelta(seconds=30))
        return open_emergency(gone) if urgent else open_referral(gone)
    if isinstance(made, MessageHeader) and made.justifies:
        return None
    return open_emergency() if urgent else open_referral()


def decided(members: Json | None = None, *, gate: Gate = "deposit", **evidence: Any) -> Granted | Refused:  # noqa: ANN401 - any evidence
    """The decision on a header, granted by default; each piece of evidence may be given instead of the usual one.

    Evidence: `referral`, `part_of`, `inactive`, `scopes`, `agreement`, `statement`, `at`, `justification`, `replaces`,
    `worker_barred`.
    """
    made = header(members or referral_members())
    urgent = isinstance(made, SealedHeader) and made.emergency is not None
    usual: Json = {
        "referral": _usual_referral(made, gate),
        "part_of": None,
        "inactive": (),
        "scopes": SCOPES,
        "agreement": emergency_agreement() if urgent else registered_agreement(),
        "statement": None if urgent else registered_statement(),
        "at": AT,
        "justification": justification() if urgent else None,
        "replaces": undelivered() if made.replaces else None,
        "worker_barred": False,
    }
    assert evidence.keys() <= usual.keys()
    given = usual | evidence
    passed = ("referral", "inactive", "part_of", "justification", "replaces", "worker_barred")
    return decide(
        Passage(gate, made, **{name: given[name] for name in passed}),
        scopes=given["scopes"],
        agreement=given["agreement"],
        statement=given["statement"],
        at=given["at"],
    )
