"""What the directory says of a service: whom it helps, where, when and how to reach it; never of a person."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import Field, StringConstraints

from consent.vocabulary import NeedCode, PurposeCode
from keys.documents import Address, Document, Listing, Time

__all__ = [
    "ACCESSIBILITY",
    "MAX_DESCRIPTION",
    "MAX_NAME",
    "MAX_NOTE",
    "WEEKDAYS",
    "AccessibilityCode",
    "Latitude",
    "ListedService",
    "Longitude",
    "Opening",
    "Phone",
    "Place",
    "ServiceStatus",
    "Weekday",
]

MAX_NAME: Final = 200
"""Characters of a name."""
MAX_DESCRIPTION: Final = 1000
"""Characters of a description; a longer one is cut with an ellipsis, since its source stands behind `url`."""
MAX_NOTE: Final = 500
"""Characters of any other free text (fees, eligibility, how to refer…); cut in the same way."""

Weekday = Literal["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
WEEKDAYS: Final[tuple[Weekday, ...]] = get_args(Weekday)
"""Monday first, as `datetime.weekday()` counts (codes of RFC 5545 §3.3.10)."""
AccessibilityCode = Literal[
    "wheelchair",
    "accessible-toilet",
    "hearing-loop",
    "sign-language",
    "text-contact",
    "low-vision",
    "assistance-dog",
    "plain-language",
]
ACCESSIBILITY: Final[tuple[AccessibilityCode, ...]] = get_args(AccessibilityCode)
"""What a place offers to people with disabilities, in words under `directory.accessibility`."""
ServiceStatus = Literal["active", "inactive", "defunct", "temporarily closed"]
"""HSDS 3.0 `service.status`; only active services are found."""

Latitude = Annotated[int, Field(ge=-90_000_000, le=90_000_000)]
"""WGS 84 latitude in millionths of a degree: our JSON has no decimals (PROTOCOL §0)."""
Longitude = Annotated[int, Field(ge=-180_000_000, le=180_000_000)]
"""WGS 84 longitude in millionths of a degree."""
_Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]
_Note = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NOTE)]
_Wall = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]
_Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
_Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]


class Opening(Document):
    """Weekly hours: open on `days` from `opens` to `closes` on the wall clock of `zone`.

    `closes` at or before `opens` means the next day (09:00 to 09:00 is a whole day). `zone` is an IANA name
    or an offset `±HH:MM`; `valid_from` and `valid_to` are the first and last day, both included.
    """

    days: Listing[Weekday]
    opens: _Wall
    closes: _Wall
    zone: str
    valid_from: _Day | None = None
    valid_to: _Day | None = None


class Place(Document):
    """Where a service is given; a telephone line has one place without address.

    `hours_complete` is false when the source told hours that we cannot follow (once a month, in words only…):
    the place may then be open outside `openings`.
    """

    name: _Name | None = None
    address: _Note | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    accessibility: Listing[AccessibilityCode] = ()
    accessibility_note: _Note | None = None
    openings: Listing[Opening] = ()
    hours_complete: bool = True
    hours_note: _Note | None = None


class Phone(Document):
    """A number of the service itself; the name of whoever answers is never kept."""

    number: Annotated[str, StringConstraints(min_length=2, max_length=40)]
    extension: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,10}$")] | None = None
    kind: Literal["voice", "text", "fax", "textphone", "other"] = "voice"


class ListedService(Document):
    """One service of the directory (PRODUCT §2, *Find a service*), the same whatever format it came from.

    `organisation` is the partner's address; without it the service can be phoned but not sent a referral.
    `coverage` names the areas served in the source's words; `languages` are ISO 639 codes; ages are whole
    years, both included.
    """

    id: Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]
    status: ServiceStatus
    organisation: Address | None = None
    organisation_name: _Name | None = None
    name: _Name
    description: Annotated[str, StringConstraints(max_length=MAX_DESCRIPTION)] = ""
    needs: Listing[NeedCode] = ()
    purposes: Listing[PurposeCode] = ()
    coverage: Listing[_Note] = ()
    languages: Listing[_Language] = ()
    interpretation: _Note | None = None
    eligibility: _Note | None = None
    minimum_age: Annotated[int, Field(ge=0, le=150)] | None = None
    maximum_age: Annotated[int, Field(ge=0, le=150)] | None = None
    fees: _Note | None = None
    how_to_refer: _Note | None = None
    alert: _Note | None = None
    phones: Listing[Phone] = ()
    url: _Note | None = None
    places: Annotated[Listing[Place], Field(min_length=1)]
    updated: Time | None = None
