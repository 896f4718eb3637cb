"""Makes the envelopes this partner sends: decided here first, sealed once, and put in the outbox with what they say.

PROTOCOL §4. What is in the outbox is never made anew: its id, its `seq` and its bytes stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from adapters.emergencies import Declared, declare
from adapters.events import check_step
from adapters.headings import Basis, Draft, event_header, message_header, referral_header
from adapters.judgement import Evidence, known_referral, newest_statement, overtaken, refused_here
from adapters.leak_check import note_overrides, refuse_leaks
from adapters.leaks import Override
from adapters.office import Office
from adapters.papers import Paper, SealedPapers, as_kept, seal_papers
from adapters.recipients import agreement_of, recipient_key
from adapters.referral import ReferralFile, ReferralSections
from adapters.routes import Route, route
from adapters.sealed import SealedHeaders, seal
from adapters.store.records import Content, HeldStatement, Referral, Shipment
from adapters.store.store import Transaction
from adapters.unsent import end_unsent
from consent.envelope import AuthorityRef, Event, ReferralHeader, compose, protect
from consent.passage import Refused
from keys.documents import Document
from keys.errors import MalformedError

__all__ = ["Queued", "Supplement", "prepare", "send_event", "send_message", "send_referral"]

REPLY_SECTIONS: Final = frozenset({"outcome", "worker"})
"""What the owner of a referral may answer without a grant of its own (PROTOCOL §4)."""


@dataclass(frozen=True, slots=True)
class Queued:
    """An envelope is in the outbox: it will leave, whatever happens to this program.

    `ended_here`: it is the referral's own, which had not left and will not leave.
    """

    ref: str
    envelope: str
    ended_here: bool = False


@dataclass(frozen=True, slots=True)
class Supplement:
    """What a message adds to a referral: sections, papers, and texts that a person leaves as they are."""

    sections: Mapping[str, Document]
    papers: tuple[Paper, ...] = ()
    overrides: tuple[Override, ...] = ()

    @staticmethod
    def of(
        sections: ReferralSections,
        papers: Sequence[Paper],
        overrides: Sequence[Override],
        known: Sequence[ReferralSections] = (),
    ) -> Supplement:
        """The supplement that a file describes; its leaks are told as those of a referral are.

        `known` is what was said before about the person, whose names are looked for. Raises `MalformedError`
        (leak-found, papers-missing).
        """
        if len(papers) != len(sections.documents or ()):
            raise MalformedError("papers-missing", "/sections/documents")
        refuse_leaks(sections, overrides, known)
        return Supplement(sections.present(), tuple(papers), tuple(overrides))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A referral that may leave, not sealed yet; `declared` is what comes before it in an emergency."""

    header: ReferralHeader
    way: Route
    statement: HeldStatement | None
    declared: Declared | None
    refused: Refused | None


def prepare(office: Office, file: ReferralFile, draft: Draft) -> Prepared | Refused:
    """The header that a referral file leads to, and what the decision says of it here.

    Raises `UntrustedKeyError` when an emergency's auditors have no key that can be trusted now, and `StoreError`.
    """
    with office.store.transaction() as tx:
        agreements, parent = tx.papers.agreements(), known_referral(office.address, tx, file.part_of)
        found = tx.papers.statement_of(file.consent, purpose=file.purpose, recipient=file.to) if file.consent else None
    if found is None and file.emergency is None:
        return Refused("consent-unknown", "", "/consent")
    kind = found.document.authority.kind if found else "emergency"
    way = route(office, agreements, file.to, file.purpose, file.sections.codes(), kind)
    if way is None:
        return Refused("no-agreement-with-recipient", "", "/to")
    declared = declare(draft, file, way) if file.emergency else None
    if isinstance(declared, Refused):
        return declared
    basis = declared.basis if declared else Basis.of_consent(found) if found else None
    if basis is None:
        raise AssertionError  # a file rests on one of the two
    header = referral_header(draft, file, way, basis, seq=1 if declared else 0)
    known = declared.known if declared else None
    evidence = Evidence(way.agreement, statement=found, parent=parent, justification=known)
    return Prepared(header, way, found, declared, refused_here(header, evidence, draft[1]))


