"""Takes here, before anything leaves, the very decision that the broker will take, as far as it is known here.

PROTOCOL §4. A refusal is told at once, at its place in the file that somebody wrote, and burns nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from adapters.events import fold
from adapters.office import Office
from adapters.store.records import HeldAgreement, HeldStatement, Referral
from adapters.store.store import Transaction
from consent import permissions
from consent.agreement import RegisteredAgreement
from consent.decision import decide
from consent.envelope import SealedHeader
from consent.passage import Case, DeclaredEmergency, KnownEnvelope, OpenReferral, Passage, Refused
from consent.statement import RegisteredStatement
from keys.documents import Address

__all__ = ["Evidence", "known_referral", "newest_statement", "overtaken", "refused_here", "taken_back"]

_OF_THE_PERSON: Final = (
    permissions.consent_given,
    permissions.purpose_granted,
    permissions.recipient_granted,
    permissions.sections_granted,
    permissions.geography,
)
"""What the person allowed, of all that a decision asks (R17 to R21)."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an envelope rests on, as this partner knows it; the broker may know more."""

    agreement: HeldAgreement
    statement: HeldStatement | None = None
    referral: OpenReferral | None = None
    parent: OpenReferral | None = None
    justification: KnownEnvelope | None = None
    replaces: KnownEnvelope | None = None


def refused_here(header: SealedHeader, evidence: Evidence, at: datetime) -> Refused | None:
    """The rule against an envelope of ours, with its place in the referral file; None when we know of none."""
    agreement, statement = evidence.agreement, evidence.statement
    decision = decide(
        Passage(
            "deposit",
            header,  # type: ignore[arg-type]  # the two sealed kinds are all there is below it
            evidence.referral,
            part_of=evidence.parent,
            justification=evidence.justification,
            replaces=evidence.replaces,
        ),
        scopes=("envelope:send",),
        agreement=RegisteredAgreement(agreement.document, agreement.sha256, agreement.state),
        statement=RegisteredStatement(statement.document, statement.sha256) if statement else None,
        at=at,
    )
    if not isinstance(decision, Refused):
        return None
    return Refused(decision.because, decision.rule, _place_in_file(decision.pointer, header))


def taken_back(
    header: SealedHeader,
    agreement: HeldAgreement | None,
    statement: RegisteredStatement,
    referral: OpenReferral | None,
    at: datetime,
) -> str | None:
    """Why a consent as it now stands does not cover an envelope that cites it, in any version; None if it does."""
    registered = RegisteredAgreement(agreement.document, agreement.sha256, agreement.state) if agreement else None
    # As at pick-up, where the newest version governs whatever was cited.
    passage = Passage("pickup", header, referral)  # type: ignore[arg-type]  # as above: the two sealed kinds
    case = Case(passage, (), registered, statement, at)
    return next((fault[0] for rule in _OF_THE_PERSON if (fault := rule(case)) is not None), None)


def known_referral(address: Address, tx: Transaction, ref: str | None) -> OpenReferral | None:
    """A referral of ours as the decision looks at it; None when it is not here."""
    referral = tx.dossiers.find(ref) if ref else None
    if referral is None:
        return None
    sent, header = referral.direction == "sent", referral.header
    named = header.emergency.justification if header.emergency else None
    return OpenReferral(
        ref=referral.ref,
        requester=address if sent else referral.peer,
        owner=referral.peer if sent else address,
        agreement=header.agreement,
        statement=header.authority.statement if header.authority else None,
        purpose=header.purpose,
        state=fold(referral, tx.dossiers.steps(referral.ref)).state,
        justification=named.envelope if named else None,
        article=header.article,
        emergency=_declared(referral),
    )


def _declared(referral: Referral) -> DeclaredEmergency | None:
    """The emergency that a referral of ours rests on, as its own header says; the broker may know of its review."""
    emergency = referral.header.emergency
    if emergency is None or emergency.justification is None:
        return None
    at = referral.deposited_at or referral.header.iat
    return DeclaredEmergency(emergency.ground, emergency.justification.sha256, at, emergency.worker)


def newest_statement(office: Office, tx: Transaction, referral: Referral) -> HeldStatement | None:
    """The consent that a referral of ours rests on, in its newest version; None when it rests on none of ours."""
    cited = referral.header.authority
    record = tx.papers.record_of(cited.statement) if cited and referral.direction == "sent" else None
    held = tx.papers.statements_of(record) if record else []
    mine = (item for item in held if cited and item.document.id == cited.statement)
    return next((item for item in mine if item.document.issuer == office.address), None)


def overtaken(office: Office, tx: Transaction, statement: HeldStatement | None) -> Refused | None:
    """That a consent has another version by now than the one a decision was taken on."""
    record = tx.papers.record_of(statement.document.id) if statement else None
    held = tx.papers.statements_of(record) if record else []
    later = any(
        statement is not None
        and (item.document.id, item.document.issuer) == (statement.document.id, office.address)
        and item.sha256 != statement.sha256
        for item in held
    )
    return Refused("consent-superseded", "", "/consent") if later else None


def _place_in_file(pointer: str, header: SealedHeader) -> str:
    """Where in the referral file the person finds what the decision found in the header."""
    parts = pointer.split("/")
    if parts[1:2] == ["slots"]:
        return f"/sections/{header.slots[int(parts[2])].section}"
    if parts[1:2] == ["authority"]:
        return "/consent"
    return "/emergency" if pointer == "/exp" and header.emergency else pointer
