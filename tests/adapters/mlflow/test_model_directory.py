"""A model as a directory."""

import subprocess
import sys

import numpy as np

from mlmon_dagster.adapters.mlflow.model_directory import load_model, load_native, write_model
from mlmon_dagster.drift.packing import pack

TRAIN = """
import sys, numpy as np, pandas as pd
from pathlib import Path
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from mlmon_dagster.adapters.mlflow.model_directory import write_model
from mlmon_dagster.drift.packing import pack
frame = pd.DataFrame({"town": ["a", "b", "c"] * 20, "area": np.arange(60.0)})
encode = ColumnTransformer([("town", OneHotEncoder(sparse_output=False), ["town"])], remainder="passthrough")
model = make_pipeline(encode, HistGradientBoostingClassifier(random_state=0, max_iter=5)).fit(frame, frame.area > 30)
print(write_model(Path(sys.argv[1]), model, frame, pack({}, {})).digest)
"""


def _digest_of_another_process(path):
    return subprocess.run(
        [sys.executable, "-c", TRAIN, path], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_training_again_in_another_process_gives_the_same_digest(tmp_path):
    assert _digest_of_another_process(tmp_path / "a") == _digest_of_another_process(tmp_path / "b")


def test_a_loaded_model_written_again_predicts_the_same(tmp_path, frame, train):
    write_model(tmp_path / "a", train(), frame, pack({}, {}))
    loaded = load_model(tmp_path / "a")
    write_model(tmp_path / "b", load_native(tmp_path / "a"), frame, pack({}, {}))
    assert (load_model(tmp_path / "b").predict(frame) == loaded.predict(frame)).all()


def test_a_compiled_model_predicts_like_the_model_itself(tmp_path, frame, train):
    model = train()
    write_model(tmp_path / "a", model, frame, pack({}, {}))
    loaded = load_model(tmp_path / "a")
    assert loaded.form.compiled
    np.testing.assert_allclose(loaded.predict(frame), model.predict(frame), rtol=1e-12)
