"""The desk: where one actor asks and acts, with the pipelines at hand; the command line and the REST API stand on it.

`mlmon_dagster.client.Client` offers the same, by the same names, at a server.
"""

from mlmon_dagster.lifecycle.desk.alerts import Alerts
from mlmon_dagster.lifecycle.desk.audit import Audit
from mlmon_dagster.lifecycle.desk.deployments import Deployments
from mlmon_dagster.lifecycle.desk.findings import Findings
from mlmon_dagster.lifecycle.desk.members import Members
from mlmon_dagster.lifecycle.desk.models import Models
from mlmon_dagster.lifecycle.desk.monitoring import Monitoring
from mlmon_dagster.lifecycle.desk.pipelines import Pipelines
from mlmon_dagster.lifecycle.desk.projects import Projects
from mlmon_dagster.lifecycle.desk.promotions import Promotions
from mlmon_dagster.lifecycle.desk.reports import Reports
from mlmon_dagster.lifecycle.desk.repositories import Repositories
from mlmon_dagster.lifecycle.desk.runs import Runs
from mlmon_dagster.lifecycle.desk.standing import Premises, Standing

__all__ = ["Desk", "Premises"]


class Desk:
    """Commands and queries in one actor's name, by noun."""

    def __init__(self, premises: Premises, actor: str, *, confined: bool = True, fresh: bool = True) -> None:
        self.standing = standing = Standing(premises, actor, confined, fresh)
        self.pipelines = Pipelines(standing)
        self.models = Models(standing)
        self.promotions = Promotions(standing)
        self.deployments = Deployments(standing)
        self.monitoring = Monitoring(standing)
        self.alerts = Alerts(standing)
        self.members = Members(standing)
        self.projects = Projects(standing)
        self.findings = Findings(standing)
        self.audit = Audit(standing)
        self.runs = Runs(standing)
        self.reports = Reports(standing)
        self.repositories = Repositories(standing)
