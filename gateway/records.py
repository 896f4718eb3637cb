"""What the journal says of each act on an envelope: one place for the members of every entry (PROTOCOL §7)."""

from __future__ import annotations

from consent.envelope import Envelope
from consent.headers import EventHeader, Header, NoticeHeader, ReferralHeader, SealedHeader
from consent.incident import Incident
from consent.passage import Granted, Refused
from consent.statement import RegisteredStatement
from consent.vocabulary import SECTIONS
from consent.withdrawal_answer import WithdrawalAnswer
from gateway.store.emergencies import Declared
from gateway.store.envelopes import Accepted

__all__ = [
    "accepted",
    "acknowledged",
    "answered",
    "attachment_released",
    "consent_ended",
    "declared",
    "destroyed",
    "escalated",
    "expired",
    "incident_opened",
    "refused",
    "released",
    "reviewed",
    "statement_registered",
    "takes_step",
]

Members = dict[str, object]


def accepted(envelope: Envelope) -> Members:
    """An envelope that passed the first gate; an event is the step it takes."""
    header = envelope.header
    kind = "task.transition" if takes_step(header) else "envelope.accepted"
    transition: Members = {"transition": "T02"} if isinstance(header, ReferralHeader) else {}
    return {"type": kind, **_ends(header), **_about(envelope), **transition}


def takes_step(header: Header) -> bool:
    """Whether the envelope is a step itself: an event, or a notice that tells of one for the first time."""
    if isinstance(header, NoticeHeader):
        return header.event is not None and header.notice.copy_of is None
    return isinstance(header, EventHeader)


def refused(envelope: Envelope, decision: Refused) -> Members:
    """An envelope that the first gate refused: the rule and the reason, and what was asked."""
    about = {name: value for name, value in _about(envelope).items() if name not in {"transition", "reason"}}
    outcome: Members = {"rule": decision.rule, "state": decision.because}
    return {"type": "envelope.refused", **_ends(envelope.header), **about, **outcome}


def released(granted: Granted, payload_sha256: str) -> Members:
    """An envelope handed to its recipient, under the newest versions of what allows it."""
    header = granted.passage.header
    members: Members = {"type": "envelope.released", **_ends(header, actor=header.to)}
    members |= {"envelope": header.id, "payload_sha256": payload_sha256}
    if granted.agreement is not None:
        members |= {"agreement": granted.agreement.document.ref, "agreement_sha256": granted.agreement.sha256}
    if granted.statement is not None:
        members |= {
            "statement": granted.statement.document.id,
            "version": granted.statement.document.version,
            "statement_sha256": granted.statement.sha256,
        }
    return members


def attachment_released(granted: Granted, payload_sha256: str, sha256: str) -> Members:
    """A sealed paper of an envelope handed to its recipient: a release of its own, which names the paper's digest."""
    return {**released(granted, payload_sha256), "state": "attachment", "document": bytes.fromhex(sha256)}


def declared(envelope: Envelope) -> Members:
    """An emergency, declared by the referral that rests on it, whose clear header says by whom and under what rule."""
    left_out = {"part_of", "replaces", "signer_kid", "seal_kid", "expires", "need", "territory"}
    about = {name: value for name, value in _about(envelope).items() if name not in left_out}
    return {"type": "emergency.declared", **_ends(envelope.header), **about, "document": envelope.payload.protected}


def reviewed(emergency: Declared, verdict: str, document: bytes) -> Members:
    """The second look of the organisation that declared an emergency, told to its auditors, with the signed review."""
    return {
        "type": "emergency.reviewed",
        "actor": emergency.sender,
        "from": emergency.sender,
        "to": emergency.auditor,
        "ref": emergency.ref,
        "envelope": emergency.envelope,
        "state": verdict,
        "reason": emergency.ground,
        "document": document,
    }


def incident_opened(
    about: Accepted, ends: tuple[str, str], identifier: str, incident: Incident, report: bytes
) -> Members:
    """An incident: who reported it, who is asked about it, its id, on which envelope, with the signed report."""
    reporter, asked = ends
    sections = tuple(code for code in (incident.information or "").split(";") if code in SECTIONS)
    return {
        "type": "incident.opened",
        "actor": reporter,
        "from": reporter,
        "to": asked,
        "ref": about.ref,
        "envelope": about.id,
        "payload_sha256": about.payload_sha256,
        "state": identifier,
        "reason": incident.circumstances,
        "sections": sections or None,
        "document": report,
    }


