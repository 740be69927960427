"""Bad requests by their number in the catalogue, sent as bytes over a real connection: exact codes, one sentence."""

import contextlib
import json
import socket

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from mlmon_dagster.adapters.compiled.form import Form
from mlmon_dagster.adapters.mlflow.model_directory import LoadedModel
from mlmon_dagster.adapters.mlflow.signature import ModelInput
from mlmon_dagster.drift.column import Column
from mlmon_dagster.drift.profile import Profile
from mlmon_dagster.drift.scorer import RecordScorer
from mlmon_dagster.serving.application import Application
from mlmon_dagster.serving.durability import LogOptions
from mlmon_dagster.serving.prediction_log import PredictionLog
from mlmon_dagster.serving.predictor import Predictor
from mlmon_dagster.serving.served import Served

GOOD = {"bedrooms": 3, "bathrooms": 2, "sqft": 2000, "age": 10, "location_score": 7}
ROUTES = ("/predict", "/batch-predict", "/invocations", "/v2/models/house_prices/infer")


def _post(path, body, *headers, kind="application/json", host="x"):
    lines = [f"POST {path} HTTP/1.1", *([f"Host: {host}"] if host else []), *headers]
    lines += [f"Content-Type: {kind}"] if kind else []
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode("latin-1") + body


def _changed(name, raw):
    return json.dumps({**GOOD, name: "@"}).replace('"@"', raw).encode()


def _csv(*rows, columns="bedrooms,bathrooms,sqft,age,location_score"):
    return _post("/batch-predict", "\n".join([columns, *rows, ""]).encode(), kind="text/csv")


def _get(path, *headers, host="x"):
    return "\r\n".join([f"GET {path} HTTP/1.1", *([f"Host: {host}"] if host else []), *headers, "", ""]).encode(
        "latin-1"
    )


BODIES = {
    "R01 nothing": (b"", 422),
    "R02 cut": (b"{", 400),
    "R03 list": (b"[]", 422),
    "R03 null": (b"null", 422),
    "R05 NaN": (_changed("sqft", "NaN"), 422),
    "R06 Infinity": (_changed("sqft", "-Infinity"), 422),
    "R07 1e400": (_changed("sqft", "1e400"), 422),
    "R09 unknown field": (json.dumps({**GOOD, "sqtf": 1}).encode(), 422),
    "R10 text for a float": (_changed("sqft", '"0.9"'), 422),
    "R11 true for an integer": (_changed("bedrooms", "true"), 422),
    "R11 fraction for an integer": (_changed("bedrooms", "2.5"), 422),
    "R14 2^63": (_changed("bedrooms", str(2**63)), 422),
    "R14 2^53 + 1 for a float": (_changed("sqft", str(2**53 + 1)), 422),
    "R15 5,000 digits": (_changed("sqft", "9" * 5000), 400),
    "R18 not UTF-8": (b'{"sqft": "\xe9"}', 400),
    "R19 UTF-16": ('{"sqft": 1}'.encode("utf-16"), 400),
    "R21 100,000 arrays": (b"[" * 100_000, 400),
    "R22 5,000 objects": (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400),
    "R23 20 MB": (b" " * 20_000_000, 413),
    "names that repeat": (b'{"sqft": 1, "sqft": 2}', 422),
    "missing names": (b"{}", 422),
    "null": (_changed("age", "null"), 422),
    "nested": (_changed("age", "[1]"), 422),
}
SINGLE_ONLY = ("R07", "R09", "R10", "R11", "R14", "null", "nested", "missing")

