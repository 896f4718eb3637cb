"""Finds the services that fit what a caseworker asks, and says why; nothing is kept of the question."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Final, Literal, NamedTuple, get_args

from pydantic import AfterValidator, Field, StringConstraints

from consent.vocabulary import NEEDS, NeedCode, PurposeCode
from gateway.directory.hours import Moment, is_open
from gateway.directory.languages import language_code
from gateway.directory.listing import AccessibilityCode, Latitude, ListedService, Longitude, Place
from gateway.directory.matching import WordIndex, folded, phrase_of, words_of
from keys.documents import Document, Listing, fault

__all__ = ["REASONS", "DirectoryIndex", "Match", "MatchReason", "Near", "ServiceQuery", "search"]

MatchReason = Literal["text", "need", "purpose", "territory", "language", "accessibility", "open-now", "partner"]
REASONS: Final[tuple[MatchReason, ...]] = get_args(MatchReason)
"""Why a service fits, in words under `directory.reason`."""

_EARTH_RADIUS = 6_371_009  # metres, mean radius of WGS 84
_MILLION = 1_000_000
_NAME, _OTHER_NAME, _DESCRIPTION = 4, 2, 1  # what a word is worth where it is found


def _with_words(text: str) -> str:
    if not words_of(text):
        raise fault("query-without-words")
    return text


def _language(tag: str) -> str:
    code = language_code(tag)
    if code is None:
        raise fault("bad-language")
    return code


_Text = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_with_words)]


class Near(Document):
    """A point to measure from, in millionths of a degree (WGS 84): best a station, never a home."""

    latitude: Latitude
    longitude: Longitude


class ServiceQuery(Document):
    """The body of `POST /v1/services/search` (PROTOCOL §6): members narrow the search, none is required.

    `open_now` and `near` only put the best first; unknown hours or an unknown position hide nothing.
    """

    text: _Text | None = None
    need: NeedCode | None = None
    purpose: PurposeCode | None = None
    territory: _Text | None = None
    language: Annotated[str, StringConstraints(max_length=35), AfterValidator(_language)] | None = None
    accessibility: Annotated[Listing[AccessibilityCode], Field(max_length=8)] = ()
    open_now: bool = False
    partner_only: bool = False
    near: Near | None = None
    limit: Annotated[int, Field(ge=1, le=50)] = 20


class Match(Document):
    """One service found: the place meant, why it fits, whether it is open (absent: unknown) and how far.

    `distance` is in metres, as the crow flies; absent when not asked for or when the place tells no position.
    """

    service: ListedService
    place: Place
    reasons: Listing[MatchReason]
    open_now: bool | None = None
    distance: int | None = None


class DirectoryIndex:
    """The active services of a directory, held in memory and ready to be searched; built once per import.

    `services` are in the order of their names; `areas` holds, for each, the phrases of what it serves.
    """

    def __init__(self, services: Iterable[ListedService]) -> None:
        """Index the services; those that are closed, for now or for good, are left out."""
        active = (service for service in services if service.status == "active")
        self.services = tuple(sorted(active, key=lambda service: (folded(service.name), service.id)))
        self.areas = tuple(_areas(service) for service in self.services)
        self._words = WordIndex(_texts(service) for service in self.services)
        self._by_need: dict[str, list[int]] = {}
        for rank, service in enumerate(self.services):
            for need in service.needs:
                self._by_need.setdefault(need, []).append(rank)

    def ranks(self, query: ServiceQuery) -> Iterator[tuple[int, int]]:
        """The ranks in `services` that the words and the need of a query leave, each with its relevance."""
        if query.text is None:
            ranks = range(len(self.services)) if query.need is None else self._by_need.get(query.need, [])
            yield from ((rank, 0) for rank in ranks)
            return
        for rank, relevance in self._words.find(query.text).items():
            if query.need is None or query.need in self.services[rank].needs:
                yield rank, relevance


class _Candidate(NamedTuple):
    """A service that fits, in the order of an answer: no two have the same rank, so places are never compared."""

    openness: int
    distance: float
    irrelevance: int
    rank: int
    place: Place


def search(index: DirectoryIndex, query: ServiceQuery, at: datetime) -> tuple[Match, ...]:
    """The services that fit a query at a moment, best first, at most `query.limit` of them.

    In order: open before unknown before closed when asked for; then nearest when `near` is given; then by
    relevance of the words; then by name. Pure: the same question at the same time has the same answer.
    """
    moment = Moment(at)
    best = heapq.nsmallest(query.limit, _candidates(index, query, moment))
    return tuple(_match(index, candidate, query, moment) for candidate in best)


def _texts(service: ListedService) -> Iterator[tuple[str, int]]:
    yield service.name, _NAME
    yield service.organisation_name or "", _OTHER_NAME
    yield service.description, _DESCRIPTION
    # The needs in both languages, so that “shelter” finds a “refuge” and the other way round.
    for code in service.needs:
        yield NEEDS[code].fr, _OTHER_NAME
        yield NEEDS[code].en, _OTHER_NAME


def _areas(service: ListedService) -> tuple[str, ...]:
    """Where a service is given: the areas it names and its partner's territory, as phrases."""
    territory = (service.organisation.partition("@")[2],) if service.organisation else ()
    return tuple(phrase_of(area) for area in (*service.coverage, *territory))


