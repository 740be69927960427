"""Everything that desks of a process stand on, as its settings say; what is heavy opens when it is used."""

from collections.abc import Callable, Mapping
from typing import Any

from mlmon_dagster.adapters.checkout import open_checkout
from mlmon_dagster.adapters.github.api import read_github
from mlmon_dagster.adapters.github.repositories import GithubRepositories
from mlmon_dagster.lifecycle.desk import Premises
from mlmon_dagster.lifecycle.governance import Declaration
from mlmon_dagster.lifecycle.outputs import Outputs
from mlmon_dagster.ports import ModelRegistry
from mlmon_dagster.resources.governance import Office
from mlmon_dagster.settings import Settings


def open_premises(
    settings: Settings,
    environ: Mapping[str, str],
    office: Office,
    pipelines: Callable[[], Mapping[str, Declaration]],
) -> Premises:
    """The premises over an open office; `pipelines` says what is declared now."""
    github = read_github(environ)
    return Premises(
        office.governance,
        pipelines,
        settings,
        office.notary,
        lambda: _registry(settings),
        repository=open_checkout(settings.pipelines, environ, github.token if github else None),
        host=GithubRepositories(github) if github else None,
        outputs=lambda: _outputs(settings),
        page=_compliance_page,
    )


def _registry(settings: Settings) -> ModelRegistry:
    from mlmon_dagster.adapters.mlflow.registry import open_registry

    return open_registry(settings)


def _outputs(settings: Settings) -> Outputs:
    from mlmon_dagster.adapters.local.object_store import FileObjectStore

    return Outputs(FileObjectStore(settings.store))


def _compliance_page(*given: Any) -> str:
    from mlmon_dagster.adapters.report.compliance import compliance_page

    return compliance_page(*given)
