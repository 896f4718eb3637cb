"""Reads where a service is given, and when, from HSDS locations; never who works there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from gateway.directory.listing import MAX_NAME, MAX_NOTE, Place
from gateway.directory.reader import Node
from gateway.directory.schedules import Hours, read_hours
from gateway.directory.taxonomies import accessibility_of

__all__ = ["read_places"]

_MILLION: Final = 1_000_000
# `attention` is left out: it is the name of a person.
_ADDRESS = ("address_1", "address_2", "city", "state_province", "postal_code")


def read_places(service: Node, *, zone: str) -> tuple[Place, ...]:
    """The places of an HSDS 3.0 service, at least one; a service without location gets one without address.

    The hours of a service at a location come before those of the service, and these before the building's.
    """
    at_locations = list(service.items("service_at_locations"))
    if not at_locations:
        return (_place(None, read_hours(service.items("schedules"), location=None, zone=zone)),)
    places = []
    for at_location in at_locations:
        location = at_location.member("location")
        # All three are read before one is chosen, so that a fault in any of them is told.
        told = [
            read_hours(node.items("schedules"), location=location, zone=zone)
            for node in (at_location, service, location)
            if node is not None
        ]
        hours = next((hours for hours in told if hours != Hours()), Hours())
        places.append(_place(location, hours))
    return tuple(places)


def _place(location: Node | None, hours: Hours) -> Place:
    if location is None:
        return Place(openings=hours.openings, hours_complete=hours.complete, hours_note=hours.note)
    latitude = location.number("latitude", -90, 90)
    longitude = location.number("longitude", -180, 180)
    if (latitude is None) != (longitude is None):
        raise location.error("missing-field", "latitude" if latitude is None else "longitude")
    accessibility = list(location.items("accessibility"))
    codes = [code for node in (location, *accessibility) for code in accessibility_of(node)]
    return Place(
        name=location.text("name", longest=MAX_NAME, cut=True),
        address=_address(location),
        latitude=None if latitude is None else round(latitude * _MILLION),
        longitude=None if longitude is None else round(longitude * _MILLION),
        accessibility=tuple(dict.fromkeys(codes)),
        accessibility_note=_joined(_notes(accessibility)),
        openings=hours.openings,
        hours_complete=hours.complete,
        hours_note=hours.note,
    )


def _address(location: Node) -> str | None:
    """Where to go, on one line: the first address that is not only for letters."""
    for address in location.items("addresses"):
        if address.text("address_type", longest=MAX_NAME) != "postal":
            parts = [address.text(name, longest=MAX_NAME, cut=True) for name in _ADDRESS]
            return _joined(dict.fromkeys(part for part in parts if part), ", ")
    return None


def _notes(accessibility: Iterable[Node]) -> Iterator[str]:
    for node in accessibility:
        for name in ("description", "details"):
            text = node.text(name, longest=MAX_NOTE, cut=True)
            if text:
                yield text


def _joined(parts: Iterable[str], separator: str = " · ") -> str | None:
    text = separator.join(parts)
    return f"{text[: MAX_NOTE - 1]}…" if len(text) > MAX_NOTE else text or None
