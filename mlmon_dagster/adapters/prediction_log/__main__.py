"""The shipper: `python -m mlmon_dagster.adapters.prediction_log DIRECTORY DESTINATION` ships what is finished and ends.

It is a process of its own because converting to Parquet beside a server's event loop would hold its requests up.
"""

import dataclasses
import json
import os
import sys
from pathlib import Path

from mlmon_dagster.errors import MlmonError


def main(arguments: list[str]) -> int:
    """One line of JSON for every segment; a failure is one sentence on standard error and an exit code."""
    from mlmon_dagster.adapters.prediction_log.destinations import destination_of
    from mlmon_dagster.adapters.prediction_log.shipping import alone, ship

    if len(arguments) != 2:
        print("usage: python -m mlmon_dagster.adapters.prediction_log DIRECTORY DESTINATION", file=sys.stderr)
        return 2
    os.nice(10)
    directory = Path(arguments[0])
    try:
        with alone(directory) as nobody_else:
            if nobody_else:
                for shipped in ship(directory, destination_of(arguments[1])):
                    print(json.dumps(dataclasses.asdict(shipped)), flush=True)
    except MlmonError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"Error: {directory} cannot be shipped: {error}", file=sys.stderr)
        return 5
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
