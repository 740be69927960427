"""Answers as documents: records flat, with the receipt and the gate beside them."""

from dataclasses import asdict, fields, is_dataclass
from typing import Annotated, Any, get_type_hints

from fastapi import Depends, Request
from pydantic import BaseModel, create_model

from mlmon_dagster.governance.access import Caller
from mlmon_dagster.governance.gates import Condition, GateVerdict
from mlmon_dagster.lifecycle.desk import Desk
from mlmon_dagster.lifecycle.desk.answers import Recorded
from mlmon_dagster.lifecycle.queries import Receipt
from mlmon_dagster.web.state import Web


class GateDocument(BaseModel):
    """What a gate says, condition by condition."""

    open: bool
    conditions: tuple[Condition, ...]


def with_receipt(kind: type, *, gate: bool = False) -> type[BaseModel]:
    """The document of a changed record: its fields, and the receipt."""
    assert is_dataclass(kind)  # noqa: S101 - records are
    hints = get_type_hints(kind)
    given: dict[str, Any] = {field.name: (hints[field.name], ...) for field in fields(kind)}
    given["receipt"] = (Receipt, ...)
    if gate:
        given["gate"] = (GateDocument | None, None)
    return create_model(f"{kind.__name__}Recorded", __doc__=f"{kind.__doc__}", **given)


def recorded(answer: Recorded[Any]) -> dict[str, Any]:
    """The record's fields with its receipt, and its gate where it has one."""
    document = {**asdict(answer.record), "receipt": answer.receipt}
    return document if answer.gate is None else {**document, "gate": gate_document(answer.gate)}


def gate_document(verdict: GateVerdict) -> GateDocument:
    """The verdict with what it comes to."""
    return GateDocument(open=verdict.open, conditions=verdict.conditions)


def web_of(request: Request) -> Web:
    """What the application holds."""
    web: Web = request.app.state.web
    return web


def caller_of(request: Request) -> Caller:
    """Who was recognised at the entrance."""
    caller: Caller = request.state.caller
    return caller


def desk_of(request: Request) -> Desk:
    """The caller's desk."""
    return web_of(request).desk(caller_of(request))


TheWeb = Annotated[Web, Depends(web_of)]
TheCaller = Annotated[Caller, Depends(caller_of)]
AtDesk = Annotated[Desk, Depends(desk_of)]
