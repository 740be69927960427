"""Loads the definitions of a module as a Dagster code server does; with `--tick SENSOR`, evaluates that sensor too."""

import argparse
import importlib
import sys
import time
import warnings

warnings.simplefilter("ignore")

import dagster as dg  # noqa: E402
from dagster._core.definitions.decorators.repository_decorator import repository  # noqa: E402, F401


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module")
    parser.add_argument("--tick", action="append", default=[])
    arguments = parser.parse_args()
    found = importlib.import_module(arguments.module).defs
    definitions: dg.Definitions = found if isinstance(found, dg.Definitions) else found()
    repository_def = definitions.get_repository_def()
    repository_def.get_all_jobs()
    for name in arguments.tick:
        with dg.DagsterInstance.ephemeral() as instance:
            sensor = repository_def.get_sensor_def(name)
            for attempt in ("first", "second"):
                context = dg.build_sensor_context(instance=instance, definitions=definitions)
                start = time.process_time()
                sensor.evaluate_tick(context)
                print(f"{name} {attempt} tick: {time.process_time() - start:.3f} CPU s", file=sys.stderr)


if __name__ == "__main__":
    main()
