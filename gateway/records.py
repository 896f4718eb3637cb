"""What the journal says of each act on an envelope: one place for the members of every entry (PROTOCOL §7)."""

from __future__ import annotations

from consent.envelope import Envelope
from consent.headers import EventHeader, Header, NoticeHeader, ReferralHeader, SealedHeader
from consent.passage import Granted, Refused
from consent.statement import RegisteredStatement

__all__ = ["accepted", "acknowledged", "destroyed", "refused", "released", "statement_registered"]

Members = dict[str, object]


def accepted(envelope: Envelope) -> Members:
    """An envelope that passed the first gate; an event is the step it takes."""
    header = envelope.header
    kind = "task.transition" if isinstance(header, EventHeader | NoticeHeader) else "envelope.accepted"
    transition: Members = {"transition": "T02"} if isinstance(header, ReferralHeader) else {}
    return {"type": kind, **_ends(header), **_about(envelope), **transition}


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


def destroyed(header: Header, payload_sha256: str, decision: Refused, broker: str) -> Members:
    """Sealed bytes that the second gate withheld for good."""
    about: Members = {"envelope": header.id, "payload_sha256": payload_sha256}
    outcome: Members = {"rule": decision.rule, "state": decision.because}
    return {"type": "envelope.destroyed", **_ends(header, actor=broker), **about, **outcome}


def acknowledged(header: Header, payload_sha256: str, result: str, code: str | None) -> Members:
    """The recipient's word that it holds the envelope, or why it could not take it."""
    about: Members = {"envelope": header.id, "payload_sha256": payload_sha256, "state": result}
    reason: Members = {"reason": code} if code else {}
    return {"type": "envelope.acknowledged", **_ends(header, actor=header.to), **about, **reason}


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


def _ends(header: Header, actor: str | None = None) -> Members:
    return {"actor": actor or header.from_, "from": header.from_, "to": header.to, "ref": header.ref}


def _about(envelope: Envelope) -> Members:
    header = envelope.header
    members: Members = {
        "part_of": header.part_of,
        "envelope": header.id,
        "payload_sha256": envelope.payload_sha256,
        "signer_kid": envelope.signer_kid,
        "agreement": header.agreement,
        "agreement_sha256": header.agreement_sha256,
        "article": header.article,
    }
    if isinstance(header, EventHeader | NoticeHeader):
        members |= {"transition": header.event.transition, "reason": header.event.reason}
    if isinstance(header, SealedHeader):
        members |= {
            "seal_kid": envelope.payload.key.kid if envelope.payload.key else None,
            "statement": header.authority.statement,
            "version": header.authority.version,
            "statement_sha256": header.authority.sha256,
            "expires": header.exp,
            "sections": tuple(slot.section for slot in header.slots),
        }
    if isinstance(header, ReferralHeader):
        members |= {"purpose": header.purpose, "need": header.need, "territory": header.territory}
    return {name: value for name, value in members.items() if value is not None}
