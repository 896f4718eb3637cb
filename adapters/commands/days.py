"""A day as people type it, and the moment at which it is over."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from adapters.partner import Adapter
from keys.errors import MalformedError

__all__ = ["end_of_day"]

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def end_of_day(day: str, adapter: Adapter) -> datetime:
    """The moment a day (`YYYY-MM-DD`) is over, as the clocks of the agreement show it.

    Raises `MalformedError` (bad-date), also for a day at the ends of the calendar, which has no end in every zone.
    """
    agreements = adapter.agreements()
    zone = ZoneInfo(agreements[0].document.time_zone) if agreements else UTC
    try:
        begun = datetime.strptime(day if _DAY.fullmatch(day) else "", "%Y-%m-%d").replace(tzinfo=zone)
        return (begun + timedelta(days=1)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise MalformedError("bad-date") from None
