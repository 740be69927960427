"""The destinations of shipped predictions."""

import pytest
from buckets import bucket_of

from mlmon_dagster.adapters.prediction_log.destinations import Folder


@pytest.fixture(scope="module")
def s3_port():
    """An AWS protocol server on a free port."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0)
    server.start()
    yield int(server.get_host_and_port()[1])
    server.stop()


@pytest.fixture(params=["folder", "bucket"])
def destination(request, tmp_path):
    if request.param == "folder":
        return Folder(tmp_path / "shipped")
    return bucket_of(request.getfixturevalue("s3_port"), request.node.name)
