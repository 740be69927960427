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
    engine: str, reference: tuple[str, str | None], current: tuple[str, str | None], *, covariance: bool = False
) -> "tuple[Profile, Profile]":
    """The reference's profile and the window's counts like it; the reference may be a profile already.

    Of what a profile keeps beside its columns only the covariance is counted, and only where it is asked for.
    """
    from mlmon_dagster.adapters.profiles import Asked, build_profile_by, is_profile
    from mlmon_dagster.cli import _profiles as profiles
    from mlmon_dagster.drift.parts import Parts
    from mlmon_dagster.drift.profile import Profile
    from mlmon_dagster.ports import Rows

    by = engine_of(engine)
    places = [Rows(place=place, query=query) for place, query in (reference, current)]
    if is_profile(reference[0]):
        profile = profiles.read(reference[0])
    else:
        profile = build_profile_by(by, places[0], parts=Asked(covariance))
    if is_profile(current[0]):
        return profile, profiles.read(current[0])
    like = Profile(profile.columns, profile.rows, Parts(profile.covariance if covariance else None))
    return profile, by.count(places[1], like)
