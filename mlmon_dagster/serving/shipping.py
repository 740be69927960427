"""Starts the shipper from time to time: a process of its own, watched by the clock."""

import asyncio
import logging
import sys

from mlmon_dagster.serving.prediction_log import PredictionLog

SHIP_SECONDS = 60.0
LONGEST_SECONDS = 600.0
"""How long one run of the shipper may take before it is ended and tried again."""


async def ship_regularly(log: PredictionLog, destination: str, seconds: float = SHIP_SECONDS) -> None:
    """Ships finished segments until it is cancelled; whatever fails is counted, logged and tried again."""
    while True:
        await asyncio.sleep(seconds)
        if log.options.durability == "remote" or len(log.unshipped()) > 1:
            try:
                await ship_once(log, destination)
            except OSError as error:
                _failed(log, str(error))


async def ship_once(log: PredictionLog, destination: str) -> None:
    """One run of the shipper."""
    log.shipping.runs += 1
    command = [sys.executable, "-m", "mlmon_dagster.adapters.prediction_log", str(log.directory), destination]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        _, said = await asyncio.wait_for(process.communicate(), LONGEST_SECONDS)
    except asyncio.TimeoutError:
        _failed(log, f"the shipper took longer than {LONGEST_SECONDS:.0f} seconds")
    else:
        if process.returncode:
            _failed(log, said.decode(errors="replace").strip() or f"the shipper ended with {process.returncode}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _failed(log: PredictionLog, reason: str) -> None:
    log.shipping.failures += 1
    log.shipping.last_failure = reason
    logging.getLogger("mlmon.serving").error("predictions could not be shipped: %s", reason)