MESSAGES = {
    "R31 text/plain": (_post("/predict", b"{}", kind="text/plain"), 415),
    "R31 no type": (_post("/predict", b"{}", kind=None), 415),
    "R33 form": (_post("/predict", b"a=1", kind="application/x-www-form-urlencoded"), 415),
    "R34 gzip": (_post("/predict", b"{}", "Content-Encoding: gzip"), 415),
    "R35 latin-1": (_post("/predict", b"{}", kind="application/json; charset=latin-1"), 415),
    "R37 %00": (_get("/health%00"), 404),
    "R38 not UTF-8": (_get("/health%ff"), 404),
    "R38 raw bytes": (_get("/\xff\xfe"), 400),
    "R42 200 KB address": (_get("/health?" + "a" * 200_000), 414),
    "R43 100 KB header": (_get("/health", "X-Big: " + "a" * 100_000), 431),
    "R43 many headers": (_get("/health", *(f"X-{number}: {'a' * 100}" for number in range(1000))), 431),
    "R45 length and chunks": (_post("/predict", b"0\r\n\r\n", "Transfer-Encoding: chunked"), 400),
    "R45 two lengths": (_post("/predict", b"{}", "Content-Length: 3"), 400),
    "R45 length that is none": (_get("/health", "Content-Length: x"), 400),
    "R46 no Host": (_get("/health", host=None), 400),
    "R46 two Hosts": (_get("/health", "Host: y"), 400),
    "404": (_get("/nowhere"), 404),
    "404 above": (_get("/../health"), 404),
    "404 another model": (_post("/v2/models/other/infer", b"{}"), 404),
    "404 another version": (_get("/v2/models/house_prices/versions/9/ready"), 404),
    "405": (_get("/predict"), 405),
    "405 delete": (b"DELETE /health HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "not HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "CSV that is none": (_post("/batch-predict", b'a,b\n"1', kind="text/csv"), 400),
    "CSV with unknown columns": (_post("/batch-predict", b"a,b\n1,2\n", kind="text/csv"), 422),
    "CSV with text": (_csv("1,2,x,4,5"), 400),
    "CSV with NaN": (_csv("1,2,nan,4,5"), 422),
    "CSV with a gap": (_csv("1,2,,4,5"), 422),
    "CSV with half a room": (_csv("1.5,2,3,4,5"), 422),
    "CSV without rows": (_csv(), 422),
    "Arrow that is none": (_post("/batch-predict", b"garbage", kind="application/vnd.apache.arrow.stream"), 400),
    "10 GB": (_post("/predict", b"").replace(b"h: 0", b"h: 10000000000"), 413),
    "huge length": (_post("/predict", b"").replace(b"h: 0", b"h: 99999999999999999999999"), 400),
}  # fmt: skip


def _exchange(port, message):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all was sent
            line.sendall(message)
        content = b""
        while b"\r\n\r\n" not in content:
            block = line.recv(65536)
            assert block, content
            content += block
        head, _, body = content.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += line.recv(65536)
    return int(head.split()[1]), head.lower(), body


def _assert_refused(port, message, status):
    found, head, body = _exchange(port, message)
    assert (found, b"content-type: application/problem+json" in head) == (status, True), body
    problem = json.loads(body)
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert b"Traceback" not in body


@pytest.mark.parametrize("kind", ["compiled", "native"])
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("case", BODIES)
def test_a_bad_body_is_refused_with_its_code(listening, predictor, route, case, kind):
    content, status = BODIES[case]
    if route != "/predict" and case.startswith(SINGLE_ONLY) and status == 422:
        wrapped = {"/batch-predict": b"[%b]", "/invocations": b'{"inputs": [%b]}', ROUTES[3]: b'{"inputs": [%b]}'}
        content = wrapped[route] % content
    _assert_refused(listening.port, _post(route, content), status)
    assert predictor.log.counts.payloads == 0


@pytest.mark.parametrize("case", MESSAGES)
def test_a_bad_request_is_refused_with_its_code(listening, case):
    message, status = MESSAGES[case]
    _assert_refused(listening.port, message, status)
    assert _exchange(listening.port, _get("/health"))[0] == 200


class TestOtherKindsOfInput:
    """A model with text, moments, booleans and values that may be missing."""

    @pytest.fixture
    def predictor(self, tmp_path):
        inputs = (
            ModelInput("city", "string"),
            ModelInput("sold", "timestamp"),
            ModelInput("new", "boolean"),
            ModelInput("sqft", "float", nullable=True),
        )
        frame = pd.DataFrame({"city": ["Ulm", "Bonn"] * 10, "sqft": np.arange(20.0)})
        encode = ColumnTransformer([("city", OneHotEncoder(handle_unknown="ignore"), ["city"])])
        model = make_pipeline(encode, LinearRegression()).fit(frame, frame.sqft)
        columns = {
            "city": Column.of("city", frame["city"].to_numpy()),
            "sold": Column.of("sold", np.array(["2026-01-01"] * 20, "datetime64[ns]")),
            "new": Column.of("new", np.array([True, False] * 10)),
            "sqft": Column.of("sqft", [None, *frame["sqft"].tolist()[1:]]),
        }
        scorer = RecordScorer.of(Profile.of(columns), tuple(columns))
        served = Served("house_prices", 3, "d" * 64)
        log = PredictionLog(LogOptions(tmp_path / "log"), served.header(inputs, "local"))
        predictor = Predictor(LoadedModel(inputs, Form("frame"), None, model), scorer, None, served, log)
        yield predictor
        predictor.close()

    @pytest.fixture
    def application(self, predictor):
        return Application(predictor)

    def _ask(self, listening, **change):
        record = {"city": "Ulm", "sold": "2026-01-31T08:00:00Z", "new": True, "sqft": 1.0, **change}
        return _exchange(listening.port, _post("/predict", json.dumps(record).encode()))

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param({"new": "off"}, id="R13 text for a boolean"),
            pytest.param({"new": 1}, id="R13 number for a boolean"),
            pytest.param({"city": "\ud800"}, id="R17 half a character"),
            pytest.param({"city": 7}, id="number for text"),
            pytest.param({"city": None}, id="null for text"),
            pytest.param({"sold": "2026-01-31T08:00:00"}, id="R27 no offset"),
            pytest.param({"sold": 1769846400}, id="R29 seconds"),
            pytest.param({"sold": "9999-12-31T23:00:00-14:00"}, id="R30 year 9999"),
            pytest.param({"sold": "0001-01-01T00:00:00+14:00"}, id="R30 year 1"),
            pytest.param({"sold": "soon"}, id="no moment"),
        ],
    )
    def test_a_bad_value_is_refused(self, listening, change):
        status, _, body = self._ask(listening, **change)
        assert status == 422, body
        assert next(iter(change)) in json.loads(body)["detail"]

    def test_good_values_of_every_kind_are_scored(self, listening, predictor):
        answers = [json.loads(self._ask(listening, **change)[2]) for change in ({}, {"sqft": None}, {"city": "Jena"})]
        usual, gap, unseen = answers
        assert set(usual["drift"]) == {"city", "new", "sqft"}
        assert gap["drift"]["sqft"] > 1.9
        assert unseen["drift"]["city"] > 1.9 > usual["drift"]["city"]
        assert usual["p_value"] is None
        assert predictor.log.counts.payloads == 3


def test_a_wrong_method_is_told_the_right_one(listening):
    assert b"\r\nallow: post" in _exchange(listening.port, _get("/predict"))[1]
    assert b"\r\nallow: get, head" in _exchange(listening.port, _post("/health", b"{}"))[1]


def test_another_model_is_told_the_one_that_is_here(listening):
    problem = json.loads(_exchange(listening.port, _get("/v2/models/other"))[2])
    assert problem["detail"].endswith("; the model here is /v2/models/house_prices/versions/3")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("3,2,,10,7", "row 1: sqft is null"),
        ("3,2,nan,10,7", "row 1: sqft is not a finite number"),
        ("3.5,2,2000,10,7", "row 1: bedrooms expects an integer"),
    ],
)
def test_a_wrong_row_among_many_is_told_by_its_number(listening, wrong, sentence):
    problem = json.loads(_exchange(listening.port, _csv("3,2,2000,10,7", wrong, "3,2,2000,10,7"))[2])
    assert problem["detail"].startswith(sentence)