def destroyed(header: Header, payload_sha256: str, decision: Refused, broker: str) -> Members:
    """Sealed bytes that nobody may have any more; `rule` is absent where no rule of a decision was asked."""
    about: Members = {"envelope": header.id, "payload_sha256": payload_sha256}
    outcome: Members = {"rule": decision.rule or None, "state": decision.because}
    return {"type": "envelope.destroyed", **_ends(header, actor=broker), **about, **outcome}


def expired(header: Header, payload_sha256: str, broker: str) -> Members:
    """Sealed bytes whose time was over before their recipient said that it holds them."""
    about: Members = {"envelope": header.id, "payload_sha256": payload_sha256}
    return {"type": "envelope.expired", **_ends(header, actor=broker), **about}


def acknowledged(envelope: Accepted, result: str, code: str | None) -> Members:
    """The recipient's word that it holds the envelope, or why it could not take it."""
    return {
        "type": "envelope.acknowledged",
        "actor": envelope.recipient,
        "from": envelope.sender,
        "to": envelope.recipient,
        "ref": envelope.ref,
        "envelope": envelope.id,
        "payload_sha256": envelope.payload_sha256,
        "state": result,
        "reason": code,
    }


def statement_registered(statement: RegisteredStatement) -> Members:
    """A version of a consent statement; anything but given ends what it allowed."""
    document = statement.document
    return {
        "type": "consent.registered" if document.state == "given" else "consent.withdrawn",
        "actor": document.issuer,
        "from": document.issuer,
        "statement": document.id,
        "version": document.version,
        "statement_sha256": statement.sha256,
        "state": document.state,
        "expires": document.not_after,
    }


def consent_ended(statement: RegisteredStatement, state: str, broker: str) -> Members:
    """A consent that ended by the person's code or by its period, which nobody signed.

    Its actor is the broker: whoever typed the code is not to learn which organisation collected the consent.
    """
    document = statement.document
    return {
        "type": "consent.expired" if state == "expired" else "consent.withdrawn",
        "actor": broker,
        "from": document.issuer,
        "statement": document.id,
        "version": document.version,
        "statement_sha256": statement.sha256,
        "state": state,
        "expires": document.not_after,
    }


def answered(answer: WithdrawalAnswer, issuer: str, ref: str | None) -> Members:
    """A recipient's word, after a consent ended, on what it had been handed under it."""
    only = answer.envelopes[0] if len(answer.envelopes) == 1 else None
    return {
        "type": "consent.answered",
        "actor": answer.by,
        "from": answer.by,
        "to": issuer,
        "ref": ref,
        "envelope": only,
        "statement": answer.statement,
        "version": answer.version,
        "state": answer.answer,
        "reason": answer.ground,
    }


def escalated(declared: Declared, broker: str) -> Members:
    """An emergency that no second person reviewed in time."""
    return {
        "type": "incident.escalated",
        "actor": broker,
        "from": declared.sender,
        "to": declared.auditor,
        "ref": declared.ref,
        "envelope": declared.envelope,
        "reason": declared.ground,
    }


def _authority(header: SealedHeader) -> Members:
    """What it rests on: a statement, or an emergency by its ground and its justification."""
    if header.authority is not None:
        cited = header.authority
        return {"statement": cited.statement, "version": cited.version, "statement_sha256": cited.sha256}
    if header.emergency is None:
        raise AssertionError  # a sealed header rests on one of the two
    return {"reason": header.emergency.ground, "justification": header.emergency.justification}


def _ends(header: Header, actor: str | None = None) -> Members:
    return {"actor": actor or header.from_, "from": header.from_, "to": header.to, "ref": header.ref}


def _about(envelope: Envelope) -> Members:
    header = envelope.header
    members: Members = {
        "part_of": header.part_of,
        "replaces": header.replaces,
        "envelope": header.id,
        "payload_sha256": envelope.payload_sha256,
        "signer_kid": envelope.signer_kid,
        "agreement": header.agreement,
        "agreement_sha256": header.agreement_sha256,
        "article": header.article,
    }
    if isinstance(header, EventHeader | NoticeHeader) and header.event and takes_step(header):
        members |= {"transition": header.event.transition, "reason": header.event.reason}
    if isinstance(header, SealedHeader):
        members |= _authority(header) | {
            "seal_kid": envelope.payload.key.kid if envelope.payload.key else None,
            "expires": header.exp,
            "sections": tuple(slot.section for slot in header.slots),
        }
    if isinstance(header, ReferralHeader):
        members |= {"purpose": header.purpose, "need": header.need, "territory": header.territory}
    return {name: value for name, value in members.items() if value is not None}
