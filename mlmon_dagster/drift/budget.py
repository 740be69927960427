"""Alarm budgets: how many false alarms a person is willing to have, in place of a threshold."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

DAYS = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "quarter": 365.25 / 4, "year": 365.25}
"""How long a period is, in days."""

FORM = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,3})?) per (day|week|month|quarter|year)")

HIGHEST = 0.25
"""Share of windows above which false alarms are no budget any more."""


@dataclass(frozen=True)
class AlarmBudget:
    """So many false alarms in a period, on the average, while nothing drifts; written `1 per quarter`."""

    alarms: float
    period: str

    @classmethod
    def parse(cls, text: object) -> "AlarmBudget":
        """`ValueError` for anything but a number above 0 per day, week, month, quarter or year.

        >>> AlarmBudget.parse("1 per quarter").rate(7)
        0.0766...
        """
        found = FORM.fullmatch(text.strip()) if isinstance(text, str) else None
        if found is None or float(found[1]) <= 0:
            raise PydanticCustomError(
                "alarm_budget",
                "expected a number of false alarms per day, week, month, quarter or year, such as 1 per quarter; "
                "got {text}",
                {"text": repr(text)[:60]},
            )
        return cls(float(found[1]), found[2])

    def rate(self, window_days: float) -> float:
        """Share of windows of that length that may alarm though nothing drifts."""
        return self.alarms * window_days / DAYS[self.period]

    def __str__(self) -> str:
        return f"{self.alarms:g} per {self.period}"

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.parse)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: object, _handler: object) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{FORM.pattern}$"}
