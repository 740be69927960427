"""Digests of versions and stages, what changed between two, and broken locks."""

import pytest
import yaml
from declared_text import TEXT, changed

from mlmon_dagster.errors import MissingError
from mlmon_dagster.lifecycle.gate import stage_digests
from mlmon_dagster.pipeline.locks import broken_locks
from mlmon_dagster.pipeline.parse import Parsed, parse_pipeline
from mlmon_dagster.pipeline.stages import STAGES
from mlmon_dagster.pipeline.versions import Change, changes, stage_digest, version_digest

LOOSER = changed("threshold: 0.1", "threshold: 0.3")


def parsed(text: str = TEXT) -> Parsed:
    return parse_pipeline(text, file="", environ={})


def test_a_digest_depends_on_what_is_declared_and_not_on_how_it_is_written() -> None:
    reversed_text = yaml.safe_dump(dict(reversed(yaml.safe_load(TEXT.replace("2014-11-01", "'2014-11-01'")).items())))
    assert version_digest(parsed(reversed_text).body) == version_digest(parsed().body)
    assert version_digest(parsed(LOOSER).body) != version_digest(parsed().body)


def test_writing_a_default_out_changes_no_digest() -> None:
    written = changed("price_ks: {", "price_ks: {significance: 0.01, ")
    assert version_digest(parsed(written).body) == version_digest(parsed().body)


def test_two_plugins_with_equal_fields_have_different_digests() -> None:
    other = changed("use: maximum", "use: minimum")
    assert version_digest(parsed(other).body) != version_digest(parsed().body)


def test_changes_name_path_before_after_and_stage() -> None:
    found = changes(parsed().body, parsed(LOOSER).body)
    assert found == (Change("stages.model_monitoring.monitors.price_ks.threshold", 0.1, 0.3),)
    assert found[0].stage == "model_monitoring"
    assert changes(parsed().body, parsed().body) == ()


def test_a_key_that_goes_is_a_change_to_nothing() -> None:
    gone = changed(", checks: [inputs, price_ks]", "")
    path = "stages.model_deployment.prod.gate.checks"
    assert changes(parsed().body, parsed(gone).body) == (Change(path, ["inputs", "price_ks"], None),)


def test_a_locked_stage_that_changes_breaks_its_lock_also_when_the_file_no_longer_lists_it() -> None:
    locked = {stage: stage_digest(parsed().pipeline, stage) for stage in ("data_preparation", "model_monitoring")}
    loosened = LOOSER.replace("lock: [data_preparation, model_registry]", "lock: []")
    assert broken_locks(parsed().pipeline, locked) == ()
    broken = broken_locks(parsed(loosened).pipeline, locked)
    assert [one.stage for one in broken] == ["model_monitoring"]
    assert "house_prices: the stage model_monitoring is locked" in str(broken[0])


def test_locks_here_and_in_gates_use_one_digest() -> None:
    pipeline = parsed().pipeline
    assert stage_digests(pipeline) == {stage: stage_digest(pipeline, stage) for stage in STAGES}


def test_an_unknown_stage_has_no_digest() -> None:
    with pytest.raises(MissingError, match="did you mean model_registry"):
        stage_digest(parsed().pipeline, "model_regstry")
