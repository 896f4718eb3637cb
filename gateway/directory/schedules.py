"""Reads weekly opening hours from HSDS schedules, and admits it when a schedule cannot be followed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from gateway.directory.hours import time_zone
from gateway.directory.listing import MAX_NAME, MAX_NOTE, WEEKDAYS, Opening, Weekday
from gateway.directory.reader import Node

__all__ = ["TIME_ZONE", "Hours", "read_hours"]

TIME_ZONE = "time-zone"
"""The `link_type` of the attribute of a schedule or location whose `value` is an IANA name: HSDS 3.0 itself
knows only offsets from UTC, which are wrong half the year wherever clocks change."""

_BYDAY = re.compile(r"(?P<number>[+-]?[0-9]{1,2})?(?P<day>[A-Z]{2})")
_DATE = re.compile(r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:T.*)?")
_TIME = re.compile(r"(?P<wall>[0-9]{1,2}:[0-5][0-9])(?::[0-9]{2})?(?P<offset>Z|[+-][0-9]{2}:[0-9]{2})?")
_LAST_MINUTE = "23:59"
_TEXT = 40
# Members of RFC 5545 rules that narrow a weekly rhythm further than `Opening` can tell.
_NARROWING = ("count", "byweekno", "bymonthday", "byyearday")


@dataclass(frozen=True, slots=True)
class Hours:
    """What the schedules of one place tell: see `Place` for `complete`."""

    openings: tuple[Opening, ...] = ()
    complete: bool = True
    note: str | None = None


def read_hours(schedules: Iterable[Node], *, location: Node | None, zone: str) -> Hours:
    """The hours told by HSDS 3.0 schedules (RFC 5545 rules); `zone` is the clock when the source names none.

    Raises `MalformedError` (bad-opening-time, bad-date, unknown-code, time-zone-unknown) with the pointer.
    """
    openings: list[Opening] = []
    notes: dict[str, None] = {}
    complete = True
    place_zone = _named_zone(location) if location else None
    for schedule in schedules:
        opening = _opening(schedule, place_zone, zone)
        if opening is None:
            complete = False
        else:
            openings.append(opening)
        note = schedule.text("description", longest=MAX_NOTE, cut=True)
        if note:
            notes[note] = None
    text = " · ".join(notes)
    return Hours(tuple(openings), complete, _shortened(text))


def _shortened(text: str) -> str | None:
    return f"{text[: MAX_NOTE - 1]}…" if len(text) > MAX_NOTE else text or None


def _opening(schedule: Node, place_zone: str | None, default_zone: str) -> Opening | None:
    """One schedule as weekly hours, or None when it follows another rhythm or tells too little."""
    starts = [_day(schedule, name) for name in ("valid_from", "dtstart")]
    ends = [_day(schedule, name) for name in ("valid_to", "until")]
    opens, opens_offset = _time(schedule, "opens_at")
    closes, closes_offset = _time(schedule, "closes_at")
    # The most exact source of the clock first; an offset beside the hour is part of the hour. All are read, so that
    # a slip in one is told even when another is used.
    zones = (opens_offset, _named_zone(schedule), place_zone, _numbered_zone(schedule), default_zone)
    days = _weekdays(schedule)
    if not _is_weekly(schedule) or not days or opens is None or closes is None or opens_offset != closes_offset:
        return None
    return Opening(
        days=days,
        opens=opens,
        # A day said to end at its last minute is meant to be whole.
        closes="24:00" if closes == _LAST_MINUTE else closes,
        zone=next(zone for zone in zones if zone),
        valid_from=max(filter(None, starts), default=None),
        valid_to=min(filter(None, ends), default=None),
    )


def _is_weekly(schedule: Node) -> bool:
    frequency = schedule.text("freq", longest=_TEXT)
    if frequency not in (None, "WEEKLY", "MONTHLY"):
        raise schedule.error("unknown-code", "freq")
    interval = schedule.number("interval", 1, 1000)
    return frequency != "MONTHLY" and interval in (None, 1) and not any(map(schedule.has, _NARROWING))


def _weekdays(schedule: Node) -> tuple[Weekday, ...]:
    """The days of `byday`; none when one is numbered (“2MO”, the second Monday), which no week can tell."""
    text = schedule.text("byday", longest=MAX_NAME) or ""
    parts = [_BYDAY.fullmatch(part.strip()) for part in text.split(",")] if text else []
    days = [next((day for day in WEEKDAYS if part and day == part["day"]), None) for part in parts]
    if None in days:
        raise schedule.error("unknown-code", "byday")
    if any(part and part["number"] for part in parts):
        return ()
    return tuple(day for day in WEEKDAYS if day in days)


def _time(schedule: Node, name: str) -> tuple[str | None, str | None]:
    text = schedule.text(name, longest=_TEXT)
    if text is None:
        return None, None
    match = _TIME.fullmatch(text)
    wall = match["wall"].zfill(5) if match else ""
    offset = match["offset"] and match["offset"].replace("Z", "UTC") if match else None
    # 24:00 ends a day and begins none.
    last = _LAST_MINUTE if name == "opens_at" else "24:00"
    if not "00:00" <= wall <= last or (offset and time_zone(offset) is None):
        raise schedule.error("bad-opening-time", name)
    return wall, offset


def _day(schedule: Node, name: str) -> str | None:
    text = schedule.text(name, longest=_TEXT)
    if text is None:
        return None
    match = _DATE.fullmatch(text)
    try:
        return date.fromisoformat(match["day"] if match else "").isoformat()
    except ValueError:
        raise schedule.error("bad-date", name) from None


def _named_zone(node: Node) -> str | None:
    for attribute in node.items("attributes"):
        if attribute.text("link_type", longest=MAX_NAME, cut=True) == TIME_ZONE:
            name = attribute.required_text("value", longest=MAX_NAME)
            if time_zone(name) is None:
                raise attribute.error("time-zone-unknown", "value")
            return name
    return None


def _numbered_zone(schedule: Node) -> str | None:
    """HSDS `timezone`: hours ahead of UTC, as a number."""
    hours = schedule.number("timezone", -14, 14)
    if hours is None:
        return None
    minutes = round(abs(hours) * 60)
    return f"{'-' if hours < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
