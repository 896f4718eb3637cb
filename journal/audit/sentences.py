"""Says one entry of the journal as a sentence, with what it rests on and what it is about below it.

Words stand under `audit.story` of the labels; nothing is told here that does not stand in the entry, in the document it
carries, or in the statement and the agreement that it names by digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from consent.emergency_review import REVIEW_KIND, EmergencyReview
from consent.headers import ReferralHeader, read_header
from consent.statement import STATEMENT_KIND, ConsentStatement, read_statement
from consent.transitions import TRANSITIONS
from consent.vocabulary import KEPT_GROUNDS, label
from journal.audit.incidents import changes_in, circumstances
from journal.audit.names import Names, coded, error_title, law, listed, moment, rule_words, sharing_rule
from journal.audit.program import TERMINAL, word
from journal.bundle import Bundle
from journal.entries import Entry
from journal.erasures import read_erasure
from journal.invariants.acceptances import FIRST_STEP
from journal.invariants.keychains import said_by_broker
from keys.documents import parse
from keys.errors import PasserelleError
from keys.signing import MAX_DOCUMENT, SignedDocument

__all__ = ["Sentences", "Told"]

_KEPT: Final = 512
"""Statements kept after they were read from the bundle."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one entry says: a sentence, and lines of what it rests on and is about."""

    sentence: str
    details: tuple[str, ...] = ()


class Sentences:
    """Tells entries in the reader's language, one by one."""

    def __init__(self, bundle: Bundle, names: Names) -> None:
        """Take the statements that entries name from `bundle`, and who is who from `names`."""
        self._bundle = bundle
        self._names = names
        self._registered: set[tuple[str | None, int | None]] = set()
        self._statements = lru_cache(maxsize=_KEPT)(self._read_statement)

    def tell(self, entry: Entry) -> Told:
        """What an entry says; raises what `Bundle.statement` raises."""
        tellers: Mapping[str, Callable[[Entry], Told]] = {
            "consent.registered": self._consent,
            "consent.withdrawn": self._consent_ended,
            "consent.answered": self._answered,
            "envelope.accepted": self._accepted,
            "envelope.refused": self._refused,
            "envelope.released": self._released,
            "envelope.acknowledged": self._acknowledged,
            "envelope.destroyed": self._destroyed,
            "task.transition": self._step,
            "emergency.declared": self._declared,
            "emergency.reviewed": self._reviewed,
            "incident.opened": self._incident,
            "admin.change": self._changed,
            "erasure": self._erased,
        }
        return tellers.get(entry.type, self._plain)(entry)

    def _say(self, key: str, entry: Entry, **more: object) -> str:
        """A sentence; the three organisations that an entry may name are always at hand."""
        who, sender, to = (self._names.of(address) for address in (entry.actor, entry.from_, entry.to))
        return word(f"audit.story.{key}", who=who, sender=sender, to=to, **more)

    def _plain(self, entry: Entry) -> Told:
        """An entry whose kind says it all, and any other by its kind."""
        key = _PLAIN.get(entry.type)
        about = {"agreement": entry.agreement or "–", "kind": entry.type, "state": entry.state or "–"}
        return Told(self._say(key or "other", entry, **about))

    def _consent(self, entry: Entry) -> Told:
        until = moment(entry.expires) if entry.expires else "–"
        about = {"statement": entry.statement or "–", "version": entry.version or "–", "until": until}
        key = "consent" if entry.version == 1 else "consent-version"
        version = (entry.statement, entry.version)
        if version in self._registered:
            return Told(self._say("consent-confirmed", entry, **about))
        self._registered.add(version)
        return Told(self._say(key, entry, **about), tuple(self._granted(entry)))

    def _granted(self, entry: Entry) -> Iterator[str]:
        """What a version of a consent allows, where the statement is shown."""
        document = self.statement(entry.statement_sha256)
        if document is None:
            yield word("audit.story.statement-not-shown")
            return
        authority = document.authority
        yield _detail("basis", word(f"authority.{authority.kind}"))
        rule = sharing_rule(authority)
        if rule is not None:
            yield _detail("law", law(rule))
        for grant in document.grants:
            told = {"to": self._names.of(grant.recipient), "purpose": coded("purpose", grant.purpose)}
            told |= {"sections": listed("section", grant.sections), "uses": str(grant.max_uses)}
            yield word("audit.story.grant", **told)

    def statement(self, sha256: str | None) -> ConsentStatement | None:
        """The consent statement with this digest, if the bundle shows it and it can be read."""
        return self._statements(sha256) if sha256 else None

    def _read_statement(self, sha256: str) -> ConsentStatement | None:
        signed = self._bundle.statement(sha256, STATEMENT_KIND)
        try:
            return None if signed is None else read_statement(signed)
        except PasserelleError:
            return None  # what is wrong with it is for `verify` to say

    def _consent_ended(self, entry: Entry) -> Told:
        if said_by_broker(entry):
            return Told(self._say("consent-by-code", entry, statement=entry.statement or "–"))
        state = TERMINAL.words.find(f"consent-state.{entry.state}", TERMINAL.language) or entry.state or "–"
        return Told(self._say("consent-ended", entry, statement=entry.statement or "–", state=state))

    def _answered(self, entry: Entry) -> Told:
        if entry.state != "kept":
            return Told(self._say("answered-deleted", entry))
        term = KEPT_GROUNDS.get(entry.reason or "")
        ground = label(term, TERMINAL.language) if term else entry.reason or "–"
        return Told(self._say("answered-kept", entry, ground=ground))

    def _accepted(self, entry: Entry) -> Told:
        if said_by_broker(entry):
            return Told(self._say("notice", entry))
        urgent = entry.statement is None and entry.reason is not None
        if entry.transition == FIRST_STEP:
            key = "emergency-referral" if urgent else "referral"
        else:
            key = "justification" if urgent and entry.justification is None else "message"
        return Told(self._say(key, entry), tuple(_about(entry)))

    def _refused(self, entry: Entry) -> Told:
        return Told(self._say("refused", entry, why=error_title(entry.state or "–")), tuple(_about(entry)))

    def _released(self, entry: Entry) -> Told:
        key = "attachment" if entry.state == "attachment" else "released"
        return Told(self._say(key, entry), (*_basis(entry), *_envelope(entry)))

    def _acknowledged(self, entry: Entry) -> Told:
        if entry.state == "stored":
            return Told(self._say("stored", entry), _envelope(entry))
        why = TERMINAL.words.find(f"audit.story.not-opened.{entry.reason}", TERMINAL.language)
        return Told(self._say("not-taken", entry, why=why or entry.reason or "–"), _envelope(entry))

    def _destroyed(self, entry: Entry) -> Told:
        rule = (_detail("rule", f"{entry.rule}. {rule_words(entry.rule)}"),) if entry.rule else ()
        return Told(self._say("destroyed", entry, why=error_title(entry.state or "–")), (*rule, *_envelope(entry)))

    def _step(self, entry: Entry) -> Told:
        term = TRANSITIONS.get(entry.transition or "")
        step = label(term, TERMINAL.language) if term else entry.transition or "–"
        reason = (_detail("reason", coded("reason", entry.reason)),) if entry.reason else ()
        return Told(self._say("step", entry, step=step), reason)

    def _declared(self, entry: Entry) -> Told:
        details = []
        rule = self._names.emergency_rule(entry.from_, entry.reason)
        if rule is not None:
            details.append(_detail("law", law(rule)))
        try:
            header = read_header(entry.document or b"", pointer="")
        except PasserelleError:
            header = None  # what is wrong with it is for `verify` to say
        if isinstance(header, ReferralHeader) and header.emergency is not None:
            details.append(_detail("directive", header.emergency.directive))
            details.append(_detail("worker", header.emergency.worker))
        return Told(self._say("emergency", entry, ground=coded("ground", entry.reason or "–")), tuple(details))

    def _reviewed(self, entry: Entry) -> Told:
        key = "justified" if entry.state == "justified" else "not-justified"
        try:
            signed = SignedDocument.parse(entry.document or b"", REVIEW_KIND)
            review = parse(EmergencyReview, signed.payload, limit=MAX_DOCUMENT)
        except PasserelleError:
            return Told(self._say(key, entry))  # as above
        return Told(self._say(key, entry), (_detail("reviewer", review.reviewer),))

    def _incident(self, entry: Entry) -> Told:
        sections = (_detail("sections", listed("section", entry.sections)),) if entry.sections else ()
        return Told(self._say("incident", entry, what=circumstances(entry.reason)), sections)

    def _changed(self, entry: Entry) -> Told:
        changes = changes_in(entry)
        if changes is None:
            return self._plain(entry)
        fields = ", ".join(word(f"audit.column.{name}") for name in changes.fields)
        return Told(self._say("incident-completed", entry, fields=fields))

    def _erased(self, entry: Entry) -> Told:
        try:
            erasure = read_erasure(entry.document or b"")
        except PasserelleError:
            return self._plain(entry)  # as above
        count = sum(last - first + 1 for first, last in erasure.ranges)
        kind = "erasure-ordered" if erasure.ordered else "erasure"
        return Told(self._say(kind, entry, count=count, by=erasure.by, ground=erasure.ground))


