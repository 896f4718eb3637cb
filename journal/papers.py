"""Which copies of an agreement or a consent are genuine: all their signatures hold where the journal names them.

An entry names a document by the digest of its text, which does not cover the signatures beside it. Whoever hands on a
true text with forged signatures would have an audit accuse those who never signed that.
"""

from __future__ import annotations

from collections import deque

from consent.agreement import read_agreement, verify_signature
from consent.statement import verify_statement
from journal.entries import Entry
from journal.invariants.keychains import KeysTrusted
from journal.layout import SignedAgreement
from journal.shards import HAND_OVER
from keys.errors import PasserelleError
from keys.signing import SignedDocument

__all__ = ["FORGED", "Papers"]

FORGED = -1
"""What a copy is worth of which a signature does not hold, less than one that nobody signed."""


class Papers:
    """Follows everybody's keys through the journal, and judges copies of documents where an entry names them."""

    def __init__(self) -> None:
        """Begin before the first entry."""
        self._keys = KeysTrusted()

    def follow(self, entry: Entry) -> None:
        """The next entry; what is wrong with it is for an audit to tell."""
        if entry.type.startswith("key.") or entry.type == HAND_OVER:
            deque(self._keys.examine(entry), maxlen=0)

    def worth(self, entry: Entry, copy: SignedAgreement | SignedDocument | None) -> int:
        """How many signed a copy of the document that `entry` names; `FORGED` if one signature of it does not hold.

        A copy that is not there is worth as little.
        """
        try:
            if isinstance(copy, SignedAgreement):
                return self._signers(entry, copy)
            if copy is not None:
                verify_statement(copy, self._keys.verifier(entry, copy.keyids[0].partition("#")[0], copy.keyids[0]))
                return 1
        except PasserelleError:
            pass  # one that cannot be read is as good as forged
        return FORGED

    def _signers(self, entry: Entry, copy: SignedAgreement) -> int:
        """How many parties signed an agreement; raises `PasserelleError` if a signature does not hold."""
        document = read_agreement(copy.payload)
        signers = set()
        for signed in copy.signatures:
            claimed = signed.keyids[0].partition("#")[0]
            party = document.party(claimed)
            root = self._keys.root(entry, claimed, party.root_fingerprint) if party else None
            signers.add(verify_signature(signed, document, copy.sha256, {claimed: root} if root else {}))
        return len(signers)
