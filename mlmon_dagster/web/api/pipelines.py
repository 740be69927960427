"""Pipelines: what is declared, and locks."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, StringConstraints

from mlmon_dagster.governance.locks import Lock
from mlmon_dagster.governance.pipelines import PipelineVersion
from mlmon_dagster.governance.proposals import Proposal
from mlmon_dagster.governance.runs import RunRequest
from mlmon_dagster.lifecycle.desk.pipelines import PipelinePage, PipelineSummary
from mlmon_dagster.pipeline.rules import AlertRule
from mlmon_dagster.web.cursor import Page, Paged
from mlmon_dagster.web.documents import AtDesk, recorded, with_receipt
from mlmon_dagster.web.etags import IfMatch, seen_tag
from mlmon_dagster.web.fields import Body, Document, EnvironmentName, Name, Reason, Text, WindowKey
from mlmon_dagster.web.route import GovernedRoute, takes

router = APIRouter(prefix="/pipelines", tags=["pipelines"], route_class=GovernedRoute)

LockRecorded = with_receipt(Lock)
RunRecorded = with_receipt(RunRequest)
ProposalRecorded = with_receipt(Proposal)


Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{6,64}$")]
"""A version's digest, or the beginning of it."""


class ChangeDocument(BaseModel):
    """One key that two versions declare differently; null stands for a key that is not there."""

    path: str
    stage: str | None
    before: Any
    after: Any


class Draft(Body):
    """A pipeline file, and why."""

    text: Annotated[Document, Field(examples=["pipeline: house_prices\nproject: pricing\n..."])]
    reason: Text = ""


class LockRequest(Body):
    """The stage to hold to its declaration."""

    stage: Name
    reason: Text = ""


class Run(Body):
    """Stages by the name of their asset, with the environment and window that they need."""

    stages: Annotated[list[Name], Field(min_length=1, max_length=9)]
    environment: EnvironmentName | None = None
    window: WindowKey | None = None
    reason: Text = ""


class UnlockRequest(Body):
    """The stage whose declaration may change, and why."""

    stage: Name
    reason: Reason


@router.get("", response_model=Page[PipelineSummary], **takes("see"))
def list_pipelines(at: AtDesk, paging: Paged, project: Name | None = None) -> Any:
    """Declared pipelines by name, of one project if it is given."""
    return paging.page(at.pipelines.list(project), lambda one: one.name)


@router.post("", status_code=202, response_model=ProposalRecorded, **takes("create"))
def propose_pipeline(at: AtDesk, body: Draft) -> Any:
    """Proposes a new pipeline: its file is validated and waits on a branch of its Git repository to be merged.

    Git owns pipeline files. Where the repository is connected at GitHub, a pull request is opened.
    """
    return recorded(at.pipelines.propose(body.text, reason=body.reason))


@router.get("/{pipeline}", response_model=PipelinePage, **takes("see"))
def get_pipeline(at: AtDesk, response: Response, pipeline: Name) -> Any:
    """One pipeline with everything its file says; its `ETag` is what a change of it names."""
    found = at.pipelines.get(pipeline)
    response.headers["ETag"] = f'"{found.digest}"'
    return found


@router.put("/{pipeline}", status_code=202, response_model=ProposalRecorded, **takes("create"))
def propose_change(at: AtDesk, pipeline: Name, body: Draft, if_match: IfMatch = None) -> Any:
    """Proposes another file for the pipeline as it was seen (`If-Match`), as `POST /pipelines` does.

    409 `LOCKED` when it changes a locked stage. What is declared stays as it is until the branch is merged.
    """
    return recorded(at.pipelines.propose(body.text, name=pipeline, reason=body.reason, seen=seen_tag(if_match)))


@router.get("/{pipeline}/proposals", response_model=tuple[Proposal, ...], **takes("see"))
def list_proposals(at: AtDesk, pipeline: Name) -> Any:
    """What was proposed for it, newest first; whether it was merged, the versions show."""
    return at.pipelines.proposals(pipeline)[::-1]


@router.get("/{pipeline}/versions", response_model=tuple[PipelineVersion, ...], **takes("see"))
def list_pipeline_versions(at: AtDesk, pipeline: Name) -> Any:
    """Versions that governance has seen, with what each declared, newest first."""
    return at.pipelines.versions(pipeline)[::-1]


@router.get("/{pipeline}/diff", response_model=tuple[ChangeDocument, ...], **takes("see"))
def get_diff(at: AtDesk, pipeline: Name, before: Digest | None = None, after: Digest | None = None) -> Any:
    """What changed between two versions; by default from the one in prod to the one that is declared now."""
    found = at.pipelines.diff(pipeline, before, after)
    return [{"path": one.path, "stage": one.stage, "before": one.before, "after": one.after} for one in found]


@router.get("/{pipeline}/rules", response_model=dict[str, AlertRule], **takes("see"))
def list_rules(at: AtDesk, pipeline: Name) -> Any:
    """Alert rules that apply to its metrics, by name: the built-in ones and those its file declares."""
    return at.pipelines.rules(pipeline)


@router.get("/{pipeline}/runs", response_model=Page[RunRequest], **takes("see"))
def list_runs(at: AtDesk, paging: Paged, pipeline: Name) -> Any:
    """Runs that people asked for, newest first; Dagster's pages show what became of them (tag `mlmon/run`)."""
    return paging.page(at.runs.list(pipeline)[::-1], lambda one: one.id)


@router.post("/{pipeline}/run", status_code=202, response_model=RunRecorded, **takes("create"))
def run_pipeline(at: AtDesk, pipeline: Name, body: Run) -> Any:
    """Asks Dagster to run stages once; a sensor takes it up within seconds.

    Shared stages take the permission to create, those of an environment to deploy there; monitoring may be run by who
    answers for alerts. The deployment stage asks its gate, whoever asked for the run.
    """
    return recorded(at.runs.request(pipeline, body.stages, body.environment, body.window, reason=body.reason))


@router.get("/{pipeline}/locks", response_model=tuple[Lock, ...], **takes("see"))
def list_locks(at: AtDesk, pipeline: Name) -> Any:
    """Stages that are held to their declaration."""
    return at.pipelines.locks(pipeline)


@router.post("/{pipeline}/lock", response_model=LockRecorded, **takes("lock"))
def lock_stage(at: AtDesk, pipeline: Name, body: LockRequest) -> Any:
    """Locks a stage: a change of its declaration closes the gates of staging and prod."""
    return recorded(at.pipelines.lock(pipeline, body.stage, reason=body.reason))


@router.post("/{pipeline}/unlock", response_model=LockRecorded, **takes("unlock"))
def unlock_stage(at: AtDesk, pipeline: Name, body: UnlockRequest) -> Any:
    """Lets a stage's declaration change; answers with the lock that was."""
    return recorded(at.pipelines.unlock(pipeline, body.stage, reason=body.reason))