_PLAIN: Final[Mapping[str, str]] = {
    "agreement.proposed": "agreement-proposed",
    "agreement.signed": "agreement-signed",
    "agreement.in-force": "agreement-in-force",
    "agreement.suspended": "agreement-suspended",
    "agreement.ended": "agreement-ended",
    "consent.expired": "consent-expired",
    "envelope.expired": "expired",
    "incident.escalated": "escalated",
}
"""The sentences of entries that say no more than what they are and who is concerned."""


def _detail(kind: str, text: str) -> str:
    return word(f"audit.story.detail.{kind}", text=text)


def _about(entry: Entry) -> Iterator[str]:
    """What an envelope was, on what it rested, and by which rule it was refused, if it was."""
    if entry.rule:
        yield _detail("rule", f"{entry.rule}. {rule_words(entry.rule)}")
    if entry.purpose:
        yield _detail("purpose", coded("purpose", entry.purpose))
    if entry.sections:
        yield _detail("sections", listed("section", entry.sections))
    yield from _basis(entry)
    if entry.need:
        yield _detail("need", coded("need", entry.need))
    for kind, text in (("territory", entry.territory), ("part-of", entry.part_of), ("replaces", entry.replaces)):
        if text:
            yield _detail(kind, text)
    if entry.expires:
        yield _detail("expires", moment(entry.expires))
    yield from _envelope(entry)


def _envelope(entry: Entry) -> tuple[str, ...]:
    """Which envelope it is about."""
    return (_detail("envelope", entry.envelope),) if entry.envelope else ()


def _basis(entry: Entry) -> Iterator[str]:
    """The consent or the emergency that it rested on, and the agreement."""
    if entry.statement:
        yield word("audit.story.under-consent", statement=entry.statement, version=entry.version or "–")
    elif entry.reason and entry.type != "envelope.released":
        yield _detail("ground", coded("ground", entry.reason))
    if entry.agreement and entry.article:
        yield word("audit.story.under-article", agreement=entry.agreement, article=entry.article)
    elif entry.agreement:
        yield _detail("agreement", entry.agreement)
