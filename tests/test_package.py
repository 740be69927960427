"""The public surface: few names, each of them there, and nothing heavy until it is asked for."""

import subprocess
import sys

import pytest

import mlmon_dagster

HEAVY = (
    "dagster",
    "mlflow",
    "evidently",
    "pandas",
    "sklearn",
    "duckdb",
    "boto3",
    "sqlalchemy",
    "pyarrow",
    "scipy",
    "numpy",
)


@pytest.mark.parametrize("name", [name for name in mlmon_dagster.__all__ if name != "__version__"])
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(mlmon_dagster, name).__name__ == name


def test_there_are_at_most_twelve_public_names() -> None:
    assert len(mlmon_dagster.__all__) <= 12


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Pipelines"):
        mlmon_dagster.Pipelines  # noqa: B018


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["drift", "--help"], ["promote", "--help"], ["run", "--help"]]
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from mlmon_dagster.cli import group\n"
        f"try: group.main({arguments!r}, prog_name='mlmon')\n"
        "except SystemExit: pass\n"
        "print(','.join(sorted(set(sys.modules) & set(" + repr(HEAVY) + "))), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "Usage" in done.stdout or "version" in done.stdout
    assert done.stderr.strip() == ""
