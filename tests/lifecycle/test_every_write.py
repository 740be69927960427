"""No command changes anything that is kept without an entry in the log."""

import ast
from collections.abc import Iterator
from pathlib import Path

import mlmon_dagster.lifecycle

WRITES = ("credentials.save", "credentials.remove", "credentials.use", "judgements.record", "metrics.record")
"""What is kept beside the log; all else is a projection, which the log is verified against."""

UNRECORDED = {
    "recognition.by_token": "when a token was used last",
    "recognition.by_session": "when a session was seen last",
    "recognition.confirm_session": "who approves for prod is recorded with the approval",
    "recognition.close_session": "ends what the person opened",
    "recognition.forget_expired": "sessions that are over",
    "identity.end_sessions": "with the password or the account, whose change is recorded",
    "deliveries.deliver": "which deliveries came before",
    "alarms.take_alarm": "the newest message of an alarm, so that an older one changes nothing",
    "alerts._judge_delivery": "whether an alert reached somebody; that it did not is an entry",
    "records.record_result": "measurements, which gates judge and nobody decides",
}
"""Function -> what it keeps that is nobody's decision."""


def writers() -> Iterator[tuple[str, bool]]:
    """Every function that keeps something beside the log, and whether it records an entry too."""
    folder = Path(str(mlmon_dagster.lifecycle.__file__)).parent
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef):
                calls = [ast.unparse(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)]
                if any(call.endswith(WRITES) for call in calls):
                    recorded = any(call == "record" or call.endswith((".append", "_append")) for call in calls)
                    yield f"{file.stem}.{node.name}", recorded


def test_whoever_keeps_something_outside_of_the_log_records_it() -> None:
    found = dict(writers())
    assert found
    assert {name for name, recorded in found.items() if not recorded} == set(UNRECORDED)
