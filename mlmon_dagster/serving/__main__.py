"""The process that a local target starts: `python -m mlmon_dagster.serving options.json`."""

import json
import os
import sys
from pathlib import Path

from mlmon_dagster.errors import MlmonError
from mlmon_dagster.settings import unknown_variables


def main() -> int:
    """Serves what the options file says; a failure is one sentence on standard error and an exit code."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads for one row cost more than they bring
    from mlmon_dagster.serving.durability import LogOptions
    from mlmon_dagster.serving.served import Bands, Served
    from mlmon_dagster.serving.server import ServerOptions, serve

    for sentence in unknown_variables(os.environ):
        print(f"Warning: {sentence}", file=sys.stderr)
    home = Path(sys.argv[1]).parent
    told = json.loads(Path(sys.argv[1]).read_text())
    log = LogOptions(Path(told["log_directory"]), **told.get("log", {}))
    model, bands = Path(told.get("model", home / "model")), Bands(**told.get("bands", {}))
    options = ServerOptions(model, Served(**told["served"]), log, bands=bands, home=home)
    try:
        serve(options, ready=lambda address: print(f"ready at {address}", flush=True))
    except MlmonError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
