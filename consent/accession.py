"""Who must sign a version of an agreement, and whose signature of an earlier version still stands under it.

PROTOCOL §3. A newcomer joins without everybody signing again: its own root signs, and the roots of those whom the
agreement names for that. As soon as anything else changes, everybody signs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from consent.agreement import Agreement, AgreementState
from keys.documents import Address

__all__ = ["HANDED_ON", "SignedVersion", "bound", "signatories", "unsigned"]

HANDED_ON: Final[frozenset[AgreementState]] = frozenset({"signing", "in-force"})
"""The states in which a version hands its signatures on: a suspension or an end is not undone by somebody joining."""
_OF_EACH_VERSION: Final = {"version", "prev", "parties"}
"""What a version by which a newcomer joins has of its own; every other member is as it was."""
_SEES_MORE: Final = "auditor"
"""The role to which emergencies are justified: nobody takes it without everybody agreeing."""


@dataclass(frozen=True, slots=True)
class SignedVersion:
    """A version of an agreement, the digest of its bytes, and the parties whose own signature of them was verified."""

    document: Agreement
    sha256: str
    signers: frozenset[Address]


def signatories(previous: Agreement | None, new: Agreement) -> frozenset[Address]:
    """Who must sign `new` with its root, `previous` being the version before it that its `prev` names.

    Only when parties were added, and nothing else changed but the number of the version, are these the newcomers and
    those whom `accession` lists; otherwise, and when it lists nobody, all parties of `new`. Whether `prev` is the
    digest of `previous` is for the caller to check.
    """
    everybody = frozenset(party.address for party in new.parties)
    if previous is None:
        return everybody
    newcomers = everybody - {party.address for party in previous.parties}
    return newcomers | frozenset(new.accession) if _only_joined(previous, new, newcomers) else everybody


def bound(versions: Iterable[SignedVersion]) -> frozenset[Address]:
    """The parties that the last of these versions binds: they signed it, or their earlier signature stands under it.

    `versions` come oldest first and end with the one in question; one that was not `HANDED_ON`, and what came before
    it, is left out. A signature is carried over only from the version that `prev` names, and only once everybody who
    must sign the new one did.
    """
    standing, _ = _walk(tuple(versions))
    return standing


def unsigned(versions: Iterable[SignedVersion]) -> frozenset[Address]:
    """Whose signature the last of these versions still lacks before it can come into force; as for `bound`."""
    _, lacking = _walk(tuple(versions))
    return lacking


def _only_joined(previous: Agreement, new: Agreement, newcomers: frozenset[Address]) -> bool:
    """Whether `new` is `previous` with newcomers and nothing else, in a way that its parties provided for."""
    if not newcomers or not new.accession or new.version != previous.version + 1:
        return False
    if any(_SEES_MORE in party.roles for party in new.parties if party.address in newcomers):
        return False
    if any(new.party(party.address) != party for party in previous.parties):
        return False
    return new.model_dump(exclude=_OF_EACH_VERSION) == previous.model_dump(exclude=_OF_EACH_VERSION)


def _walk(versions: Sequence[SignedVersion]) -> tuple[frozenset[Address], frozenset[Address]]:
    """Whom the last version binds, and whose signature it lacks."""
    standing: frozenset[Address] = frozenset()
    lacking: frozenset[Address] = frozenset()
    before: SignedVersion | None = None
    for version in versions:
        follows = before is not None and version.document.prev == before.sha256
        needed = signatories(before.document if before and follows else None, version.document)
        parties = frozenset(party.address for party in version.document.parties)
        own, carried = version.signers & parties, standing & (parties - needed)
        lacking = parties - own - carried
        standing = own | carried if needed <= own else own
        before = version
    return standing, lacking
