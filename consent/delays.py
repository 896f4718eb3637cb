"""How long the owner of a referral has to answer, and the moment by which that is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Literal, Self

__all__ = ["AnswerDelay"]

DelayUnit = Literal["minute", "hour", "business day"]
_UNITS: Final[dict[str, DelayUnit]] = {"minute": "minute", "hour": "hour", "business day": "business day"}
_WRITTEN: Final = re.compile(r"([1-9]\d{0,2}) (minute|hour|business day)s?", re.ASCII)
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class AnswerDelay:
    """A number of minutes, hours or business days, from the agreement or the priority (PRODUCT §5)."""

    amount: int
    unit: DelayUnit

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `15 minutes`, `4 hours` or `5 business days` (1 to 999); raises `ValueError` otherwise."""
        match = _WRITTEN.fullmatch(text)
        if match is None:
            raise ValueError
        return cls(int(match[1]), _UNITS[match[2]])

    def __str__(self) -> str:
        return f"{self.amount} {self.unit}{'s' if self.amount > 1 else ''}"

    def after(self, moment: datetime, zone: tzinfo) -> datetime:
        """The moment, in UTC, by which to answer what came at `moment` (a time with its offset).

        Business days are Monday to Friday in the agreement's time zone, and the answer is due at the same
        local hour; public holidays are not known here and count as days.
        """
        if self.unit == "minute":
            return moment.astimezone(UTC) + timedelta(minutes=self.amount)
        if self.unit == "hour":
            return moment.astimezone(UTC) + timedelta(hours=self.amount)
        local, left = moment.astimezone(zone), self.amount
        while left:
            local += timedelta(days=1)
            if local.weekday() < _SATURDAY:
                left -= 1
        return local.astimezone(UTC)
