"""Time on the calendars of observations and of models."""

from datetime import UTC, datetime, timedelta, timezone

import cftime
import numpy as np
import pytest

from cloud_images.calendars import (
    canonical_calendar,
    datetime_of_seconds,
    seconds_of_dates,
    seconds_of_datetime,
    seconds_of_times,
    show_time,
)


def day(year: int, month: int, date: int, calendar: str) -> float:
    return seconds_of_dates(np.array([year]), np.array([month]), np.array([date]), calendar)[0]


@pytest.mark.parametrize(
    ("calendar", "days"), [("standard", 2), ("noleap", 1), ("all_leap", 2), ("360_day", 3), ("julian", 2)]
)
def test_days_from_28_february_to_1_march_2000_depend_on_the_calendar(calendar, days):
    assert day(2000, 3, 1, calendar) - day(2000, 2, 28, calendar) == days * 86400


@pytest.mark.parametrize(
    ("calendar", "date"),
    [
        ("standard", (2001, 2, 29)),
        ("noleap", (2000, 2, 29)),
        ("360_day", (2000, 1, 31)),
        ("standard", (2000, 13, 1)),
    ],
)
def test_dates_that_the_calendar_lacks_are_no_time(calendar, date):
    assert np.isnan(day(*date, calendar))


def test_decoded_times_come_back_with_their_calendar():
    seconds, calendar = seconds_of_times(np.array(["1987-04-10T06", "1969-12-31T23"], "datetime64[ns]"))
    assert (seconds.tolist(), calendar) == ([545032800.0, -3600.0], "standard")
    seconds, calendar = seconds_of_times(np.array([cftime.DatetimeNoLeap(1972, 3, 1, 12)]))
    assert calendar == "noleap"
    assert seconds[0] == (2 * 365 + 31 + 28 + 0.5) * 86400


def test_a_missing_time_is_not_a_number():
    seconds, _ = seconds_of_times(np.array(["NaT", "1970-01-01"], "datetime64[s]"))
    assert np.isnan(seconds[0])
    assert seconds[1] == 0


def test_a_date_only_a_model_has_runs_on_into_march():
    seconds = day(2001, 2, 30, "360_day") + 6 * 3600
    assert datetime_of_seconds(seconds, "360_day") == datetime(2001, 3, 2, 6, tzinfo=UTC)
    assert show_time(seconds, "360_day") == "2001-02-30 06:00 (360_day)"


def test_a_time_with_a_zone_is_turned_to_utc():
    tokyo = datetime(2007, 10, 3, 9, tzinfo=timezone(timedelta(hours=9)))
    assert seconds_of_datetime(tokyo, "standard") == datetime(2007, 10, 3, tzinfo=UTC).timestamp()


def test_a_border_that_the_calendar_lacks_is_refused():
    with pytest.raises(ValueError, match="2000-02-29 does not exist on the calendar noleap"):
        seconds_of_datetime(datetime(2000, 2, 29, tzinfo=UTC), "noleap")


def test_an_unknown_calendar_is_refused():
    with pytest.raises(ValueError, match="unknown calendar 'mayan'"):
        canonical_calendar("mayan")
