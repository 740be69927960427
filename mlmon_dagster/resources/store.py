"""The object store as a Dagster resource."""

from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from mlmon_dagster.adapters.local.object_store import FileObjectStore
from mlmon_dagster.lifecycle.outputs import Outputs


class StoreResource(dg.ConfigurableResource[Any]):
    """Versioned outputs of stages, in files under one folder."""

    folder: str = Field(description="folder of the embedded object store")

    def outputs(self) -> Outputs:
        """The outputs of every stage and window."""
        return Outputs(FileObjectStore(Path(self.folder)))
