"""The identifiers partners exchange: random, meaningless, and impossible to confuse with one another.

PROTOCOL §0: 128 random bits in lowercase base32, 26 characters, with a prefix that tells the kind.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from keys.documents import Address

__all__ = [
    "AgreementId",
    "AgreementRef",
    "ArticleNumber",
    "Author",
    "EnvelopeId",
    "ReferralId",
    "ServiceId",
    "StatementId",
    "agreement_id_of",
    "gateway_address",
    "territory_of",
]

EnvelopeId = Annotated[str, StringConstraints(pattern=r"^env_[a-z2-7]{26}$")]
"""One envelope."""
ReferralId = Annotated[str, StringConstraints(pattern=r"^ref_[a-z2-7]{26}$")]
"""One referral: every envelope about it carries the same."""
StatementId = Annotated[str, StringConstraints(pattern=r"^cs_[a-z2-7]{26}$")]
"""One consent statement, through all its versions."""
AgreementId = Annotated[str, StringConstraints(pattern=r"^agr_[a-z2-7]{26}$")]
"""One protocol of agreement, through all its versions."""
AgreementRef = Annotated[str, StringConstraints(pattern=r"^agr_[a-z2-7]{26}@[1-9][0-9]{0,5}$")]
"""An agreement in one version, `id@version`."""
ArticleNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}(\.[0-9]{1,3})?$")]
"""The number of an article in an agreement."""
ServiceId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
"""A service as the directory lists it."""
Author = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
"""A worker's pseudonym, stable within one organisation and meaningless outside it."""


def agreement_id_of(ref: AgreementRef) -> AgreementId:
    """The agreement named by `id@version`, whatever the version."""
    return ref.partition("@")[0]


def territory_of(address: Address) -> str:
    """The territory of `slug@territory`."""
    return address.partition("@")[2]


def gateway_address(territory: str) -> Address:
    """The broker's own address in a territory (PROTOCOL §0)."""
    return f"gateway@{territory}"
