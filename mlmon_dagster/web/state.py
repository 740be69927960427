"""What the application holds while it runs."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlmon_dagster.governance.access import Caller
from mlmon_dagster.lifecycle.desk import Desk, Premises
from mlmon_dagster.lifecycle.identity import Identity
from mlmon_dagster.web.listening import Listeners
from mlmon_dagster.web.news import News
from mlmon_dagster.web.providers import Providers
from mlmon_dagster.web.rates import Buckets, Rate
from mlmon_dagster.web.refusals import Refusals
from mlmon_dagster.web.settings import WebSettings
from mlmon_dagster.web.webhooks import Webhooks

if TYPE_CHECKING:
    from mlmon_dagster.adapters.database.answers import DatabaseAnswers

REQUESTS = Rate(burst=200, per_second=50)
LOGINS = Rate(burst=10, per_second=0.1)
"""Of one name from anywhere, and of one address for any name."""


@dataclass(frozen=True)
class Web:
    """The premises behind the API, who may come in, and how often."""

    premises: Premises
    identity: Identity
    settings: WebSettings
    answers: "DatabaseAnswers"
    requests: Buckets = field(default_factory=lambda: Buckets(REQUESTS))
    logins: Buckets = field(default_factory=lambda: Buckets(LOGINS))
    providers: Providers = field(default_factory=Providers)
    webhooks: Webhooks = field(default_factory=Webhooks)
    refusals: Refusals = field(default_factory=Refusals)
    listeners: Listeners = field(default_factory=Listeners)
    news: News = field(default_factory=News)

    def desk(self, caller: Caller) -> Desk:
        """The desk of somebody who was recognised."""
        fresh = caller.session is not None and caller.session.fresh(self.premises.governance.now())
        return Desk(self.premises, caller.name, fresh=fresh)
