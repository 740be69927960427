"""The family `joint`: one joint method a file."""
