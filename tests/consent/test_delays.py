"""The time agreed for an answer: how it is written, and the moment it makes."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.delays import AnswerDelay

LAVAL = ZoneInfo("America/Toronto")
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("text", ["1 minute", "15 minutes", "1 hour", "4 hours", "1 business day", "5 business days"])
def test_a_delay_is_read_and_written_alike(text: str) -> None:
    """A delay reads as people write it, and is written the same again."""
    assert str(AnswerDelay.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "0 hours", "-1 hour", "01 hours", "1000 hours", "4 days", "4  hours", "4 hours ", "٤ hours"]
)
def test_another_writing_is_refused(text: str) -> None:
    """No zero, no sign, no other unit, no other digits, no stray space."""
    with pytest.raises(ValueError, match=r"^$"):
        AnswerDelay.parse(text)


@pytest.mark.parametrize(
    ("text", "came", "due"),
    [
        # The clocks go back on Sunday 1 November 2026: the same local hour is another hour in UTC.
        ("5 business days", "2026-10-30T15:00-04:00", "2026-11-06T15:00-05:00"),
        ("1 business day", "2026-11-20T16:30-05:00", "2026-11-23T16:30-05:00"),
        ("1 business day", "2026-11-21T09:00-05:00", "2026-11-23T09:00-05:00"),
        ("2 business days", "2026-11-22T23:59-05:00", "2026-11-24T23:59-05:00"),
        # It is still Friday in Laval when it is already Saturday in UTC.
        ("1 business day", "2026-11-21T02:00+00:00", "2026-11-23T21:00-05:00"),
        ("4 hours", "2026-10-31T23:00-04:00", "2026-11-01T02:00-05:00"),
        ("15 minutes", "2026-11-21T23:50-05:00", "2026-11-22T00:05-05:00"),
    ],
)
def test_the_moment_of_the_answer(text: str, came: str, due: str) -> None:
    """Minutes and hours run day and night; business days are Monday to Friday where the agreement lives."""
    answer = AnswerDelay.parse(text).after(datetime.fromisoformat(came), LAVAL)
    assert answer == datetime.fromisoformat(due)
    assert answer.tzinfo is UTC


@given(
    st.integers(1, 60),
    st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - see timezones
)
def test_business_days_end_on_one(amount: int, came: datetime) -> None:
    """An answer in business days is never due at a weekend, and more days are never due earlier."""
    zone = timezone(timedelta(hours=-5))
    due = AnswerDelay(amount, "business day").after(came, zone)
    assert due.astimezone(zone).weekday() < 5
    assert came + timedelta(days=amount) <= due < AnswerDelay(amount + 1, "business day").after(came, zone)
