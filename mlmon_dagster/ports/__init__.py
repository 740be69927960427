"""What the product needs from the outside world; adapters provide it, tests run one suite over all of them."""

from mlmon_dagster.ports.channels import Channel
from mlmon_dagster.ports.commits import CommitStatuses
from mlmon_dagster.ports.credentials import Credentials
from mlmon_dagster.ports.findings import Judgements, Measured, Metrics, Newest
from mlmon_dagster.ports.ledger import CheckpointStore, Ledger, Reading, Signer, Transaction
from mlmon_dagster.ports.objects import ObjectStore
from mlmon_dagster.ports.registry import ModelRegistry, ModelVersion
from mlmon_dagster.ports.repositories import CodeHost, PipelineRepository, ProposedChange, RemoteRepository, Updated
from mlmon_dagster.ports.sources import Engine, Rows, SourceReader
from mlmon_dagster.ports.targets import Guard, Placement, Serving, Shift, Target, Traffic

__all__ = [
    "Channel",
    "CheckpointStore",
    "CodeHost",
    "CommitStatuses",
    "Credentials",
    "Engine",
    "Guard",
    "Judgements",
    "Ledger",
    "Measured",
    "Metrics",
    "ModelRegistry",
    "ModelVersion",
    "Newest",
    "ObjectStore",
    "PipelineRepository",
    "Placement",
    "ProposedChange",
    "Reading",
    "RemoteRepository",
    "Rows",
    "Serving",
    "Shift",
    "Signer",
    "SourceReader",
    "Target",
    "Traffic",
    "Transaction",
    "Updated",
]