def _candidates(index: DirectoryIndex, query: ServiceQuery, moment: Moment) -> Iterator[_Candidate]:
    """Each service that fits, at the best of its places that offer all that is asked."""
    territory = phrase_of(query.territory) if query.territory else ""
    wanted = frozenset(query.accessibility)
    for rank, relevance in index.ranks(query):
        service = index.services[rank]
        if _fits(service, query) and _may_serve(index.areas[rank], territory):
            places = [place for place in service.places if wanted <= set(place.accessibility)]
            if places:
                ordered = ((*_closeness(place, query, moment), number) for number, place in enumerate(places))
                openness, distance, number = min(ordered)
                yield _Candidate(openness, distance, -relevance, rank, places[number])


def _fits(service: ListedService, query: ServiceQuery) -> bool:
    return (
        (query.purpose is None or query.purpose in service.purposes)
        and (query.language is None or query.language in service.languages)
        and not (query.partner_only and service.organisation is None)
    )


def _may_serve(areas: tuple[str, ...], territory: str) -> bool:
    # A service that names no area is not hidden: the directory itself is that of a territory.
    return not areas or any(territory in area for area in areas)


def _closeness(place: Place, query: ServiceQuery, moment: Moment) -> tuple[int, float]:
    """How good a place is, the smaller the better: open, unknown or closed when asked for; then metres."""
    openness = {True: 0, None: 1, False: 2}[is_open(place, moment)] if query.open_now else 0
    return openness, _distance(query.near, place) if query.near else math.inf


def _distance(near: Near, place: Place) -> float:
    """Metres along a great circle (haversine formula); infinite when the place tells no position."""
    if place.latitude is None or place.longitude is None:
        return math.inf
    here, there = math.radians(near.latitude / _MILLION), math.radians(place.latitude / _MILLION)
    across = math.radians((place.longitude - near.longitude) / _MILLION)
    half = math.sin((there - here) / 2) ** 2 + math.cos(here) * math.cos(there) * math.sin(across / 2) ** 2
    # Rounding may pass 1 at the antipodes, where the arc sine would fail.
    return 2 * _EARTH_RADIUS * math.asin(math.sqrt(min(half, 1.0)))


def _match(index: DirectoryIndex, candidate: _Candidate, query: ServiceQuery, moment: Moment) -> Match:
    open_now = is_open(candidate.place, moment)
    territory = phrase_of(query.territory) if query.territory else ""
    holds: dict[MatchReason, bool] = {
        "text": query.text is not None,
        "need": query.need is not None,
        "purpose": query.purpose is not None,
        "territory": bool(territory) and any(territory in area for area in index.areas[candidate.rank]),
        "language": query.language is not None,
        "accessibility": bool(query.accessibility),
        "open-now": query.open_now and open_now is True,
        "partner": query.partner_only,
    }
    return Match(
        service=index.services[candidate.rank],
        place=candidate.place,
        reasons=tuple(reason for reason in REASONS if holds[reason]),
        open_now=open_now,
        distance=None if math.isinf(candidate.distance) else round(candidate.distance),
    )
