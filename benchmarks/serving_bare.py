"""Our server without drift, metrics and log: what they cost is the difference. `serving_bare.py MODEL PORT`"""

import asyncio
import json
import socket
import sys
from pathlib import Path

import msgspec

from mlmon_dagster.adapters.mlflow.model_directory import load_model
from mlmon_dagster.serving.connections import Connections
from mlmon_dagster.serving.decoding import Decoders
from mlmon_dagster.serving.messages import Answer
from mlmon_dagster.serving.microbatch import MicroBatcher

encode = msgspec.json.Encoder().encode


class Bare:
    """Decodes, predicts, answers."""

    def __init__(self, directory: Path) -> None:
        self.model = load_model(directory)
        self.decoders = Decoders(self.model.inputs)
        import numpy as np

        self.batcher = MicroBatcher(lambda rows: self.model.rows.rows(np.array(rows, float)).tolist())

    def body_limit(self, path: str) -> int:
        return 16_000_000

    def count(self, request: object, status: int) -> None:
        pass

    def handle(self, request, reply) -> None:
        if request.path == "/ping":
            reply(Answer(b"{}"))
            return
        rows = self.decoders.split(request.body)
        if self.model.form.compiled:
            reply(Answer(encode({"predictions": [self.model.rows.row(rows[0])]})))
        else:
            self.batcher.add(rows[0], lambda found, error: reply(Answer(encode({"predictions": [found]}))))


async def main() -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", int(sys.argv[2])))
    listener.listen(2048)
    await Connections(Bare(Path(sys.argv[1]))).accept(listener)
    print(json.dumps({"port": sys.argv[2]}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
