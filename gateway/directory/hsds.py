"""Reads a directory of services from an Open Referral HSDS 3.0 file, and explains each one it leaves out.

HSDS is the Human Services Data Specification of Open Referral (CC BY-SA 4.0); only its facts are used here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, cast, get_args

from gateway.directory.languages import language_code
from gateway.directory.listing import MAX_DESCRIPTION, MAX_NAME, MAX_NOTE, ListedService, Phone, ServiceStatus
from gateway.directory.places import read_places
from gateway.directory.reader import Node, with_places
from gateway.directory.taxonomies import needs_of, purposes_of
from keys import strictjson
from keys.documents import ADDRESS_PATTERN
from keys.errors import Fault, MalformedError
from keys.words import Language, Words

__all__ = ["MAX_BYTES", "PARTNER_SCHEME", "DirectoryImport", "RowProblem", "read_hsds"]

MAX_BYTES: Final = 64 * 2**20
"""The largest file read at once, in bytes."""
PARTNER_SCHEME: Final = "passerelle"
"""The `identifier_scheme` (or type) of an organisation identifier that is a partner's `slug@territory`."""

_LAST_AGE = 150
_FIRST_YEAR, _LAST_YEAR = 1900, 2999
_PHONE = re.compile(r"(?=.*[0-9])[0-9A-Za-z+(*#][0-9A-Za-z +().*#/-]{1,39}")
_LINK = re.compile(r"https?://[^\s\"<>\\]{1,490}", re.IGNORECASE)
_KINDS: Final[dict[str, Literal["voice", "text", "fax", "textphone"]]] = {
    "voice": "voice",
    "cell": "voice",
    "text": "text",
    "sms": "text",
    "fax": "fax",
    "textphone": "textphone",
    "tty": "textphone",
}
_FORM = re.compile(r"[ \t\r\n]*[\[{]")


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A service that was left out: its number in the file (from 1), what is wrong first, and where."""

    row: int
    fault: Fault

    def sentence(self, words: Words, language: Language) -> str:
        """One line for whoever keeps the file: the place, what is wrong, and what to do."""
        return f"{words.place(self.fault, language)} {words(f'error.{self.fault.code}.remedy', language)}"


@dataclass(frozen=True, slots=True)
class DirectoryImport:
    """What a file gave: each of its services is either in `services`, whole, or explained in `problems`."""

    services: tuple[ListedService, ...]
    problems: tuple[RowProblem, ...]


def read_hsds(data: bytes, *, zone: str = "UTC", limit: int = MAX_BYTES) -> DirectoryImport:
    """Read the services of an HSDS 3.0 JSON file.

    The file holds a list of services with what hangs on them (as the API's `/services/{id}` gives one), the
    same list under `services` (of an organisation or not) or `contents` (a page of the API); or one
    service. Members that we do not know are ignored. `zone` is the clock of schedules that name none, which
    HSDS takes for UTC.

    Raises `MalformedError` for a file that is no such thing: too-large, not-hsds, not-utf8, not-json,
    duplicate-key, number-not-allowed, too-deep, lone-surrogate.
    """
    if len(data) <= limit and not _FORM.match(data[:4096].decode("latin-1").removeprefix("\xef\xbb\xbf")):
        raise MalformedError("not-hsds", line=1, column=1)
    services: dict[str, ListedService] = {}
    faults: dict[int, Fault] = {}
    value = strictjson.loads(data, limit=limit)
    publisher = _publisher(value)
    for number, (pointer, row) in enumerate(_rows(value), start=1):
        try:
            service = _service(Node(row, pointer), publisher, zone)
        except MalformedError as error:
            faults[number] = error.faults[0]
            continue
        if services.setdefault(service.id, service) is not service:
            faults[number] = Fault("duplicate-service", f"{pointer}/id")
    placed = with_places(faults.values(), data.decode("utf-8"))
    return DirectoryImport(tuple(services.values()), tuple(map(RowProblem, faults, placed)))


def _rows(value: object) -> list[tuple[str, object]]:
    """Each service with its pointer, whichever of the accepted forms the file has."""
    if isinstance(value, dict):
        for name in ("services", "contents"):
            if isinstance(value.get(name), list):
                return [(f"/{name}/{number}", row) for number, row in enumerate(value[name])]
        if "status" in value:
            return [("", value)]
    if isinstance(value, list):
        return [(f"/{number}", row) for number, row in enumerate(value)]
    raise MalformedError("not-hsds")


def _publisher(value: object) -> Node | None:
    """The organisation around its own `services`, as the API's `/organizations/{id}` gives them."""
    return Node(value, "") if isinstance(value, dict) and "services" in value and "name" in value else None


def _service(row: Node, publisher: Node | None, zone: str) -> ListedService:
    organisation = row.member("organization") or publisher
    places = tuple(read_places(row, zone=zone))
    minimum, maximum = row.number("minimum_age", 0, _LAST_AGE), row.number("maximum_age", 0, _LAST_AGE)
    if minimum is not None and maximum is not None and maximum < minimum:
        raise row.error("out-of-range", "maximum_age")
    return ListedService(
        id=row.required_text("id", longest=MAX_NAME),
        status=_status(row),
        organisation=_partner(organisation),
        organisation_name=organisation.required_text("name", longest=MAX_NAME) if organisation else None,
        name=row.required_text("name", longest=MAX_NAME),
        description=row.text("description", longest=MAX_DESCRIPTION, cut=True) or "",
        needs=needs_of(row),
        purposes=purposes_of(row),
        coverage=tuple(_coverage(row)),
        languages=tuple(dict.fromkeys(_languages(row))),
        interpretation=row.text("interpretation_services", longest=MAX_NOTE, cut=True),
        eligibility=row.text("eligibility_description", longest=MAX_NOTE, cut=True),
        # Whole years, rounded so that nobody is left out: the words of `eligibility` have the last word.
        minimum_age=None if minimum is None else math.floor(minimum),
        maximum_age=None if maximum is None else math.ceil(maximum),
        fees=_fees(row),
        how_to_refer=row.text("application_process", longest=MAX_NOTE, cut=True),
        alert=row.text("alert", longest=MAX_NOTE, cut=True),
        phones=_phones(row, organisation),
        url=_link(row, "url") or (_link(organisation, "website") if organisation else None),
        places=places,
        updated=_updated(row),
    )


def _status(row: Node) -> ServiceStatus:
    text = row.required_text("status", longest=MAX_NAME)
    for status in get_args(ServiceStatus):
        if text == status:
            return cast("ServiceStatus", status)
    raise row.error("unknown-code", "status")


def _partner(organisation: Node | None) -> str | None:
    """The partner's address among the organisation's identifiers; two different ones are refused."""
    found: str | None = None
    for identifier in organisation.items("organization_identifiers") if organisation else ():
        names = (identifier.text(name, longest=MAX_NAME, cut=True) for name in ("identifier_scheme", "identifier_type"))
        if PARTNER_SCHEME not in names:
            continue
        address = identifier.required_text("identifier", longest=MAX_NAME)
        if not re.fullmatch(ADDRESS_PATTERN, address) or found not in (None, address):
            raise identifier.error("bad-partner-address", "identifier")
        found = address
    return found


def _coverage(row: Node) -> Iterator[str]:
    for area in row.items("service_areas"):
        text = area.text("name", longest=MAX_NOTE, cut=True) or area.text("description", longest=MAX_NOTE, cut=True)
        if text:
            yield text


def _languages(row: Node) -> Iterator[str]:
    locations = (node.member("location") for node in row.items("service_at_locations"))
    for node in (row, *filter(None, locations)):
        for language in node.items("languages"):
            tag = language.text("code", longest=MAX_NAME)
            code = language_code(tag) if tag else None
            if tag and code is None:
                raise language.error("bad-language", "code")
            if code:
                yield code


def _fees(row: Node) -> str | None:
    """What it costs: in the source's words, else its list of prices."""
    for name in ("fees_description", "fees"):
        text = row.text(name, longest=MAX_NOTE, cut=True)
        if text:
            return text
    prices = []
    for option in row.items("cost_options"):
        amount = option.number("amount", 0, 10**9)
        parts = [option.text(name, longest=MAX_NAME, cut=True) for name in ("currency", "option", "amount_description")]
        parts.insert(0, None if amount is None else f"{amount:.2f}".removesuffix(".00"))
        prices.append(" ".join(filter(None, parts)))
    text = "; ".join(filter(None, prices))
    return f"{text[: MAX_NOTE - 1]}…" if len(text) > MAX_NOTE else text or None


def _phones(row: Node, organisation: Node | None) -> tuple[Phone, ...]:
    """The numbers of the service and its locations, else of the organisation; never of contact persons."""
    nodes = [row]
    for at_location in row.items("service_at_locations"):
        nodes.append(at_location)
        location = at_location.member("location")
        if location is not None:
            nodes.append(location)
    found = dict.fromkeys(_phone(phone) for node in nodes for phone in node.items("phones"))
    if not found and organisation is not None:
        found = dict.fromkeys(_phone(phone) for phone in organisation.items("phones"))
    return tuple(found)


def _phone(phone: Node) -> Phone:
    number = phone.required_text("number", longest=MAX_NAME).strip("\"' ")
    if not _PHONE.fullmatch(number):
        raise phone.error("bad-phone", "number")
    extension = phone.number("extension", 0, 10**10 - 1)
    kind = phone.text("type", longest=MAX_NAME, cut=True) or "voice"
    return Phone(
        number=number,
        extension=None if extension is None else str(int(extension)),
        kind=_KINDS.get(kind.lower(), "other"),
    )


def _link(node: Node, name: str) -> str | None:
    """A web address; anything else (`javascript:`, for one) must not end as a link on a desk."""
    text = node.text(name, longest=MAX_NOTE)
    if text is not None and not _LINK.fullmatch(text):
        raise node.error("bad-link", name)
    return text


def _updated(row: Node) -> datetime | None:
    """When the entry was last changed, else when it was last checked; UTC when no offset is given."""
    for name in ("last_modified", "assured_date"):
        text = row.text(name, longest=MAX_NAME)
        if text is None:
            continue
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise row.error("bad-date", name) from None
        # Earlier years are slips, and the first of them cannot be brought to UTC at all.
        if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            raise row.error("bad-date", name)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    return None
