"""`mlmon web`: our pages and the REST API, in the foreground."""

import click

from mlmon_dagster.cli import _output as output

HELP = """Serve our pages and the REST API until interrupted; the API's documentation is at /docs and /redoc.

\b
Example:
  mlmon web --port 8000
  MLMON_WEB_URL=https://mlmon.example.com mlmon web --host 0.0.0.0 --port 8000

Behind a proxy that speaks https, MLMON_WEB_URL says how browsers reach it.
"""


@click.command(help=HELP)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes any free one.")
@output.json_option
def command(host: str, port: int, as_json: bool) -> int:
    from mlmon_dagster.settings import read_settings
    from mlmon_dagster.web.server import serve

    def ready(address: str) -> None:
        if as_json:
            output.document({"address": address, "docs": f"{address}/docs"})
        else:
            click.echo(f"Our pages are at {address}, the API is documented at {address}/docs; Ctrl-C ends")

    serve(read_settings(), host, port, ready)
    return 0
