"""I2, where consents are registered: nothing passes once a consent was withdrawn, replaced or over.

PROTOCOL §3 and PRODUCT §4. What entries themselves tell suffices for this; where the bundle shows the statement, its
signature and its succession are checked as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Final

from consent.statement import (
    STATEMENT_KIND,
    ConsentStatement,
    RegisteredStatement,
    read_statement,
    succession_fault,
    verify_statement,
)
from journal.bundle import Bundle
from journal.entries import Entry
from journal.invariants.findings import Finding, Gaps, Unjudged, refusals
from journal.invariants.keychains import KeysTrusted, said_by_broker
from journal.shards import HAND_OVER, RESTARTED
from keys.documents import Address
from keys.errors import Fault, ForgedError, PasserelleError
from keys.signing import SignedDocument

__all__ = ["ConsentsStanding"]

_KEPT: Final = 512
"""Statements kept after they were read from the bundle."""
_ENDED: Final = frozenset({"withdrawn", "revoked", "invalidated"})


@dataclass(frozen=True, slots=True)
class _Standing:
    """The newest version of a consent as the journal tells of it."""

    issuer: Address | None
    version: int
    sha256: str
    state: str
    expires: datetime | None


class ConsentsStanding:
    """Follows every consent through its versions, and judges by it each envelope that is accepted or handed out."""

    number: Final = "I2"

    def __init__(self, bundle: Bundle, keys: KeysTrusted, gaps: Gaps) -> None:
        """Take documents from `bundle` and the keys that sign them from `keys`."""
        self._keys = keys
        self._gaps = gaps
        self._standings: dict[str, _Standing] = {}
        self._unconfirmed: set[str] = set()
        self._file = partial(bundle.statement, kind=STATEMENT_KIND)
        self._shown = lru_cache(maxsize=_KEPT)(self._read_or_none)

    @property
    def count(self) -> int:
        """How many consents were registered."""
        return len(self._standings)

    def examine(self, entry: Entry) -> Iterator[Finding]:
        """As `Invariant.examine`; raises what `Bundle.statement` raises.

        Slugs: missing-field, wrong-actor, version-chain, consent-unknown, consent-ended, consent-withdrawn,
        consent-revoked, consent-invalidated, consent-expired, consent-superseded, consent-digest,
        statement-unconfirmed, entry-and-document-differ, and those of `consent.statement`.
        """
        if entry.type == HAND_OVER and entry.state == RESTARTED:
            # What ended a consent may be among the entries that were lost: until its issuer says so nobody knows.
            self._unconfirmed |= {name for name, each in self._standings.items() if each.state == "given"}
        elif entry.type in {"consent.registered", "consent.withdrawn"}:
            yield from self._register(entry)
        elif entry.type in {"envelope.accepted", "envelope.released"} and entry.statement is not None:
            standing = self._standings.get(entry.statement or "")
            if standing is None:
                yield self._gaps.absent("consent-unknown", "/statement")
            else:
                yield from _against(standing, entry, confirmed=entry.statement not in self._unconfirmed)

    def known(self, statement: str) -> bool:
        """Whether a readable entry registered this consent."""
        return statement in self._standings

    def standing(self, statement: str) -> RegisteredStatement | None:
        """The newest version of a consent; None when it is unknown or not shown."""
        standing = self._standings.get(statement)
        document = self._shown(standing.sha256) if standing else None
        return RegisteredStatement(document, standing.sha256) if standing and document else None

    def _read_or_none(self, sha256: str) -> ConsentStatement | None:
        signed = self._file(sha256)
        try:
            return None if signed is None else read_statement(signed)
        except PasserelleError:
            return None  # what is wrong with it is told where it was registered

    def _register(self, entry: Entry) -> Iterator[Finding]:
        for member in ("statement", "version", "statement_sha256"):
            if getattr(entry, member) is None:
                yield Fault("missing-field", f"/{member}")
                return
        new = _Standing(entry.from_, entry.version or 0, entry.statement_sha256 or "", _state(entry), entry.expires)
        old = self._standings.get(entry.statement or "")
        fault = self._unfit(old, new, entry)
        if fault is not None:
            yield fault
        # A bundle that is itself at fault stops the audit: only what the journal names by digest is held against it.
        signed = self._file(new.sha256) if old is None or old.sha256 != new.sha256 else None
        if signed is not None:
            yield from refusals("/statement_sha256", partial(self._verify, signed, entry, old, new))
        # A withdrawal always counts, however it is written; anything else only where it follows.
        if not isinstance(fault, Fault) or entry.type == "consent.withdrawn":
            self._standings[entry.statement or ""] = new
            self._unconfirmed.discard(entry.statement or "")

    def _unfit(self, old: _Standing | None, new: _Standing, entry: Entry) -> Finding | None:
        """Why this version may not follow what is known."""
        if entry.type == "consent.withdrawn":
            return _wrongly_ended(old, new, entry)
        if entry.actor != entry.from_ or (old is not None and old.issuer != new.issuer):
            return Fault("wrong-actor", "/from")
        if new.expires is None:
            return Fault("missing-field", "/expires")
        if old is None:
            return None if new.version == 1 else self._gaps.absent("version-chain", "/version")
        if old.state != "given":
            return Fault("consent-ended", "/statement")
        return _out_of_chain(old, new, confirmed=entry.statement not in self._unconfirmed)

    def _verify(self, signed: SignedDocument, entry: Entry, old: _Standing | None, new: _Standing) -> None:
        """Check the document against its issuer's key, the entry, and the version before."""
        document = verify_statement(signed, self._keys.verifier(entry, entry.from_ or "", signed.keyids[0]))
        told = (entry.statement, new.version, new.issuer, new.state)
        if told != (document.id, document.version, document.issuer, document.state):
            raise ForgedError("entry-and-document-differ")
        if new.expires is not None and new.expires != document.not_after:
            raise ForgedError("entry-and-document-differ", "/not_after")
        before = self._shown(old.sha256) if old else None
        if old and before and new.version == old.version + 1:
            fault = succession_fault(RegisteredStatement(before, old.sha256), document)
            if fault is not None:
                raise ForgedError(*fault)


