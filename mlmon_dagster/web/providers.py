"""Providers of identity as the environment declares them; a half declared one is an error, never a door left open."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlmon_dagster.adapters.identity.claims import ACTIONS_ISSUER, Actions, LoadBalancer
from mlmon_dagster.adapters.identity.github import GithubLogin
from mlmon_dagster.adapters.identity.keys import Keys
from mlmon_dagster.errors import InputError
from mlmon_dagster.governance.roles import ANYWHERE, role

_ARN = re.compile(r"arn:aws[a-z-]*:elasticloadbalancing:([a-z0-9-]+):[0-9]{12}:loadbalancer/app/[^,\s]+")
_TEAM = re.compile(r"([A-Za-z0-9-]+(?:/[A-Za-z0-9_.-]+)?)=([a-z_]+)(?:@(\*|[a-z][a-z0-9_]{0,63}))?")
_REPOSITORY = re.compile(r"([0-9]{1,20})/([0-9]{1,20})")


@dataclass(frozen=True)
class Providers:
    """Who is believed when they say who somebody is."""

    github: GithubLogin | None = None
    teams: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """Team or organisation -> `(role, project)`s of its people."""
    load_balancer: LoadBalancer | None = None
    actions: Actions | None = None
    keys: Keys = field(default_factory=Keys)

    def roles(self, teams: frozenset[str]) -> dict[tuple[str, str], str]:
        """`(role, project)` -> the team that gives it."""
        return {held: team for team in sorted(teams) for held in self.teams.get(team, ())}


def read_providers(environ: Mapping[str, str], log_name: str) -> Providers:
    """Providers from `environ`; raises `InputError` with the variable that is missing or wrong, never its value."""
    return Providers(
        github=_github(environ),
        teams=_teams(environ.get("MLMON_GITHUB_TEAMS", "")),
        load_balancer=_load_balancer(environ),
        actions=_actions(environ, log_name),
    )


def _github(environ: Mapping[str, str]) -> GithubLogin | None:
    found = _together(environ, "MLMON_GITHUB_CLIENT_ID", "MLMON_GITHUB_CLIENT_SECRET")
    if found is None:
        return None
    id, secret = found
    url = _https(environ, "MLMON_GITHUB_URL", "https://github.com")
    return GithubLogin(id, secret, url, _https(environ, "MLMON_GITHUB_API_URL", "https://api.github.com"))


def _teams(text: str) -> dict[str, tuple[tuple[str, str], ...]]:
    teams: dict[str, tuple[tuple[str, str], ...]] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = _TEAM.fullmatch(part)
        if found is None:
            raise InputError(
                f"MLMON_GITHUB_TEAMS: {part!r} is not team=role or team=role@project",
                hint="for example acme/data=data_engineer,acme/pricing=ml_engineer@pricing",
            )
        if role(found[2]) == "admin":
            raise InputError("MLMON_GITHUB_TEAMS: no team makes admins", hint="admins are granted by admins")
        held = (found[2], found[3] or ANYWHERE)
        teams[found[1].lower()] = (*teams.get(found[1].lower(), ()), held)
    return teams


def _load_balancer(environ: Mapping[str, str]) -> LoadBalancer | None:
    found = _together(environ, "MLMON_ALB_ARN", "MLMON_ALB_ISSUER", "MLMON_ALB_CLIENT")
    if found is None:
        return None
    arn, _, client = found
    region = _ARN.fullmatch(arn)
    if region is None:
        raise InputError("MLMON_ALB_ARN is not the ARN of an application load balancer")
    keys = f"https://public-keys.auth.elb.{region[1]}.amazonaws.com"
    issuer = _https(environ, "MLMON_ALB_ISSUER", "")
    return LoadBalancer(arn, issuer, client, _https(environ, "MLMON_ALB_KEYS_URL", keys))


def _actions(environ: Mapping[str, str], log_name: str) -> Actions | None:
    text = environ.get("MLMON_ACTIONS_REPOSITORIES", "").strip()
    if not text:
        return None
    repositories = set()
    for part in text.split(","):
        found = _REPOSITORY.fullmatch(part.strip())
        if found is None:
            raise InputError(
                f"MLMON_ACTIONS_REPOSITORIES: {part.strip()!r} is not repository_id/owner_id, two numbers",
                hint="names can be given to somebody else; gh api repos/OWNER/NAME --jq '.id, .owner.id'",
            )
        repositories.add((found[1], found[2]))
    workflows = frozenset(filter(None, (one.strip() for one in environ.get("MLMON_ACTIONS_WORKFLOWS", "").split(","))))
    issuer = _https(environ, "MLMON_ACTIONS_ISSUER", ACTIONS_ISSUER)
    audience = environ.get("MLMON_ACTIONS_AUDIENCE", f"mlmon:{log_name}").strip()
    return Actions(audience, frozenset(repositories), workflows, issuer, f"{issuer}/.well-known/jwks")


def _together(environ: Mapping[str, str], *names: str) -> list[str] | None:
    values = [environ.get(name, "").strip() for name in names]
    if not any(name in environ for name in names):
        return None
    missing = [name for name, value in zip(names, values, strict=True) if not value]
    if missing:
        raise InputError(f"{', '.join(missing)} is missing", hint=f"{', '.join(names)} belong together")
    return values


def _https(environ: Mapping[str, str], name: str, default: str) -> str:
    """An address by https; http only on this machine, where tests stand in for providers."""
    url = environ.get(name, default).strip().rstrip("/")
    if not url.startswith(("https://", "http://127.0.0.1:")):
        raise InputError(f"{name} has to begin with https://")
    return url
