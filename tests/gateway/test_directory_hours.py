"""Opening hours: read from foreign schedules, and judged on the clock of the place, never guessed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.directory.hours import Moment, is_open, time_zone
from gateway.directory.listing import WEEKDAYS, Opening, Place, Weekday
from tests.gateway.hsds_rows import Row, imported, location, service, weekly, zone

ALL = "MO,TU,WE,TH,FR,SA,SU"
# The first of March 2026 is a Sunday; on the eighth, clocks go forward in Québec.


def _open(row: Row, *at: int) -> bool | None:
    """Whether a place in Laval with this one schedule is open at a UTC time."""
    return _place_open(imported(service(schedules=[row])).places[0], *at)


def _place_open(place: Place, *at: int) -> bool | None:
    year, month, day, hour, minute = at
    return is_open(place, Moment(datetime(year, month, day, hour, minute, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("day", "hour", "minute", "expected"),
    [
        (2, 13, 59, False),  # Monday 08:59 in Laval
        (2, 14, 0, True),
        (2, 21, 59, True),
        (2, 22, 0, False),
        (7, 15, 0, False),  # Saturday
        (9, 12, 59, False),  # the Monday after the change: 09:00 is 13:00 UTC
        (9, 13, 0, True),
    ],
)
def test_hours_are_those_of_the_wall_clock(day: int, hour: int, minute: int, expected: bool) -> None:  # noqa: FBT001 a table's column
    """Open from the first minute to before the last, on the days named, summer and winter."""
    assert _open(weekly(), 2026, 3, day, hour, minute) is expected


@pytest.mark.parametrize(
    ("day", "hour", "expected"),
    [
        (2, 21, False),  # Monday 16:00
        (2, 22, True),  # Monday 17:00
        (3, 5, True),  # Tuesday midnight
        (3, 13, True),  # Tuesday 08:00: the night of Monday
        (3, 14, False),  # Tuesday 09:00
        (3, 23, False),  # Tuesday evening is not Monday
    ],
)
def test_a_night_belongs_to_the_day_it_began(day: int, hour: int, expected: bool) -> None:  # noqa: FBT001 a table's column
    """A shelter open on Mondays from 17:00 to 09:00 is open until Tuesday morning."""
    assert _open(weekly("MO", opens_at="17:00", closes_at="09:00"), 2026, 3, day, hour, 0) is expected


def test_the_last_night_of_a_season_lasts_until_morning() -> None:
    """The night that begins on the last day of validity counts; the next one is unknown, not closed."""
    row = weekly(ALL, opens_at="20:00", closes_at="06:00", valid_from="2026-03-01", valid_to="2026-03-02")
    assert _open(row, 2026, 3, 2, 2, 0) is True  # Sunday 21:00, the first night
    assert _open(row, 2026, 3, 1, 6, 0) is False  # Sunday 01:00, before the first night
    assert _open(row, 2026, 3, 3, 10, 0) is True  # Tuesday 05:00, the end of the last night
    assert _open(row, 2026, 3, 4, 2, 0) is None
    assert _open(row, 2026, 3, 1, 4, 0) is None  # Saturday evening, before the season


@pytest.mark.parametrize(("opens", "closes"), [("00:00", "24:00"), ("00:00", "23:59:59"), ("00:00", "0:00")])
def test_day_and_night_has_no_closed_minute(opens: str, closes: str) -> None:
    """The ways people write “all day” are all understood, to the last minute."""
    row = weekly(ALL, opens_at=opens, closes_at=closes)
    start = datetime(2026, 3, 2, tzinfo=UTC)
    place = imported(service(schedules=[row])).places[0]
    moments = (Moment(start + timedelta(minutes=number)) for number in range(0, 1440, 1))
    assert all(is_open(place, moment) for moment in moments)


@pytest.mark.parametrize(
    "changes",
    [
        {"freq": "MONTHLY", "byday": "2MO"},
        {"byday": "2MO"},
        {"interval": 2},
        {"count": 3},
        {"byweekno": "41"},
        {"bymonthday": "1"},
        {"byyearday": "1"},
        {"byday": None},
        {"opens_at": None},
        {"closes_at": None},
        {"opens_at": "09:00Z"},
    ],
)
def test_hours_we_cannot_follow_are_unknown_not_closed(changes: Row) -> None:
    """A rhythm other than weekly, or half a schedule, makes “closed” unknown and leaves “open” as it is."""
    assert _open({**weekly(ALL), **changes}, 2026, 3, 2, 17, 0) is None
    place = imported(service(schedules=[weekly(), {**weekly(), **changes}])).places[0]
    assert _place_open(place, 2026, 3, 2, 17, 0) is True
    assert _place_open(place, 2026, 3, 1, 17, 0) is None


def test_no_schedule_is_unknown() -> None:
    """A service that tells no hours is neither open nor closed; its words about hours are kept."""
    assert _place_open(imported(service(schedules=None)).places[0], 2026, 3, 2, 17, 0) is None
    place = imported(service(schedules=[{"description": "Le soir"}, {"description": "Le matin"}])).places[0]
    assert (place.openings, place.hours_note) == ((), "Le soir · Le matin")
    [place] = imported(service(schedules=[{"description": "h" * 400}, {"description": "i" * 400}])).places
    assert len(place.hours_note or "") == 500


@pytest.mark.parametrize(
    ("schedule", "at_location", "expected"),
    [
        ({"opens_at": "09:00-05:00", "closes_at": "17:00-05:00"}, {}, "-05:00"),
        ({"opens_at": "09:00:00Z", "closes_at": "17:00:00Z"}, {}, "UTC"),
        ({"attributes": [zone("Europe/Paris")]}, {}, "Europe/Paris"),
        ({"timezone": 3}, {}, "America/Toronto"),
        ({"timezone": -3.5}, {"attributes": []}, "-03:30"),
        ({"timezone": 0}, {"attributes": []}, "+00:00"),
        ({}, {"attributes": []}, "America/Montreal"),
    ],
)
def test_the_most_exact_clock_is_used(schedule: Row, at_location: Row, expected: str) -> None:
    """An offset beside the hour, then a named zone, then HSDS's number, then the clock of the directory."""
    row = service(schedules=[weekly(**schedule)], service_at_locations=[{"location": location(**at_location)}])
    [opening] = imported(row, clock="America/Montreal").places[0].openings
    assert opening.zone == expected


