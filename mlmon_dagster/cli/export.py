"""`mlmon export`: what a pipeline file may hold, for editors and for people."""

import click

from mlmon_dagster.cli import _output as output

HELP = """Print what a pipeline file may hold: as JSON Schema, or as a page to read.

\b
Example:
  mlmon export jsonschema --output pipeline.schema.json
  mlmon export reference | less

Plug-ins that are installed beside mlmon_dagster are included. In an editor with a YAML language server, complete and
check pipeline files with this first line:
  # yaml-language-server: $schema=../../pipeline.schema.json
"""


@click.command(help=HELP)
@click.argument("what", type=click.Choice(["jsonschema", "reference"]))
@click.option("--output", "file", type=click.Path(dir_okay=False), help="Write to this file instead of printing.")
@output.json_option
def command(what: str, file: str | None, as_json: bool) -> None:
    import json

    from mlmon_dagster.pipeline.reference import reference_page
    from mlmon_dagster.pipeline.schema import pipeline_schema

    schema = what == "jsonschema"
    text = json.dumps(pipeline_schema(), indent=2, ensure_ascii=False) + "\n" if schema else reference_page()
    if file is None:
        if as_json and not schema:
            output.document({"reference": text})
        else:
            click.echo(text, nl=False)
        return
    with click.open_file(file, "w", encoding="utf-8") as stream:
        stream.write(text)
    if as_json:
        output.document({"file": file})
