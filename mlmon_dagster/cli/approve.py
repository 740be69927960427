"""`mlmon approve`: consents to a promotion."""

import click

from mlmon_dagster.cli import _context as context

HELP = """Approve a promotion: consent to exactly this model version, under exactly this pipeline file.

\b
Example:
  mlmon approve promotion-12 --reason "metrics reviewed"

Who requested a promotion cannot approve it; prod needs two people, one of them of the production team.
"""


@click.command(help=HELP)
@click.argument("promotion")
@context.reason_option(required=False)
@context.acts
def command(promotion: str, reason: str, actor: str | None, as_json: bool) -> None:
    from dataclasses import asdict

    from mlmon_dagster.lifecycle.promotions import approve
    from mlmon_dagster.lifecycle.queries import gate_verdict
    from mlmon_dagster.lifecycle.queries import promotion as find

    settings, governance = context.open_governance()
    declared = context.declared_pipeline(settings, find(governance, promotion).pipeline)
    who = context.actor_name(actor)
    asked = approve(governance, declared, promotion, actor=who, reason=reason)
    verdict = gate_verdict(governance, declared, asked)
    gate = {"open": verdict.open, "conditions": [asdict(condition) for condition in verdict.conditions]}
    context.answer(governance, asked, f"{asked.id} is approved by {who}", as_json=as_json, gate=gate)
    if not as_json:
        context.show_gate(verdict, asked.environment)
