"""The shipper: `python -m mlmon_dagster.adapters.prediction_log DIRECTORY DESTINATION` ships what is finished and ends.

It is a process of its own because converting to Parquet beside a server's event loop would hold its requests up.
"""

import dataclasses
import json
import os
import sys
from datetime import datetime, timezone
from pathlib import Path

from mlmon_dagster.errors import MlmonError


def main(arguments: list[str]) -> int:
    """One line of JSON for every file that was made; a failure is one sentence on standard error and an exit code."""
    from mlmon_dagster.adapters.prediction_log.destinations import destination_of
    from mlmon_dagster.adapters.prediction_log.remote import gather
    from mlmon_dagster.adapters.prediction_log.shipping import alone, ship

    if len(arguments) != 2:
        print("usage: python -m mlmon_dagster.adapters.prediction_log DIRECTORY DESTINATION", file=sys.stderr)
        return 2
    os.nice(10)
    directory = Path(arguments[0])
    try:
        with alone(directory) as nobody_else:
            if nobody_else:
                destination = destination_of(arguments[1])
                for shipped in ship(directory, destination):
                    print(json.dumps(dataclasses.asdict(shipped)), flush=True)
                for gathered in gather(destination, datetime.now(timezone.utc)):
                    print(json.dumps(dataclasses.asdict(gathered)), flush=True)
    except MlmonError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"Error: {directory} cannot be shipped: {error}", file=sys.stderr)
        return 5
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
