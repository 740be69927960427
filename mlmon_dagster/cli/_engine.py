"""`--engine`: what counts rows, by its name or with its fields, as in a pipeline file."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mlmon_dagster.drift.profile import Profile
    from mlmon_dagster.ports import Engine

engine_option = click.option(
    "--engine", metavar="NAME", help="What reads and counts: auto, duckdb, ... or '{use: duckdb, memory: 1GB}'."
)


def engine_of(text: str) -> "Engine":
    """The engine that the option names; `InputError` says what is wrong with it."""
    import yaml
    from pydantic import ValidationError

    from mlmon_dagster import plugins
    from mlmon_dagster.errors import InputError

    try:
        found: Engine = plugins.parse("engine", yaml.safe_load(text))
        return found
    except yaml.YAMLError as error:
        raise InputError(
            f"--engine: {text!r} cannot be read", hint="a name, or '{use: duckdb, memory: 1GB}'"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(map(str, first["loc"]))
        raise InputError(f"--engine: {at}: {first['msg']}" if at else f"--engine: {first['msg']}") from error


def counted(
    engine: str,
    reference: tuple[str, str | None],
    current: tuple[str, str | None],
    *,
    columns: "list[str] | None" = None,
    covariance: bool = False,
) -> "tuple[Profile, Profile, tuple[str | None, str | None]]":
    """The reference's profile, the window's counts like it, and what counted each: None for a profile that was there.

    The reference may be a profile already; `columns` are those of it that are wanted.
    """
    from mlmon_dagster.adapters.engines.auto import told
    from mlmon_dagster.adapters.profiles import Asked, build_profile_by, is_profile
    from mlmon_dagster.cli import _profiles as profiles
    from mlmon_dagster.ports import Rows

    by = engine_of(engine)
    places = [Rows(place=place, query=query) for place, query in (reference, current)]
    ready = [is_profile(place) for place, _ in (reference, current)]
    if ready[0]:
        profile = profiles.read(reference[0])
    else:
        profile = build_profile_by(by, places[0], columns, parts=Asked(covariance))
    window = profiles.read(current[0]) if ready[1] else by.count(places[1], profile)
    before, now = (None if there else told(by, rows) for there, rows in zip(ready, places, strict=True))
    return profile, window, (before, now)
