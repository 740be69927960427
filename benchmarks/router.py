"""What the local target's router costs: CPU of its process for each request, and latency beside the server alone.

python benchmarks/router.py [--requests 20000] [--connections 1,16]
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from batch import write
from run import keep

from mlmon_dagster.adapters.mlflow.manifest import verify
from mlmon_dagster.adapters.targets._process import ServerProcess, spawn
from mlmon_dagster.adapters.targets._routes import Route, Routes, write_routes

RECORD = json.dumps({f"x{place}": 0.5 for place in range(5)}).encode()
HEAD = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
REQUEST = HEAD % len(RECORD) + RECORD


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--connections", default="1,16")
    told = parser.parse_args()
    lines = [
        "| connections | server alone, p50 | through the router, p50 | CPU of the router | CPU of the server |",
        "|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        routes = Routes(0)
        for name in ("a", "b"):
            routes = routes.started(start(home, name))
        routes = routes.switched("a", keep=True).started(Route("b", "b", 2, "b")).shifted("b", 10)
        write_routes(home, routes)
        keeper = ServerProcess(home / "keeper")
        address = keeper.wait_ready(spawn("mlmon_dagster.routing", [str(home)], keeper.home), 20)
        while not (home / "router" / "server.json").exists():
            time.sleep(0.05)
        alone = ServerProcess(home / "a").address
        for connections in map(int, told.connections.split(",")):
            direct = asyncio.run(load(str(alone), told.requests, connections))
            before = {name: cpu(home / name) for name in ("router", "a", "b")}
            routed = asyncio.run(load(address, told.requests, connections))
            used = {name: (cpu(home / name) - before[name]) / told.requests * 1e6 for name in before}
            lines.append(
                f"| {connections} | {direct * 1e6:.0f} µs | {routed * 1e6:.0f} µs | {used['router']:.0f} µs"
                f" | {used['a'] + used['b']:.0f} µs |"
            )
            print(lines[-1], flush=True)
        keeper.end()
        for name in ("a", "b"):
            ServerProcess(home / name).stop()
    about = (
        "One linear model in two versions, 90 to 10; the client, which is slower than all of them, runs beside them."
    )
    keep("router", f"## The local target's router\n\n{about}\n\n" + "\n".join(lines), "make bench-router")


def start(home: Path, name: str) -> Route:
    """A server of a linear model."""
    process = ServerProcess(home / name)
    process.home.mkdir()
    write(process.home / "model", "linear")
    digest = verify(process.home / "model").digest
    served = {"model": "linear", "version": 1, "digest": digest}
    process.start({"served": served, "log_directory": str(home / "predictions")}, [])
    return Route(name, name, 1, digest)


async def load(address: str, requests: int, connections: int) -> float:
    """Median seconds from a request to its answer."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    seconds: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for _ in range(requests // connections):
            began = time.perf_counter()
            writer.write(REQUEST)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]))
            assert head.startswith(b"HTTP/1.1 200"), head
            seconds.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return statistics.median(seconds)


def cpu(home: Path) -> float:
    """CPU seconds that the process of a home has used."""
    fields = Path(f"/proc/{(home / 'running').read_text().strip()}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