def send_referral(
    office: Office,
    file: ReferralFile,
    *,
    author: str | None = None,
    papers: Sequence[Paper] = (),
    step: tuple[str, Event] | None = None,
) -> Queued | Refused:
    """Seal a referral and put it in the outbox, or say which rule is against it; `papers` are those the file names.

    `step` is what this referral means for another one, by its reference: both are queued, or neither.

    Raises `MalformedError` (leak-found, with every place; papers-missing when the papers are not those of the file),
    `UntrustedKeyError` when no key of the recipient can be trusted now (keybook-empty, checkpoint-stale,
    recipient-key-unknown), and `StoreError`.
    """
    if file.emergency is not None and author is None and file.author is None:
        return Refused("emergency-without-author", "", "/author")
    if len(papers) != len(file.sections.documents or ()):
        raise MalformedError("papers-missing", "/sections/documents")
    refuse_leaks(file.sections, file.overrides)
    draft: Draft = (office, office.now(), author or file.author)
    prepared = prepare(office, file, draft)
    if isinstance(prepared, Refused):
        return prepared
    if prepared.refused is not None:
        return prepared.refused
    header, recipient = prepared.header, recipient_key(office, prepared.way.agreement, file.to)
    sections, sealed = _with_papers(file.sections.present(), papers, header.id)
    wire = seal(header, sections, office.signer(), recipient)
    with office.store.transaction() as tx:
        told = overtaken(office, tx, prepared.statement) or (_step(draft, tx, *step, after=header.id) if step else None)
        if isinstance(told, Refused):
            return told
        _ship_first(office, tx, prepared, (wire, sections, sealed))
        note_overrides(tx, header, file.overrides)
        if told is not None:
            tx.traffic.ship(told)
    return Queued(header.ref, header.id)


def _ship_first(
    office: Office,
    tx: Transaction,
    prepared: Prepared,
    envelope: tuple[bytes, Mapping[str, Document], SealedPapers | None],
) -> None:
    """Begin a referral: it waits for what it rests on, the justification of an emergency or the consent."""
    header, declared, statement = prepared.header, prepared.declared, prepared.statement
    wire, sections, papers = envelope
    tx.dossiers.next_seq(header.ref)
    tx.dossiers.add(Referral(header.ref, "sent", header.to, header, header.iat))
    if declared is not None:
        tx.dossiers.next_seq(header.ref)
        ship(office, tx, (declared.header, declared.wire), declared.sections)
    ship(office, tx, (header, wire), sections, papers=papers, after=_item(statement))


def send_event(office: Office, ref: str, event: Event, *, author: str | None = None) -> Queued | Refused:
    """Put a step of a referral in the outbox, or say why it may not be taken; raises `StoreError`.

    A referral that never left is ended here, by T10 or T22, and nothing leaves.
    """
    at = office.now()
    with office.store.transaction() as tx:
        step = _step((office, at, author), tx, ref, event)
        if isinstance(step, Refused):
            return step
        referral = tx.dossiers.find(ref)
        if referral is not None and end_unsent(tx, referral, event, at):
            return Queued(ref, referral.header.id, ended_here=True)
        tx.traffic.ship(step)
    return Queued(ref, step.item)


def _step(draft: Draft, tx: Transaction, ref: str, event: Event, *, after: str | None = None) -> Shipment | Refused:
    """A step of a referral, ready to leave, or why it may not be taken; nothing is kept of a refusal.

    `after` is the envelope of a referral that continues this one: the step waits until the broker has answered it.
    """
    office, at, _ = draft
    referral = tx.dossiers.find(ref)
    if referral is None:
        return Refused("referral-unknown", "", "/ref")
    illegal = check_step(tx, referral, event, at, re_referred=True if after else None)
    agreement = agreement_of(office, tx, referral)
    if illegal is not None or agreement is None:
        return illegal or Refused("no-agreement-with-recipient", "", "/agreement")
    header = event_header(draft, referral, agreement, tx.dossiers.next_seq(ref), event)
    return Shipment(header.id, "envelope", ref, compose(protect(header), office.signer()), at, after=after)


