"""Promotions at a desk."""

from dataclasses import dataclass

from mlmon_dagster.errors import DeniedError
from mlmon_dagster.governance.access import FRESH
from mlmon_dagster.governance.gates import GateVerdict
from mlmon_dagster.governance.overrides import Override
from mlmon_dagster.governance.promotions import PENDING, Approval, Promotion
from mlmon_dagster.lifecycle import promotions as commands
from mlmon_dagster.lifecycle.desk.answers import Recorded
from mlmon_dagster.lifecycle.desk.standing import Standing
from mlmon_dagster.lifecycle.overrides import break_glass
from mlmon_dagster.lifecycle.queries import gate_verdict


@dataclass(frozen=True)
class Promotions:
    """Requests to take versions into environments."""

    _at: Standing

    def list(
        self,
        pipeline: str | None = None,
        environment: str | None = None,
        state: str | None = None,
        *,
        newest: int | None = None,
        before: str | None = None,
    ) -> tuple[Promotion, ...]:
        """Promotions (if given the `newest`, of those before `before`), oldest first; `state` may be `pending`."""
        states = PENDING if state == "pending" else state
        return self._at.newest(Promotion, newest, before, pipeline=pipeline, environment=environment, state=states)

    def get(self, id: str) -> Promotion:
        """One promotion; `MissingError` names the pending ones."""
        return self._at.one(Promotion, id, "promotion", state=PENDING)

    def approvals(self, id: str) -> tuple[Approval, ...]:
        """Every approval that was given to it, whether it counts now or not."""
        found = self.get(id)
        with self._at.governance.ledger.read() as reading:
            return reading.find(Approval, promotion=found.id)

    def gate(self, id: str) -> GateVerdict:
        """What its gate says now."""
        return self._gate(self.get(id))

    def request(
        self, pipeline: str, environment: str, version: int | None = None, *, reason: str = "", key: str = ""
    ) -> Recorded[Promotion]:
        """See `lifecycle.promotions.request_promotion`."""
        declared = self._at.declared(pipeline)
        return self._answer(
            commands.request_promotion(
                self._at.governance, declared, environment, version, actor=self._at.actor, reason=reason, key=key
            )
        )

    def approve(self, id: str, *, reason: str = "") -> Recorded[Promotion]:
        """See `lifecycle.promotions.approve`; for prod, the actor was recognised a moment ago."""
        asked = self.get(id)
        if asked.environment == "prod":
            self._refuse_stale(f"approving {id} for prod")
        declared = self._at.declared(asked.pipeline)
        return self._answer(commands.approve(self._at.governance, declared, id, actor=self._at.actor, reason=reason))

    def reject(self, id: str, *, reason: str) -> Recorded[Promotion]:
        """See `lifecycle.promotions.reject`."""
        self.get(id)
        return self._at.recorded(commands.reject(self._at.governance, id, actor=self._at.actor, reason=reason))

    def override(self, id: str, *, reason: str) -> Recorded[Override]:
        """See `lifecycle.overrides.break_glass`; the actor was recognised a moment ago."""
        self._refuse_stale(f"overriding the gate of {id}")
        declared = self._at.declared(self.get(id).pipeline)
        return self._at.recorded(break_glass(self._at.governance, declared, id, actor=self._at.actor, reason=reason))

    def _refuse_stale(self, what: str) -> None:
        if not self._at.fresh:
            raise DeniedError(
                f"{what} takes a password entered less than {FRESH.seconds // 60} minutes ago",
                hint="confirm it: mlmon login, or POST /api/session/confirm",
                code="CONFIRM_FIRST",
            )

    def _answer(self, promotion: Promotion) -> Recorded[Promotion]:
        return self._at.recorded(promotion, self._gate(promotion))

    def _gate(self, promotion: Promotion) -> GateVerdict:
        return gate_verdict(self._at.governance, self._at.declared(promotion.pipeline), promotion)
