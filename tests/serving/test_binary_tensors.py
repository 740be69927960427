"""The binary data extension of the Open Inference Protocol: the same answers as JSON, and refusals with a reason."""

import json

import numpy as np
import pytest

URL = "/v2/models/house_prices/infer"


def _body(inputs, arrays, **more):
    head = json.dumps({"inputs": inputs, **more}).encode()
    return head + b"".join(one.tobytes() for one in arrays), {
        "inference-header-content-length": str(len(head)),
        "content-type": "application/octet-stream",
    }


def _input(name, array, datatype):
    return {
        "name": name,
        "shape": list(array.shape),
        "datatype": datatype,
        "parameters": {"binary_data_size": array.nbytes},
    }


def _rows(record, count=20):
    return np.array([[*record.values()]] * count) * np.linspace(1, 2, count)[:, None].round(2) // 1


def _expected(client, rows):
    tensor = {"name": "x", "shape": list(rows.shape), "datatype": "FP64", "data": rows.ravel().tolist()}
    outputs = [{"name": name} for name in ("predict", "drift_score")]
    return [one["data"] for one in client.post(URL, json={"inputs": [tensor], "outputs": outputs}).json()["outputs"]]


@pytest.mark.parametrize("kind", ["compiled", "native", "frame"])
def test_bytes_get_the_answers_that_json_gets(client, record, kind):
    rows = _rows(record)
    outputs = [{"name": name, "parameters": {"binary_data": True}} for name in ("predict", "drift_score")]
    content, headers = _body([_input("x", rows, "FP64")], [rows], outputs=outputs)
    answer = client.post(URL, content=content, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/octet-stream")
    length = int(answer.headers["inference-header-content-length"])
    head, values = json.loads(answer.content[:length]), np.frombuffer(answer.content[length:])
    assert [one["parameters"]["binary_data_size"] for one in head["outputs"]] == [160, 160]
    assert values.reshape(2, -1).tolist() == _expected(client, rows)


def test_a_tensor_for_each_feature_may_have_its_own_datatype(client, record):
    rows = _rows(record)
    arrays = {name: rows[:, place : place + 1] for place, name in enumerate(record)}
    kinds = {"bedrooms": ("INT16", "<i2"), "sqft": ("INT64", "<i8")}
    cast = {name: array.astype(kinds.get(name, ("", "<f8"))[1]) for name, array in arrays.items()}
    inputs = [_input(name, array, kinds.get(name, ("FP64", ""))[0]) for name, array in cast.items()]
    content, headers = _body(inputs, cast.values())
    answer = client.post(URL, content=content, headers=headers).json()
    assert answer["outputs"][0]["data"] == _expected(client, rows)[0]


def test_every_output_may_be_asked_for_as_bytes(client, record):
    rows = _rows(record)
    content, headers = _body([_input("x", rows, "FP64")], [rows], parameters={"binary_data_output": True})
    answer = client.post(URL, content=content, headers=headers)
    length = int(answer.headers["inference-header-content-length"])
    assert np.frombuffer(answer.content[length:]).tolist() == _expected(client, rows)[0]


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"shape": [3, 5]}, 422, "has not 800 bytes"),
        ({"datatype": "BYTES"}, 422, "values of BYTES are taken as JSON data only"),
        ({"shape": [-20, -5]}, 422, "has not 800 bytes"),
        ({"parameters": {"binary_data_size": "800"}}, 422, "Expected `int | null`, got `str`"),
    ],
)
def test_bytes_that_do_not_fit_are_refused(client, record, change, status, message):
    rows = _rows(record)
    content, headers = _body([{**_input("x", rows, "FP64"), **change}], [rows])
    answer = client.post(URL, content=content, headers=headers)
    assert (answer.status_code, message in answer.json()["detail"]) == (status, True), answer.json()


@pytest.mark.parametrize("length", ["-1", "x", "999999", "1e3"])
def test_a_length_that_is_not_the_jsons_is_refused(client, record, length):
    rows = _rows(record)
    content, headers = _body([_input("x", rows, "FP64")], [rows])
    answer = client.post(URL, content=content, headers={**headers, "inference-header-content-length": length})
    assert (answer.status_code, "length of the JSON" in answer.json()["detail"]) == (400, True)


def test_bytes_that_are_missing_or_too_many_are_refused(client, record):
    rows = _rows(record)
    content, headers = _body([_input("x", rows, "FP64")], [rows])
    for body, message in ((content[:-8], "ends before its 800 bytes do"), (content + b"12", "2 bytes of the body")):
        answer = client.post(URL, content=body, headers=headers)
        assert (answer.status_code, message in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize(("value", "message"), [(np.nan, "is null"), (np.inf, "is not a finite"), (1e300, None)])
def test_numbers_that_need_a_closer_look_get_it(client, record, value, message):
    rows = _rows(record, 2)
    rows[1, 3] = value
    content, headers = _body([_input("x", rows, "FP64")], [rows])
    answer = client.post(URL, content=content, headers=headers)
    if message is None:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, f"row 1: age {message}" in answer.json()["detail"]) == (422, True), answer.json()


def test_octets_without_the_length_of_their_json_are_refused(client):
    assert client.post(URL, content=b"{}", headers={"content-type": "application/octet-stream"}).status_code == 415