def test_the_hours_nearest_to_the_service_are_used() -> None:
    """Hours of a service at a location come before those of the service, and these before the building's."""
    at_location, of_service, of_building = (weekly(day) for day in ("MO", "TU", "WE"))
    whole = {"schedules": [at_location], "location": location(schedules=[of_building])}
    row = service(schedules=[of_service], service_at_locations=[whole])
    assert imported(row).places[0].openings[0].days == ("MO",)
    row = service(schedules=[of_service], service_at_locations=[{**whole, "schedules": None}])
    assert imported(row).places[0].openings[0].days == ("TU",)
    row = service(schedules=None, service_at_locations=[{**whole, "schedules": []}])
    assert imported(row).places[0].openings[0].days == ("WE",)
    assert imported(service(service_at_locations=None)).places[0].openings[0].zone == "UTC"


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "America", "../UTC", "/etc/localtime", "utc", "+24:00", "EST5\n"])
def test_what_is_no_clock_is_none(name: str) -> None:
    """Unknown names, folders and paths of the time zone database are no time zones."""
    assert time_zone(name) is None


def test_a_zone_that_vanished_does_not_stop_a_search() -> None:
    """When the system's database lost a zone after the import, hours are read in UTC rather than not at all."""
    opening = Opening(days=("MO",), opens="09:00", closes="17:00", zone="Mars/Olympus")
    assert _place_open(Place(openings=(opening,)), 2026, 3, 2, 10, 0) is True


@given(
    days=st.sets(st.sampled_from(WEEKDAYS), min_size=1),
    opens=st.integers(0, 1439),
    length=st.integers(1, 1440),
    minute=st.integers(0, 7 * 1440 - 1),
)
def test_hours_agree_with_a_count_of_minutes(days: set[Weekday], opens: int, length: int, minute: int) -> None:
    """For any weekly hours and any minute of a week, the answer is that of counting minutes one by one."""
    closes = (opens + length) % 1440
    opening = Opening(
        days=tuple(days),
        opens=f"{opens // 60:02d}:{opens % 60:02d}",
        closes=f"{closes // 60:02d}:{closes % 60:02d}",
        zone="UTC",
    )
    monday = datetime(2026, 3, 2, tzinfo=UTC)
    starts = [WEEKDAYS.index(day) * 1440 + opens for day in days]
    expected = any((minute - start) % (7 * 1440) < length for start in starts)
    found = is_open(Place(openings=(opening,)), Moment(monday + timedelta(minutes=minute)))
    assert found is expected
