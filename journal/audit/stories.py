"""The story of a referral, an envelope, a consent or an agreement: every entry that is about it, in order.

Two passes over the bundle: the first finds what names it, the second what those entries rest on or led to.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import TypeAdapter, ValidationError

from consent.identifiers import AgreementId, AgreementRef, EnvelopeId, ReferralId, StatementId, agreement_id_of
from journal.audit.reading import Reading
from journal.entries import Entry
from journal.erasures import Erasure
from journal.succession import Leg
from journal.unread import Unread
from keys.errors import MalformedError, PasserelleError

__all__ = ["KINDS", "NothingShownError", "Story", "kind_of", "story_of"]

_FORMS: Final = {
    "referral": TypeAdapter(ReferralId),
    "envelope": TypeAdapter(EnvelopeId),
    "consent": TypeAdapter(StatementId),
    "agreement": TypeAdapter(AgreementId),
    "version": TypeAdapter(AgreementRef),
}
KINDS: Final = tuple(_FORMS)
"""What a story may be about: an agreement in all its versions, or one version of it."""
_BROUGHT: Final = frozenset({"envelope.accepted", "envelope.refused", "task.transition"})
_GOVERNING: Final = frozenset({"agreement.in-force", "agreement.suspended", "agreement.ended"})


class NothingShownError(PasserelleError):
    """Nothing in this bundle is about an identifier: there never was anything, or it is not shown."""


@dataclass(frozen=True, slots=True)
class Story:
    """What a bundle shows of one thing, and how much it does not show of anything."""

    subject: str
    kind: str
    entries: tuple[Entry, ...]
    """Erasures that concern others of them included."""
    agreements: tuple[str, ...]
    """The digests of the agreements that the entries rest on."""
    unread: Unread

    @property
    def begins(self) -> bool:
        """Whether the entry is shown with which such a thing begins, or with which it was refused."""
        first = {"consent": {"consent.registered"}, "agreement": {"agreement.proposed"}}
        told = {"agreement.proposed"} if self.kind == "version" else first.get(self.kind, _BROUGHT)
        return not told.isdisjoint(entry.type for entry in self.entries)


@dataclass(slots=True)
class _Named:
    """What the entries that name the subject name themselves."""

    statements: set[str] = field(default_factory=set)
    agreements: set[str] = field(default_factory=set)
    digests: set[str] = field(default_factory=set)
    envelopes: set[str] = field(default_factory=set)

    def add(self, entry: Entry) -> None:
        for names, name in (
            (self.statements, entry.statement),
            (self.agreements, entry.agreement),
            (self.digests, entry.agreement_sha256),
            (self.envelopes, entry.envelope),
        ):
            if name is not None:
                names.add(name)


def kind_of(subject: str) -> str:
    """What an identifier is of; raises `MalformedError` (not-an-identifier)."""
    for kind, form in _FORMS.items():
        try:
            form.validate_python(subject)
        except ValidationError:
            continue
        return kind
    raise MalformedError("not-an-identifier")


def story_of(legs: Sequence[Leg], subject: str, progress: Callable[[int, int], object] | None = None) -> Story:
    """Gather what the shards of a bundle show about `subject`.

    Raises `MalformedError` (not-an-identifier), `NothingShownError` (nothing-shown), and what reading raises.
    """
    kind = kind_of(subject)
    named = _Named()
    for entry in Reading(legs).entries((subject,), _half(progress, 0)):
        # A referral that continues this one is told of, and is another story.
        if _names(entry, kind, subject) and entry.part_of != subject:
            named.add(entry)
    reading = Reading(legs)
    entries = reading.entries(_texts(kind, subject, named), _half(progress, legs[-1].end))
    found = [entry for entry in entries if _names(entry, kind, subject) or _belongs(entry, kind, named)]
    if not found:
        raise NothingShownError("nothing-shown")
    told = [entry for entry, erasure in reading.erasures if _concerns(erasure, found)]
    whole = tuple(sorted([*found, *told], key=lambda entry: entry.index))
    return Story(subject, kind, whole, tuple(sorted(named.digests)), reading.unread)


def _names(entry: Entry, kind: str, subject: str) -> bool:
    """Whether an entry is about the subject by itself."""
    if kind == "referral":
        return subject in {entry.ref, entry.part_of}
    if kind == "envelope":
        justified = entry.justification.envelope if entry.justification else None
        return subject in {entry.envelope, entry.replaces, justified}
    if kind == "consent":
        return entry.statement == subject
    if not entry.type.startswith("agreement."):
        return False
    return entry.agreement == subject if kind == "version" else agreement_id_of(entry.agreement or "") == subject


def _belongs(entry: Entry, kind: str, named: _Named) -> bool:
    """Whether it is about something that the entries of the story name: what they rest on, what became of them."""
    if kind not in {"referral", "consent"}:
        return False
    if entry.envelope is not None and entry.envelope in named.envelopes:
        return True
    if kind == "referral" and entry.type.startswith("consent."):
        return entry.statement in named.statements
    return entry.type in _GOVERNING and entry.agreement in named.agreements


def _texts(kind: str, subject: str, named: _Named) -> Collection[str]:
    if kind not in {"referral", "consent"}:
        return (subject,)
    return (subject, *sorted(named.statements), *sorted(named.agreements), *sorted(named.envelopes))


def _concerns(erasure: Erasure, entries: Collection[Entry]) -> bool:
    return any(entry.index in erasure for entry in entries)


def _half(progress: Callable[[int, int], object] | None, done: int) -> Callable[[int, int], object] | None:
    """What to tell the progress in one of the two passes."""
    return None if progress is None else lambda index, size: progress(done + index, 2 * size)
