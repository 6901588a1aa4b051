"""Time on any CF calendar as seconds since 1970-01-01 of that calendar, so that differences are exact."""

from datetime import UTC, datetime, timedelta

import cftime
import numpy as np

STANDARD = "standard"
EPOCH = "seconds since 1970-01-01 00:00:00"

_NAMES = {
    "standard": STANDARD,
    "gregorian": STANDARD,
    "proleptic_gregorian": STANDARD,
    "noleap": "noleap",
    "365_day": "noleap",
    "all_leap": "all_leap",
    "366_day": "all_leap",
    "360_day": "360_day",
    "julian": "julian",
}


def canonical_calendar(name: str) -> str:
    """The CF calendar's one name here; raises ValueError for an unknown calendar.

    `standard` stands for the Gregorian calendars, which differ only before 1582.
    """
    try:
        return _NAMES[name.lower()]
    except KeyError:
        raise ValueError(f"unknown calendar {name!r}; known are {', '.join(_NAMES)}") from None


def seconds_of_dates(years: np.ndarray, months: np.ndarray, days: np.ndarray, calendar: str) -> np.ndarray:
    """Midnights of dates → seconds on the calendar, float64 (N,); NaN where there is no such date.

    years, months, days: (N,) integers. E.g. 30 February exists on the calendar `360_day` only. Years are
    1 to 9999, as a release can write no others.
    """
    dates = np.stack([np.asarray(part, np.int64) for part in (years, months, days)], axis=1)
    distinct, inverse = np.unique(dates, axis=0, return_inverse=True)
    seconds = np.array(
        [_midnight(year, month, day, calendar) for year, month, day in distinct.tolist()], np.float64
    )
    return seconds[inverse.reshape(-1)]


def _midnight(year: int, month: int, day: int, calendar: str) -> float:
    if not 1 <= year <= 9999:
        return np.nan
    name = "proleptic_gregorian" if calendar == STANDARD else calendar
    try:
        date = cftime.datetime(year, month, day, calendar=name)
    except ValueError:
        return np.nan
    return float(cftime.date2num(date, EPOCH, calendar=name))


def seconds_of_times(times: np.ndarray) -> tuple[np.ndarray, str]:
    """Decoded CF times, (N,) datetime64 or cftime objects → seconds, float64 (N,), and their calendar."""
    if np.issubdtype(times.dtype, np.datetime64):
        whole = times.astype("datetime64[s]")
        fraction = (times - whole) / np.timedelta64(1, "s")
        seconds = np.where(np.isnat(times), np.nan, whole.astype(np.int64) + fraction)
        return seconds, STANDARD
    calendar = canonical_calendar(times.flat[0].calendar)
    name = "proleptic_gregorian" if calendar == STANDARD else calendar
    stamps = [cftime.datetime(*time.timetuple()[:6], time.microsecond, calendar=name) for time in times.flat]
    return np.asarray(cftime.date2num(stamps, EPOCH, calendar=name), np.float64), calendar


def seconds_of_datetime(time: datetime, calendar: str) -> float:
    """A date and time (UTC where it names no zone) → its seconds on the calendar; ValueError if not in it."""
    if time.tzinfo is not None:
        time = time.astimezone(UTC)
    midnight = _midnight(time.year, time.month, time.day, calendar)
    if np.isnan(midnight):
        raise ValueError(f"{time:%Y-%m-%d} does not exist on the calendar {calendar} of the fields")
    return midnight + time.hour * 3600 + time.minute * 60 + time.second + time.microsecond / 1e6


def datetime_of_seconds(seconds: float, calendar: str) -> datetime:
    """Seconds on the calendar → the Gregorian date and time (UTC) of the same name, to the second.

    A date that only a model's calendar has (29 and 30 February of `360_day`) runs on into March, so that no
    frame is lost: 30 February is written as 1 or 2 March.
    """
    if calendar == STANDARD:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=round(seconds))
    date = cftime.num2date(round(seconds), EPOCH, calendar=calendar)
    first = datetime(date.year, date.month, 1, date.hour, date.minute, date.second, tzinfo=UTC)
    return first + timedelta(days=date.day - 1)


def show_time(seconds: float, calendar: str) -> str:
    """Seconds on the calendar as text for messages, with the calendar's own date: `1987-04-10 06:00`."""
    if calendar == STANDARD:
        return f"{datetime_of_seconds(seconds, calendar):%Y-%m-%d %H:%M}"
    date = cftime.num2date(round(seconds), EPOCH, calendar=calendar)
    return f"{date.year:04d}-{date.month:02d}-{date.day:02d} {date.hour:02d}:{date.minute:02d} ({calendar})"
