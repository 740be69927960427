"""Seasons: a window is compared with the part of the reference that lies at the same place of the day, week or year."""

from datetime import datetime
from typing import Literal, get_args

Season = Literal["hour_of_day", "hour_of_week", "day_of_week", "month_of_year"]

SEASONS: tuple[Season, ...] = get_args(Season)

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

PLACES: dict[Season, int] = {"hour_of_day": 24, "hour_of_week": 168, "day_of_week": 7, "month_of_year": 12}
"""How many places a season has."""

LONGEST_HOURS: dict[Season, int] = {"hour_of_day": 1, "hour_of_week": 1, "day_of_week": 24, "month_of_year": 31 * 24}
"""A window must not be longer, or it would lie at several places at once."""


def place(season: Season, moment: datetime) -> int:
    """The place of a moment (UTC), from 0; Monday and January come first.

    >>> place("hour_of_week", datetime(2026, 1, 6, 3))
    27
    """
    if season == "hour_of_day":
        return moment.hour
    if season == "month_of_year":
        return moment.month - 1
    return moment.weekday() if season == "day_of_week" else moment.weekday() * 24 + moment.hour


def place_name(season: Season, at: int) -> str:
    """A place as a person says it.

    >>> place_name("hour_of_week", 27)
    'Tuesday 03:00'
    """
    if season == "hour_of_day":
        return f"{at:02}:00"
    if season == "month_of_year":
        return datetime(2000, at + 1, 1).strftime("%B")
    return WEEKDAYS[at] if season == "day_of_week" else f"{WEEKDAYS[at // 24]} {at % 24:02}:00"
