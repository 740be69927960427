"""Loads the definitions of a module as a Dagster code server does; with `--tick SENSOR`, evaluates that sensor too.

The CPU seconds of a sensor's second tick (the first one imports) are printed as one JSON object.
"""

import argparse
import importlib
import json
import time
import warnings

warnings.simplefilter("ignore")

import dagster as dg  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module")
    parser.add_argument("--tick", action="append", default=[])
    arguments = parser.parse_args()
    found = importlib.import_module(arguments.module).defs
    definitions: dg.Definitions = found if isinstance(found, dg.Definitions) else found()
    repository = definitions.get_repository_def()
    repository.get_all_jobs()
    print(json.dumps({name: ticked(definitions, repository.get_sensor_def(name)) for name in arguments.tick}))


def ticked(definitions: dg.Definitions, sensor: dg.SensorDefinition) -> float:
    """CPU seconds of the sensor's second tick."""
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(
            instance=instance, definitions=definitions, resources=dict(definitions.resources or {})
        ) as context,
    ):
        sensor.evaluate_tick(context)
        start = time.process_time()
        sensor.evaluate_tick(context)
        return time.process_time() - start


if __name__ == "__main__":
    main()
