"""`python -m mlmon_dagster.routing FOLDER [FD]`: supervises an environment's router and versions.

`FD` is the listening socket where one is inherited; without it the port of `routes.json` is bound.
"""

import os
import sys
from pathlib import Path

from mlmon_dagster.errors import MlmonError
from mlmon_dagster.settings import unknown_variables


def main() -> int:
    """Runs until the environment has nothing to run; a failure is one sentence on standard error and an exit code."""
    from mlmon_dagster.routing.keeper import Keeper

    for sentence in unknown_variables(os.environ):
        print(f"Warning: {sentence}", file=sys.stderr)
    try:
        Keeper(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None).run()
    except MlmonError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