def _out_of_chain(old: _Standing, new: _Standing, *, confirmed: bool) -> Finding | None:
    """Why a version may not follow another; after a restart the issuer says again what it said, or what came since."""
    if new.version == old.version + 1 or (new == old and not confirmed):
        return None
    # The versions between the two may be among what was lost.
    lost = new.version > old.version and not confirmed
    return Unjudged("version-chain") if lost else Fault("version-chain", "/version")


def _wrongly_ended(old: _Standing | None, new: _Standing, entry: Entry) -> Fault | None:
    """The issuer ends it by a version, the broker when the code was spoken, and nobody else."""
    if old is not None and old.issuer != new.issuer:
        return Fault("wrong-actor", "/from")
    return None if entry.actor == entry.from_ or said_by_broker(entry) else Fault("wrong-actor", "/actor")


def _state(entry: Entry) -> str:
    """What the entry says of the consent; one that was withdrawn is never given, whatever else it says."""
    if entry.type == "consent.withdrawn":
        return entry.state if entry.state in _ENDED else "withdrawn"
    return entry.state or "given"


def _against(standing: _Standing, entry: Entry, *, confirmed: bool) -> Iterator[Finding]:
    """The first thing that forbids this passage, in the order of a decision (rules R17 and R16)."""
    answers = entry.type == "envelope.accepted" and entry.from_ != standing.issuer
    cited = entry.version or 0
    if standing.state != "given":
        yield Fault(f"consent-{standing.state if standing.state in _ENDED else 'withdrawn'}", "/statement")
    elif standing.expires is not None and entry.time >= standing.expires:
        yield Fault("consent-expired", "/statement")
    elif cited > standing.version or (cited < standing.version and not answers):
        yield Fault("consent-superseded", "/version")
    elif cited == standing.version and entry.statement_sha256 != standing.sha256:
        yield Fault("consent-digest", "/statement_sha256")
    elif not confirmed:
        yield Fault("statement-unconfirmed", "/statement")
