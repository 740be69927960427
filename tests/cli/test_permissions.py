"""Every command says what it takes: a new one has to be put here before it can land."""

from collections.abc import Iterator

import click
import pytest

from mlmon_dagster.cli import group
from mlmon_dagster.governance.roles import PERMITTED

HERE = "here"
"""Works on this machine's own files and database, for who can open them anyway."""

TAKES = {
    "accounts": {"add": "admin", "link": "admin", "disable": "admin", "list": HERE},
    "alerts": {"list": "see", "history": "see", "ack": "alerts", "resolve": "alerts", "reopen": "alerts",
               "silence": "alerts"},
    "approve": "approve",
    "audit": {
        "list": "see", "verify": "see", "export": HERE, "checkpoint": HERE, "key": HERE, "prove": "see",
        "rebuild": HERE, "fsck": HERE, "asof": HERE, "predictions": HERE,
        "keys": {"list": HERE, "rotate": "admin"},
    },
    "database": {"migrate": HERE, "roles": HERE},
    "batch-predict": HERE,
    "demo": HERE,
    "deployments": "see",
    "doctor": HERE,
    "drift": {"backtest": HERE},
    "export": HERE,
    "findings": {"list": "see", "status": "report", "test": "report"},
    "init": HERE,
    "lock": "lock",
    "login": "see",
    "members": {"list": "see", "grant": "admin", "revoke": "admin", "link": "admin", "unlink": "admin"},
    "pipelines": {"list": "see", "show": "see", "diff": "see", "proposals": "see", "propose": "create",
                  "sync": "create"},
    "profile": {"build": HERE, "diff": HERE, "merge": HERE, "show": HERE},
    "projects": {"list": "see", "save": "admin", "archive": "admin", "restore": "admin"},
    "promote": "request",
    "promotions": {"list": "see", "history": "see", "show": "see", "override": "admin"},
    "reject": "approve",
    "reports": {"list": "see", "fetch": "see", "compliance": "see", "monitoring": "see"},
    "repositories": {"list": "see", "connect": "admin", "disconnect": "admin"},
    "rollback": "rollback",
    "run": "create",
    "scenarios": HERE,
    "serve": HERE,
    "tokens": {"issue": "admin", "revoke": "admin", "list": HERE},
    "unlock": "unlock",
    "validate": HERE,
    "web": HERE,
}  # fmt: skip
"""Command -> the permission it takes, or `here`."""


def commands(found: click.Command, path: str = "") -> Iterator[str]:
    if isinstance(found, click.Group):
        context = click.Context(found)
        for name in found.list_commands(context):
            inner = found.get_command(context, name)
            assert inner is not None
            yield from commands(inner, f"{path} {name}".strip())
    else:
        yield path


def taken(path: str) -> str | None:
    place: object = TAKES
    for word in path.split():
        place = place.get(word) if isinstance(place, dict) else None
    return place if isinstance(place, str) else None


@pytest.mark.parametrize("path", list(commands(group)))
def test_every_command_takes_a_permission_of_the_table(path: str) -> None:
    permission = taken(path)
    assert permission is not None, f"mlmon {path} is not in the table of this test"
    assert permission == HERE or permission in {one.partition(":")[0] for one in PERMITTED}
