"""A recipient’s signed word after a consent ended: what it was handed is deleted, or kept on this ground.

PRODUCT §4: a withdrawal after delivery is sent to every recipient served, who must answer. PROTOCOL §6.
"""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from consent.coherence import fault_at, refuse_duplicates
from consent.headers import MAX_TOLD_AT_ONCE
from consent.identifiers import EnvelopeId, StatementId
from consent.vocabulary import KeptGroundCode
from keys.documents import Address, Document, Listing, Time, Version

__all__ = ["WITHDRAWAL_ANSWER_KIND", "Answer", "WithdrawalAnswer"]

WITHDRAWAL_ANSWER_KIND: Final = "withdrawal-answer"
"""The kind of the signed document (PROTOCOL §0)."""
Answer = Literal["deleted", "kept"]


class WithdrawalAnswer(Document):
    """What a recipient signs: under which consent, about which envelopes of those it was told of, and what it did.

    `version` is the one that the notice named. `kept` needs a `ground` (missing-field), `deleted` has none
    (unexpected-member).
    """

    v: Version
    by: Address
    statement: StatementId
    version: int = Field(ge=1, le=999_999)
    envelopes: Listing[EnvelopeId] = Field(min_length=1, max_length=MAX_TOLD_AT_ONCE)
    answer: Answer
    ground: KeptGroundCode | None = None
    at: Time

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        refuse_duplicates(self.envelopes, "envelopes")
        if self.answer == "kept" and self.ground is None:
            raise fault_at("missing-field", "ground")
        if self.answer == "deleted" and self.ground is not None:
            raise fault_at("unexpected-member", "ground")
        return self
