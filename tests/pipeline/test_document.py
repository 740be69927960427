"""Reading YAML: places, scalars, variables, and everything that is refused."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlmon_dagster.pipeline import document
from mlmon_dagster.pipeline.document import read_document

REFUSED = {
    "empty": ("", "EMPTY", (1, 1)),
    "only_comments": ("# nothing\n# here\n", "EMPTY", (1, 1)),
    "null": ("---\n~\n", "EMPTY", (2, 1)),
    "list": ("- a\n- b\n", "TYPE", (1, 1)),
    "scalar": ("hello\n", "TYPE", (1, 1)),
    "two_documents": ("a: 1\n---\nb: 2\n", "MULTIDOC", (2, 1)),
    "duplicate_key": ("a: 1\nb:\n  c: {x: 2}\n  c: {x: 0}\n", "DUPKEY", (4, 3)),
    "merge_key": ("a:\n  <<: {approvals: 0}\n", "MERGE", (2, 3)),
    "anchor": ("a: &b {x: 1}\n", "ALIAS", (1, 4)),
    "alias_to_itself": ("a: &b [*b]\n", "ALIAS", (1, 4)),
    "alias_as_key": ("*a : b\n", "ALIAS", (1, 1)),
    "deep_list": ("a: " + "[" * 2000, "DEPTH", (1, 67)),
    "deep_mapping": ("".join(" " * level + "a:\n" for level in range(70)), "DEPTH", (65, 65)),
    "too_large": ("a: " + "x" * 262_145, "SIZE", (1, 1)),
    "utf_16": ("a: b".encode("utf-16"), "ENCODING", (1, 1)),
    "utf_16_without_mark": ("a: b".encode("utf-16-be"), "ENCODING", (1, 1)),
    "latin_1": ("a: 1\nb: é\n".encode("latin-1"), "ENCODING", (2, 4)),
    "surrogate": ("a: \ud800", "CHAR", (1, 4)),
    "escape_sequence": ("a: 1\nb: x\x1b[31m\n", "CHAR", (2, 5)),
    "escaped_escape_sequence": ('a: "\\e[31m"\n', "CHAR", (1, 4)),
    "escaped_in_a_key": ('"a\\e": 1\n', "CHAR", (1, 1)),
    "reading_direction": ("a: x\u202ey\n", "CHAR", (1, 5)),
    "python_object": ("a: !!python/object/apply:os.system [ls]\n", "TAG", (1, 4)),
    "unknown_tag": ("a: !Ref b\n", "TAG", (1, 4)),
    "string_tag": ("a: !!str 1\n", "TAG", (1, 4)),
    "leading_zero": ("a: 010\n", "AMBIGUOUS", (1, 4)),
    "zip_code": ("a: 08544\n", "AMBIGUOUS", (1, 4)),
    "many_zeros": (f"a: {'0' * 5000}1\n", "RANGE", (1, 4)),
    "no_number": ("a: .nan\n", "RANGE", (1, 4)),
    "infinity": ("a: -.inf\n", "RANGE", (1, 4)),
    "large_float": ("a: 1e999\n", "RANGE", (1, 4)),
    "large_integer": (f"a: {'9' * 5000}\n", "RANGE", (1, 4)),
    "65_bits": ("a: 18446744073709551616\n", "RANGE", (1, 4)),
    "integer_key": ("1: a\n", "KEY", (1, 1)),
    "boolean_key": ("true: a\n", "KEY", (1, 1)),
    "null_key": ("~: a\n", "KEY", (1, 1)),
    "list_as_key": ("? [a]\n: b\n", "KEY", (1, 3)),
    "unset_variable": ("a: x\nb: ${UNSET}\n", "ENV", (2, 4)),
    "empty_variable": ("a: ${EMPTY}\n", "ENV", (1, 4)),
    "broken_variable": ("a: ${1X}\n", "ENV", (1, 4)),
    "access_key": ("a: 1\nb: AKIAABCDEFGHIJKLMNOP\n", "SECRET", (2, 4)),
    "secret_in_a_comment": ("a: 1 # ghp_" + "a" * 36 + "\n", "SECRET", (1, 8)),
    "private_key": ("a: |\n  -----BEGIN RSA PRIVATE KEY-----\n", "SECRET", (2, 3)),
    "password_in_a_url": ("a: postgresql://user:hunter2@host/db\n", "SECRET", (1, 14)),
    "unclosed_quote": ('a: "b\n', "SYNTAX", (2, 1)),
    "tab": ("a:\n\tb: 1\n", "SYNTAX", (2, 1)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_has_its_code_and_its_place(name: str) -> None:
    text, code, place = REFUSED[name]
    first = read_document(text, {"EMPTY": ""}).problems[0]
    assert (first.code, (first.line, first.column)) == (code, place), first


@pytest.mark.parametrize("name", REFUSED)
def test_the_pure_parser_refuses_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "_Loader", yaml.SafeLoader)
    text, code, _ = REFUSED[name]
    assert read_document(text, {"EMPTY": ""}).problems[0].code == code


@pytest.mark.parametrize("secret", ["AKIAABCDEFGHIJKLMNOP", "hunter2"])
def test_a_secret_is_not_repeated(secret: str) -> None:
    for text in (f"a: {secret}", f"a: postgresql://user:{secret}@host"):
        assert secret not in "".join(str(one) for one in read_document(text, {}).problems)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"), ("yes", "yes"), ("on", "on"), ("y", "y"), ("12:30:45", "12:30:45"), ("2014-11-01", "2014-11-01"),
        ("1_000", "1_000"), ("0b11", "0b11"), ("=", "="), ("true", True), ("False", False), ("~", None), ("null", None),
        ("", None), ("0", 0), ("-12", -12), ("0o17", 15), ("0x1F", 31), ("0.10", 0.1), (".5", 0.5), ("1e3", 1000.0),
        ("'010'", "010"), ('"true"', "true"), ('""', ""), ("|\n  a\n  b", "a\nb\n"), ("9223372036854775807", 2**63 - 1),
        ("truely", "truely"), ("+", "+"), (".", "."), ("-", None),
    ],
)  # fmt: skip
def test_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    read = read_document(f"a: {text}\n", {})
    if text == "-":
        assert read.problems[0].code == "SYNTAX"
        return
    assert read.problems == []
    assert (read.body["a"], type(read.body["a"])) == (value, type(value))


def test_a_byte_order_mark_is_dropped() -> None:
    assert read_document("\ufeffa: 1".encode(), {}).body == {"a": 1}
    assert read_document("\ufeffa: 1", {}).body == {"a": 1}


def test_every_problem_is_told_and_the_rest_is_read() -> None:
    read = read_document("a: 010\nb: ${X}\nc: [.nan, 2]\na: 1\nd: !x 4\n", {})
    assert [one.code for one in read.problems] == ["AMBIGUOUS", "ENV", "RANGE", "DUPKEY", "TAG"]
    assert read.body == {"a": None, "b": None, "c": [None, 2], "d": 4}
    assert not read.broken


def test_the_first_of_two_equal_keys_stays() -> None:
    read = read_document("a: {x: 1, x: {y: 2}}\n", {})
    assert read.body == {"a": {"x": 1}}
    assert read.place(("a", "x")) == (1, 8)


def test_variables_are_filled_in_and_their_text_is_kept() -> None:
    text = "a: ${A:-x}/y\nb: '${B}'\nc: ${C:-1}\nd: $${D}\ne: ${E:-}\n"
    read = read_document(text, {"B": "7"})
    assert read.problems == []
    assert read.body == {"a": "x/y", "b": "7", "c": 1, "d": "${D}", "e": ""}
    assert read.variables[("b",)] == "${B}"


def test_a_variable_cannot_bring_structure() -> None:
    assert read_document("a: ${A}\n", {"A": "{b: [1]}\nc: 2"}).body == {"a": "{b: [1]}\nc: 2"}


def test_a_variable_that_needs_quotes_is_said_to() -> None:
    read = read_document("a: {b: ${X}, c: 1}\n", {"X": "1"})
    assert "needs quotes" in read.problems[0].message


def test_variables_below_late_paths_stay_as_they_are_written() -> None:
    read = read_document("a: {b: ['${UNSET}']}\n", {}, (("a", "b"),))
    assert (read.body, read.problems) == ({"a": {"b": ["${UNSET}"]}}, [])


def test_keys_and_values_know_their_places() -> None:
    read = read_document("a:\n  - b: 1\n    cd: [x, yz]\n", {})
    assert read.key_place(("a", 0, "cd")) == (3, 5)
    assert read.place(("a", 0, "cd", 1)) == (3, 13)
    assert read.place(("a", 0, "not", "there")) == (2, 5)


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    read = read_document("\n".join(lines), {})
    assert {one.code for one in read.problems} == {"ALIAS"}
    assert len(read.problems) == document.MOST


@given(st.binary(max_size=300) | st.text("{}[]:,&*!|>'\"#%@- \n\tax1<?$~.", max_size=80))
def test_nothing_makes_the_reader_crash(raw: bytes | str) -> None:
    read = read_document(raw, {})
    assert read.problems or isinstance(read.body, dict)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63) + 1, 2**63 - 1)
        | st.text(st.characters(min_codepoint=32, max_codepoint=126)),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc_", min_size=1), inner, max_size=3),
        max_leaves=12,
    )
)
def test_json_is_read_as_json(value: object) -> None:
    import json

    text = json.dumps({"value": value})
    if "$" not in text and "://" not in text:
        assert read_document(text, {}).body == {"value": value}
