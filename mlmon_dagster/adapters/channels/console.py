"""The channel `console`."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlmon_dagster.adapters.channels._post import AtLeast
from mlmon_dagster.errors import UnavailableError


@dataclass(frozen=True)
class Console:
    """Writes alerts to standard error of the process that raises them: for a first look, and for logs."""

    at_least: AtLeast = "info"

    def send(self, title: str, body: str, facts: Mapping[str, Any]) -> None:
        """One block: title, body, facts; `UnavailableError` when standard error is closed."""
        lines = [f"ALERT {title}", f"  {body}", *(f"  {name}: {value}" for name, value in facts.items() if value)]
        try:
            sys.stderr.write("\n".join(lines) + "\n")
            sys.stderr.flush()
        except (OSError, ValueError) as error:
            raise UnavailableError(f"console: standard error cannot be written ({error})") from error
