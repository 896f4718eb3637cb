"""Tells whether a place is open at a given moment, on the clock of the place itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.directory.listing import WEEKDAYS, Opening, Place, Weekday

__all__ = ["Moment", "is_open", "time_zone"]

_OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>[01][0-9]|2[0-3]):(?P<minutes>[0-5][0-9])")
# The database's folders hold more than zones; only names of this form are looked up, and never a path.
_IANA = re.compile(r"[A-Z][A-Za-z0-9_+-]{1,30}(?:/[A-Z][A-Za-z0-9_+-]{1,30}){0,2}")


def time_zone(name: str) -> tzinfo | None:
    """The clock of an IANA name (`America/Toronto`) or an offset (`-05:00`); None when there is none."""
    offset = _OFFSET.fullmatch(name)
    if offset:
        distance = timedelta(hours=int(offset["hours"]), minutes=int(offset["minutes"]))
        return timezone(-distance if offset["sign"] == "-" else distance)
    if name == "UTC":
        return UTC
    if not _IANA.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


class Moment:
    """One moment on the wall clocks of several zones; each clock is read once, however many services ask."""

    def __init__(self, at: datetime) -> None:
        """Take an aware time."""
        self._at = at
        self._clocks: dict[str, tuple[str, str, Weekday, str, Weekday]] = {}

    def on_clock(self, zone: str) -> tuple[str, str, Weekday, str, Weekday]:
        """`HH:MM`, then date and weekday of that day, then of the day before, where the clock is `zone`."""
        read = self._clocks.get(zone)
        if read is None:
            # A zone that vanished from the system's database since the import must not stop the search.
            local = self._at.astimezone(time_zone(zone) or UTC)
            eve = local.date() - timedelta(days=1)
            read = (
                local.strftime("%H:%M"),
                local.date().isoformat(),
                WEEKDAYS[local.weekday()],
                eve.isoformat(),
                WEEKDAYS[eve.weekday()],
            )
            self._clocks[zone] = read
        return read


def is_open(place: Place, moment: Moment) -> bool | None:
    """Whether a place is open; None when its hours are not known for that day."""
    current = False
    for opening in place.openings:
        now, today, weekday, yesterday, weekday_before = moment.on_clock(opening.zone)
        overnight = opening.closes <= opening.opens
        if _runs_on(opening, today):
            current = True
            if weekday in opening.days and opening.opens <= now and (overnight or now < opening.closes):
                return True
        # The night that began yesterday belongs to yesterday's opening, even on its last day of validity.
        if overnight and now < opening.closes and weekday_before in opening.days and _runs_on(opening, yesterday):
            return True
    return False if current and place.hours_complete else None


def _runs_on(opening: Opening, day: str) -> bool:
    # Written YYYY-MM-DD, dates in the order of letters are in the order of time; so are hours.
    return (opening.valid_from or day) <= day <= (opening.valid_to or day)
