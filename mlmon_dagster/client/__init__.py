"""A desk at a server: the same commands and queries as `lifecycle.desk.Desk`, over the REST API.

    client = connect("https://mlmon.example.com", token=os.environ["MLMON_TOKEN"])
    for promotion in client.promotions.list(state="pending"):
        print(promotion.id, client.promotions.gate(promotion.id).open)

Failures are the product's own errors: `DeniedError`, `BlockedError`, `MissingError`, `UnavailableError`, ...
"""

from mlmon_dagster.client.alerts import Alerts
from mlmon_dagster.client.audit import Audit
from mlmon_dagster.client.connection import Connection
from mlmon_dagster.client.deployments import Deployments
from mlmon_dagster.client.findings import Findings
from mlmon_dagster.client.members import Members
from mlmon_dagster.client.models import Models
from mlmon_dagster.client.monitoring import Monitoring
from mlmon_dagster.client.pipelines import Pipelines
from mlmon_dagster.client.projects import Projects
from mlmon_dagster.client.promotions import Promotions
from mlmon_dagster.client.reports import Reports
from mlmon_dagster.client.repositories import Repositories
from mlmon_dagster.client.runs import Runs

__all__ = ["Client", "Connection", "connect"]


class Client:
    """Commands and queries in the name of who the connection is recognised as, by noun."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.pipelines = Pipelines(connection)
        self.models = Models(connection)
        self.promotions = Promotions(connection)
        self.deployments = Deployments(connection)
        self.monitoring = Monitoring(connection)
        self.alerts = Alerts(connection)
        self.members = Members(connection)
        self.projects = Projects(connection)
        self.findings = Findings(connection)
        self.audit = Audit(connection)
        self.runs = Runs(connection)
        self.reports = Reports(connection)
        self.repositories = Repositories(connection)


def connect(url: str, *, token: str | None = None, session: str | None = None, timeout_seconds: float = 30) -> Client:
    """A client of the server at `url`, recognised by a token or by the secret of a session.

    With both, the session is used to approve, which no token does. `timeout_seconds` includes waiting for a server
    that is unavailable for a moment.
    """
    return Client(Connection(url, token=token, session=session, timeout_seconds=timeout_seconds))
