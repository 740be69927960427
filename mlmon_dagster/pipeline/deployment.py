"""What stage 5 declares: how, and under which gate, a version enters each environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic_core import PydanticCustomError

from mlmon_dagster.pipeline.forms import HEADER, Period
from mlmon_dagster.pipeline.serving import Durability, RealtimeInferencing, WhenFull
from mlmon_dagster.plugins import CONFIG, PluginField
from mlmon_dagster.settings import ENVIRONMENTS

APPROVAL_FLOORS = {"dev": 0, "staging": 1, "prod": 2}
"""Approvals an environment needs at least (requirement 12.1); a pipeline may raise them, never lower them."""


@dataclass(frozen=True)
class Gate:
    """The conditions under which an environment opens to a model version."""

    __pydantic_config__ = CONFIG

    approvals: Annotated[
        int | None, Field(ge=0, le=20, description="distinct approvers; floor and default: dev 0, staging 1, prod 2")
    ] = None
    checks: Annotated[tuple[str, ...], Field(description="checks that must pass where the version runs now")] = ()
    maximum_age: Annotated[Period, Field(description="a promotion that is not opened in this time expires")] = "24h"
    soak: Annotated[
        Period | None, Field(description="how long the version must have been live in the environment before")
    ] = None
    monitored_within: Annotated[
        Period | None, Field(description="how old the checks' verdicts may be (default: three windows, a day at least)")
    ] = None
    tests: Annotated[
        tuple[str, ...], Field(description="tests that must have passed for the version where it runs now")
    ] = ()
    statuses: Annotated[tuple[str, ...], Field(description="statuses that the commit must have, such as CI's")] = ()


STEPS: Mapping[str, tuple[int | str, ...]] = {
    "direct": (100,),
    "rolling": (25, 50, 75, 100),
    "canary": (10, 100),
    "blue_green": (100,),
}
"""Strategy -> the shares of the traffic that a new version gets one after the other (requirement 12.4)."""

WATCH_SECONDS = 60
"""How long a new version is watched at each share, where the strategy is not `direct`."""

MAXIMUM_ERROR_RATE = 0.05
"""Error rate at which staging and prod roll back at the latest (requirement 12.6); a pipeline may lower it."""


@dataclass(frozen=True)
class EnvironmentDeployment:
    """How and under which gate a version is put on a target in one environment."""

    __pydantic_config__ = CONFIG

    target: Annotated[Any, PluginField("target")]
    strategy: Annotated[
        Literal["direct", "rolling", "canary", "blue_green"], Field(description="how traffic goes to the new version")
    ] = "direct"
    gate: Gate = field(default_factory=Gate)
    steps: Annotated[
        tuple[Annotated[int, Field(ge=1, le=100)] | Literal["shadow"], ...] | None,
        Field(
            description="shares of the traffic in percent, the last one 100; `shadow` first: copies of requests "
            "(default: direct and blue_green 100; canary 10, 100; rolling 25, 50, 75, 100)"
        ),
    ] = None
    watch_seconds: Annotated[
        int | None,
        Field(ge=0, le=86400, description="how long it is watched at each share (default: direct 0, else 60)"),
    ] = None
    rollback_error_rate: Annotated[
        float,
        Field(gt=0, le=1, description="error rate at which it is rolled back by itself; ceiling: 0.05, not in dev"),
    ] = MAXIMUM_ERROR_RATE
    minimum_requests: Annotated[
        int, Field(ge=1, description="requests it must have seen before their error rate counts")
    ] = 20
    sticky: Annotated[
        str | None,
        Field(pattern=HEADER, description="header whose value decides the version: the same caller meets the same one"),
    ] = None

    durability: Annotated[
        Durability | None, Field(description="what an answered prediction survives here (default: as `realtime` says)")
    ] = None
    when_full: Annotated[
        WhenFull | None,
        Field(description="what happens here while predictions cannot be logged (default: as `realtime` says)"),
    ] = None
    scenarios: Annotated[
        str | None,
        Field(
            description="drift detection is tested before the version gets traffic: a scenarios.yaml, or `reference` "
            "for records that are made from the model's"
        ),
    ] = None

    def __post_init__(self) -> None:
        shares = [step for step in self.steps or (100,) if step != "shadow"]
        ordered = shares == sorted(set(shares)) and shares[-1:] == [100]
        if not ordered or "shadow" in (self.steps or ())[1:]:
            raise ValueError("`steps` are shares that grow up to 100, such as [10, 50, 100]; `shadow` may come first")

    @property
    def shares(self) -> tuple[int | str, ...]:
        """The steps a new version goes through."""
        return self.steps or STEPS[self.strategy]

    def serving(self, realtime: RealtimeInferencing) -> RealtimeInferencing:
        """How servers of this environment keep predictions, where `realtime` says it for all; `ValueError`."""
        return replace(
            realtime,
            durability=self.durability or realtime.durability,
            when_full=self.when_full or realtime.when_full,
        )

    @property
    def watched_seconds(self) -> int:
        """How long it is watched at each of them."""
        if self.watch_seconds is None:
            return 0 if self.strategy == "direct" else WATCH_SECONDS
        return self.watch_seconds


@dataclass(frozen=True)
class ModelDeployment:
    """Stage 5: the three environments."""

    __pydantic_config__ = CONFIG

    dev: EnvironmentDeployment | None = None
    staging: EnvironmentDeployment | None = None
    prod: EnvironmentDeployment | None = None

    def __post_init__(self) -> None:
        for environment, declared in self.environments.items():
            if environment != "dev" and declared.rollback_error_rate > MAXIMUM_ERROR_RATE:
                message = "{environment} rolls back at an error rate of {ceiling} at the latest, got {rate}"
                facts = {
                    "environment": environment,
                    "ceiling": MAXIMUM_ERROR_RATE,
                    "rate": declared.rollback_error_rate,
                }
                raise PydanticCustomError(
                    "policy_floor", message, {**facts, "at": f"{environment}.rollback_error_rate"}
                )
            floor, approvals = APPROVAL_FLOORS[environment], declared.gate.approvals
            if approvals is not None and approvals < floor:
                message = (
                    "{environment} needs at least {floor} distinct approvals, got {approvals}: "
                    "a pipeline may raise this floor but not lower it"
                )
                facts = {"environment": environment, "floor": floor, "approvals": approvals}
                raise PydanticCustomError("policy_floor", message, {**facts, "at": f"{environment}.gate.approvals"})
        declared_names = list(self.environments)
        if not declared_names or declared_names != list(ENVIRONMENTS[: len(declared_names)]):
            raise ValueError(
                f"environments are entered in the order {', '.join(ENVIRONMENTS)}; "
                f"declared: {', '.join(declared_names) or 'none'}"
            )

    @property
    def environments(self) -> dict[str, EnvironmentDeployment]:
        """The declared environments, in the order of a promotion."""
        return {name: declared for name in ENVIRONMENTS if (declared := getattr(self, name)) is not None}
