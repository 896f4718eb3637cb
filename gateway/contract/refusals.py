"""Why calls are refused, gathered by what they have in common, so that each reason stands in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from consent.remedies import WHO_CAN_FIX
from gateway.problems import REFUSED, STATUS

__all__ = [
    "BODY",
    "CONTRADICTED",
    "DECISION",
    "DOCUMENT",
    "HEADER",
    "JSON_BODY",
    "OUTAGE",
    "QUERY",
    "SHARED",
    "SIGNED",
    "SIGNED_IN",
    "STOPPED",
    "Problems",
    "at",
]

Problems: TypeAlias = frozenset[tuple[int, str]]
"""Pairs of a status and a slug."""


def at(status: int, *slugs: str) -> Problems:
    """These reasons, each told with this status."""
    return frozenset((status, slug) for slug in slugs)


OUTAGE = at(500, "internal") | at(
    503, "storage-busy", "storage-full", "database-forbidden", "clock-differs", "journal-missing"
)
"""What no caller can help."""
CONTRADICTED = at(503, "journal-contradicted")
"""Of what lets a referral pass, while somebody has shown another journal of ours."""
STOPPED = at(503, "journal-restored", "journal-keys-missing")
"""While nothing may be journalled."""
SIGNED_IN = (
    at(401, "token-missing", "token-wrong-scheme", "token-invalid", "token-expired", "token-wrong-key")
    | at(401, "proof-missing", "proof-invalid", "proof-expired", "proof-replayed", "nonce-required")
    | at(401, "client-suspended", "client-key-revoked")
    | at(403, "scope-missing")
    | STOPPED
)
"""Of every call that needs a token (PROTOCOL §5)."""
BODY = at(413, "too-large") | at(415, "content-type-unsupported")
"""Of everything that is sent."""
JSON_BODY = BODY | at(
    400,
    *("not-json", "not-utf8", "byte-order-mark", "duplicate-key", "number-not-allowed", "too-deep", "lone-surrogate"),
)
"""Of what is not JSON as PROTOCOL §0 understands it."""
QUERY = at(422, "out-of-range")
"""Of numbers in a query."""
DOCUMENT = JSON_BODY | at(
    422,
    *("wrong-type", "null-not-allowed", "unknown-field", "missing-field", "too-long", "too-short", "out-of-range"),
    *("wrong-form", "unknown-code", "bad-time", "bad-base64", "duplicate-entry"),
)
"""Of JSON that is not the document asked for."""
HEADER = at(
    422,
    *("envelope-life", "sent-to-oneself", "slots-out-of-order", "schema-of-another-section", "unexpected-member"),
    "transition-unknown",
)
"""Of the clear part of an envelope, whose members contradict one another."""
SIGNED = (
    DOCUMENT
    | at(422, "wrong-payload-type")
    | at(403, "key-unknown", "key-not-in-period", "key-revoked", "bad-signature", "wrong-signers")
    | at(403, "signer-is-not-sender")
)
"""Of a document that a partner signs with its signing key."""
DECISION = frozenset((STATUS.get(slug, REFUSED), slug) for slug in WHO_CAN_FIX)
"""What the rules of a passage answer (`consent.decision`): whoever can mend it is known for each of them."""


def _of(status: int, problems: Problems) -> Problems:
    return frozenset(each for each in problems if each[0] == status)


SHARED: Mapping[str, Problems] = {
    "NotSignedIn": _of(401, SIGNED_IN),
    "ScopeMissing": _of(403, SIGNED_IN),
    "NotJson": _of(400, JSON_BODY),
    "TooLarge": _of(413, BODY),
    "WrongMediaType": _of(415, BODY),
    "NotTheDocument": _of(422, DOCUMENT),
    "OurFault": _of(500, OUTAGE),
    "Unavailable": _of(503, OUTAGE),
    "Stopped": _of(503, OUTAGE | STOPPED),
}
"""Answers that many calls have in common, each of one status, by the name under which the document tells of them."""
