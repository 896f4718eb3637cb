"""The second look at an emergency: another person of the same organisation says whether it was justified.

PRODUCT §4 (*Emergency*): within 72 hours, by somebody else than whoever declared it, or it escalates every day.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Literal

from consent.identifiers import Author, EnvelopeId
from keys.documents import Address, Document, Sha256, Time, Version

__all__ = ["ESCALATE_AGAIN", "NOT_JUSTIFIED", "REVIEW_KIND", "REVIEW_WITHIN", "EmergencyReview", "Verdict"]

REVIEW_KIND = "emergency-review"
"""The kind of the signed document (PROTOCOL §0)."""
REVIEW_WITHIN: Final = timedelta(hours=72)
"""How long the organisation that declared an emergency has to review it."""
ESCALATE_AGAIN: Final = timedelta(hours=24)
"""How often an emergency that nobody reviewed is told again."""
Verdict = Literal["justified", "not-justified"]
NOT_JUSTIFIED: Final = "not-justified"
"""The verdict after which nothing more may go under an emergency."""


class EmergencyReview(Document):
    """What the organisation signs: which referral, by its payload digest, who reviewed it, and what they found.

    `reviewer` is the stable pseudonym of a person, as `worker` is in the emergency itself; the two may not be the same.
    """

    v: Version
    by: Address
    envelope: EnvelopeId
    payload_sha256: Sha256
    reviewer: Author
    verdict: Verdict
    at: Time