def send_message(
    office: Office, ref: str, said: Supplement, *, author: str | None = None, step: Event | None = None
) -> Queued | Refused:
    """Seal sections to the other party of a referral and put them in the outbox; raises as `send_referral` does.

    `step` is what the message means for the referral: both are queued, or neither; the step then is what is answered.
    """
    draft: Draft = (office, office.now(), author)
    with office.store.transaction() as tx:
        referral, known = tx.dossiers.find(ref), known_referral(office.address, tx, ref)
        agreement = agreement_of(office, tx, referral) if referral else None
        statement = newest_statement(office, tx, referral) if referral else None
    if referral is None or known is None:
        return Refused("referral-unknown", "", "/ref")
    if referral.erased_at is not None:
        return Refused("referral-erased", "", "/ref")
    codes = (*said.sections, *(("documents",) if said.papers else ()))
    if referral.direction == "received" and not set(codes) <= REPLY_SECTIONS:
        return Refused("section-not-granted", "", "/sections")
    if agreement is None:
        return Refused("no-agreement-with-recipient", "", "/agreement")
    with office.store.transaction() as tx:
        seq = tx.dossiers.next_seq(ref)
    header = message_header(draft, referral, agreement, seq, codes, _cited(referral, statement))
    refused = refused_here(header, Evidence(agreement, statement, known), draft[1]) if _knows(referral) else None
    if refused is not None:
        return refused
    sections, sealed = _with_papers(said.sections, said.papers, header.id)
    wire = seal(header, sections, office.signer(), recipient_key(office, agreement, referral.peer))
    with office.store.transaction() as tx:
        told = overtaken(office, tx, statement) or (_step(draft, tx, ref, step) if step else None)
        if not isinstance(told, Refused):
            ship(office, tx, (header, wire), sections, papers=sealed, after=_item(statement))
            note_overrides(tx, header, said.overrides)
            if told is not None:
                tx.traffic.ship(told)
    return told if isinstance(told, Refused) else Queued(ref, told.item if told else header.id)


def ship(
    office: Office,
    tx: Transaction,
    sealed: tuple[SealedHeaders, bytes],
    sections: Mapping[str, Document],
    *,
    papers: SealedPapers | None = None,
    after: str | None = None,
) -> None:
    """Keep what an envelope says beside the envelope that says it, in one transaction; its papers leave before it."""
    header, wire = sealed
    tx.dossiers.add_content(Content(header.id, header.ref, office.address, header.iat, as_kept(sections)))
    if papers is not None:
        papers.keep(tx, header.id, header.ref, header.iat)
        papers.ship(tx, header.id, header.ref, header.iat, after=after)
    tx.traffic.ship(Shipment(header.id, "envelope", header.ref, wire, header.iat, after=after))


def _with_papers(
    sections: Mapping[str, Document], papers: Sequence[Paper], envelope: str
) -> tuple[Mapping[str, Document], SealedPapers | None]:
    if not papers:
        return sections, None
    sealed = seal_papers(papers, envelope)
    return {**sections, "documents": sealed.section}, sealed


def _item(statement: HeldStatement | None) -> str | None:
    """The name in the outbox of the version of a consent that an envelope cites; the broker has to know it first."""
    return f"{statement.document.id}@{statement.document.version}" if statement else None


def _cited(referral: Referral, statement: HeldStatement | None) -> AuthorityRef | None:
    """The consent that a message cites: its newest version where it is ours, else the one we were told of."""
    if statement is None:
        return referral.header.authority
    document = statement.document
    return AuthorityRef(statement=document.id, version=document.version, sha256=statement.sha256)


def _knows(referral: Referral) -> bool:
    """Whether we have in hand what the decision looks at: an owner never sees the consent."""
    return referral.direction == "sent" or referral.header.emergency is not None
