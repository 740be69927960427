"""What `compatible` accepts, and what it says of a column."""

import numpy as np
import pytest

from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.peers import PEERS, Compatible
from mlmon_dagster.errors import InputError, MissingError

RANDOM = np.random.default_rng(4)
NUMBERS = Column.of("price", RANDOM.normal(0, 1, 2000)), Column.of("price", RANDOM.normal(3, 1, 900))
WORDS = Column.of("city", ["Ulm", "Bonn"] * 600), Column.of("city", ["Ulm", "Bonn", "Ulm"] * 300)


def test_five_libraries_can_be_asked():
    assert PEERS == ("alibi", "evidently", "nannyml", "sagemaker", "scipy")


@pytest.mark.parametrize("peer", PEERS)
def test_every_library_has_a_choice_of_its_own_for_numbers_and_for_categories(peer):
    for pair in (NUMBERS, WORDS):
        compared = Compatible.of(peer, "auto").compare(*pair)
        assert compared.value >= 0
        assert compared.threshold > 0
    assert Compatible.of(peer, "auto").compare(*NUMBERS).drifted


@pytest.mark.parametrize("peer", PEERS)
def test_the_sentence_says_number_rule_and_library(peer):
    compared = Compatible.of(peer, "auto").compare(*NUMBERS)

    assert compared.sentence("price").startswith(f"price has drifted: {compared.statistic} ")
    assert f"{compared.rule} {compared.threshold:g} ({peer}'s rule)" in compared.sentence("price")


def test_a_declared_threshold_replaces_the_librarys():
    assert not Compatible.of("nannyml", "ks", threshold=0.999).compare(*NUMBERS).drifted


def test_unknown_names_and_missing_thresholds_are_refused_with_what_there_is():
    with pytest.raises(MissingError, match="did you mean evidently"):
        Compatible.of("evidentli", "ks")
    with pytest.raises(MissingError, match="no method of alibi called 'psi'"):
        Compatible.of("alibi", "psi")
    with pytest.raises(InputError, match="scipy has no threshold for wasserstein"):
        Compatible.of("scipy", "wasserstein")
