"""Deployments at a desk."""

from dataclasses import dataclass

from mlmon_dagster.errors import BlockedError, MlmonError
from mlmon_dagster.governance.deployments import UNDER_WAY, Deployment
from mlmon_dagster.lifecycle.desk.answers import Recorded
from mlmon_dagster.lifecycle.desk.standing import Standing
from mlmon_dagster.lifecycle.rollbacks import roll_back
from mlmon_dagster.ports import Traffic


@dataclass(frozen=True)
class Deployments:
    """What was put on targets."""

    _at: Standing

    def list(
        self,
        pipeline: str | None = None,
        environment: str | None = None,
        state: str | None = None,
        *,
        newest: int | None = None,
        before: str | None = None,
    ) -> tuple[Deployment, ...]:
        """Deployments (if given the `newest`, of those before `before`), oldest first."""
        if pipeline is not None:
            self._at.declared(pipeline)
        return self._at.newest(Deployment, newest, before, pipeline=pipeline, environment=environment, state=state)

    def get(self, id: str) -> Deployment:
        """One deployment; `MissingError` names the live ones."""
        return self._at.one(Deployment, id, "deployment", state=(*UNDER_WAY, "live"))

    def health(self, id: str) -> str:
        """What the target says of a live deployment now; a target that serves something else is told."""
        one = self.get(id)
        if one.state != "live":
            return one.state
        try:
            pipeline = self._at.declared(one.pipeline).pipeline
            target = pipeline.stages.model_deployment.environments[one.environment].target
            serving = target.live(one.pipeline, one.environment, self._at.premises.settings)
        except KeyError:
            return "no longer declared"
        except MlmonError as error:
            return f"unknown: {error.message}"
        if serving is None:
            return "nothing serves"
        return str(serving.status) if serving.deployment == one.id else f"serves {serving.deployment}"

    def traffic(self, id: str) -> tuple[Traffic, ...]:
        """What the target runs in the deployment's environment, the live version first; empty where it cannot say."""
        one = self.get(id)
        try:
            pipeline = self._at.declared(one.pipeline).pipeline
            target = pipeline.stages.model_deployment.environments[one.environment].target
            return tuple(target.traffic(one.pipeline, one.environment, self._at.premises.settings))
        except (KeyError, MlmonError):
            return ()

    def roll_back_from(self, id: str, version: int | None = None, *, reason: str) -> Recorded[Deployment]:
        """Rolls back the deployment that is live; `BlockedError` when this one is not."""
        one = self.get(id)
        if one.state != "live":
            raise BlockedError(f"{id} is {one.state}: only what is live can be rolled back")
        return self.roll_back(one.pipeline, one.environment, version, reason=reason)

    def roll_back(
        self, pipeline: str, environment: str, version: int | None = None, *, reason: str
    ) -> Recorded[Deployment]:
        """See `lifecycle.rollbacks.roll_back`."""
        declared = self._at.declared(pipeline)
        back = roll_back(
            self._at.governance,
            declared.pipeline,
            environment,
            settings=self._at.premises.settings,
            reason=reason,
            version=version,
            actor=self._at.actor,
            registry=self._at.premises.registry,
        )
        return self._at.recorded(back)
