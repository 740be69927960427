"""The forms of the texts in a pipeline file: names, lengths of time, functions, and what each asks for in words."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from mlmon_dagster.pipeline.times import five_fields, not_above_ten_years

NAME, OWNER = r"^[a-z][a-z0-9_]*$", r"^(team:[A-Za-z0-9_./-]+|[^@\s]+@[^@\s]+\.[^@\s]+)$"
PERIOD, CALLABLE = r"^[1-9][0-9]{0,4}[mhdw]$", r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$"
HEADER = r"^[A-Za-z][A-Za-z0-9-]{0,63}$"
REPOSITORY = r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$"

FORMS: Mapping[str, str] = {
    NAME: "a name of lower-case letters, digits and _ that starts with a letter",
    OWNER: "team:name or an e-mail address",
    PERIOD: "a length of time such as 30m, 12h, 14d or 2w",
    CALLABLE: "module.path:function",
    HEADER: "the name of a header such as x-customer-id",
    REPOSITORY: "owner/name, as on GitHub",
}
"""Pattern -> what it asks for, in words."""

Name = Annotated[str, Field(pattern=NAME, max_length=64)]
Owner = Annotated[str, Field(pattern=OWNER)]
Share = Annotated[float, Field(ge=0, le=1)]
Period = Annotated[str, Field(pattern=PERIOD), AfterValidator(not_above_ten_years)]
CallableName = Annotated[str, Field(pattern=CALLABLE)]
Cron = Annotated[str, AfterValidator(five_fields)]
