"""Our `compatible: nannyml | alibi` against what these said of the same columns (benchmarks/record_peers.py)."""

import json
from pathlib import Path

import pytest
import shapes

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.peers import Compatible

HERE = Path(__file__).parent
RECORDED = {peer: json.loads((HERE / f"{peer}.json").read_text()) for peer in ("nannyml", "alibi")}
PAIRS = {"numbers": shapes.numbers(), "categories": shapes.categories()}
NANNYML = [
    (kind, shape, method) for kind in PAIRS for shape, found in RECORDED["nannyml"][kind].items() for method in found
]
ALIBI = [(kind, shape) for kind in PAIRS for shape in RECORDED["alibi"][kind]]


@pytest.mark.parametrize(("kind", "shape", "method"), NANNYML)
def test_a_number_is_nannymls(kind, shape, method):
    reference, window = (Column.of("x", side) for side in PAIRS[kind][shape])

    compared = Compatible.of("nannyml", method, threshold=0.1).compare(reference, window)

    assert compared.value == pytest.approx(RECORDED["nannyml"][kind][shape][method], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("kind", "shape"), ALIBI)
def test_a_number_its_p_value_and_the_verdict_are_alibi_detects(kind, shape):
    reference, window = (Column.of("x", side) for side in PAIRS[kind][shape])
    recorded = RECORDED["alibi"][kind][shape]

    compared = Compatible.of("alibi", "auto").compare(reference, window)

    assert compared.value == pytest.approx(recorded["value"], rel=1e-6)
    assert compared.p_value == pytest.approx(recorded["p_value"], rel=1e-6, abs=1e-30)
    assert compared.drifted == recorded["drifted"]


def test_every_shape_was_recorded():
    for peer, recorded in RECORDED.items():
        assert "numpy" in recorded["version"], peer
        for kind, pairs in PAIRS.items():
            assert recorded[kind].keys() == pairs.keys()
