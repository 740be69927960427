"""`python -m mlmon_dagster` is `mlmon`, for processes that know their Python and not their path."""

from mlmon_dagster.cli import main

if __name__ == "__main__":
    main()
