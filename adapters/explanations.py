"""What the gateway answers to somebody who asks why: every rule's verdict, in words, read strictly.

PROTOCOL §6 (`POST /v1/explain`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from consent.identifiers import AgreementRef, ArticleNumber, StatementId
from keys.documents import Document, Listing, Version

__all__ = ["Explanation", "RuleVerdict", "Waits"]

Told = Annotated[str, StringConstraints(max_length=2000)]
"""A sentence of the gateway's; it is made printable by whoever shows it."""
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,80}$")]


class RuleVerdict(Document):
    """What one rule says of a header, in the reader's language."""

    rule: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,10}$")]
    title: Told
    verdict: Literal["passed", "refused", "not-asked"]
    because: Code | None = None
    detail: Told | None = None
    remedy: Told | None = None
    pointer: Annotated[str, StringConstraints(max_length=200)] | None = None
    who_can_fix: Annotated[str, StringConstraints(max_length=80)] | None = None


class Waits(Document):
    """Why a deposit is put off now, whatever the rules say, in the reader's language."""

    because: Code
    detail: Told
    remedy: Told


class CitedBody(Document):
    """The consent that an explanation rests on."""

    statement: StatementId
    version: int = Field(ge=1, le=999_999)


class Explanation(Document):
    """What a deposit of a header would be answered: every rule with its verdict, and what the decision rests on.

    While it `waits` a deposit is answered that, and nothing is decided.
    """

    v: Version
    decision: Literal["granted", "refused"]
    rules: Listing[RuleVerdict] = Field(min_length=1, max_length=100)
    agreement: AgreementRef | None = None
    article: ArticleNumber | None = None
    consent: CitedBody | None = None
    waits: Waits | None = None
