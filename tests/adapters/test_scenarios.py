"""Scenario files: read strictly, every mistake with its place."""

from pathlib import Path

import pytest

from mlmon_dagster.adapters.scenarios import read_scenarios
from mlmon_dagster.errors import InputError, MissingError


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the file is empty"),
        ("calm: {average: 1}", r"s\.yaml:1:7: calm\.records: Field required"),
        ("calm:\n  average: x\n  records: [{a: 1}]", r"s\.yaml:2:12: calm\.average: .*number"),
        ("calm: {average: 1, records: []}", r"at least 1 item"),
        ("calm: {average: 1, records: [{a: 1}], alarms: 1}", r"calm\.alarms: Unexpected"),
        ("calm: {average: 1, records: [{a: 1}], largest: [a, b]}", "names 2 features for 1 records"),
        ("calm: {average: 1, average: 2, records: [{a: 1}]}", "DUPKEY"),
        ("{}", "declares no scenario"),
    ],
)
def test_a_scenario_file_with_a_mistake_is_refused_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=told):
        read_scenarios(file)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"no file .*gone\.yaml"):
        read_scenarios(tmp_path / "gone.yaml")
