"""The chain of the audit log."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from governed import START
from hypothesis import given
from hypothesis import strategies as st

from mlmon_dagster.errors import InputError, TamperedError
from mlmon_dagster.governance.audit import GENESIS, Entry, Sealed, parse, payload, read, readable, seal, verify, written


def entry(seq: int, **data: object) -> Entry:
    return Entry(seq, START + timedelta(seconds=seq), "ann", "admin", "role.granted", "*", None, None, f"s{seq}", data)


def chain(length: int) -> list[Sealed]:
    lines, previous = [], GENESIS
    for seq in range(1, length + 1):
        lines.append(seal(entry(seq, name="bob", n=seq), previous))
        previous = lines[-1].hash
    return lines


def test_the_hashes_are_those_of_the_published_format() -> None:
    line = seal(entry(1), GENESIS)
    digest = hashlib.sha256(line.payload).digest()
    assert line.leaf == hashlib.sha256(b"\x00" + line.payload).hexdigest()
    assert line.hash == hashlib.sha256(b"\x01" + (1).to_bytes(8, "big") + bytes(32) + digest).hexdigest()


def test_a_chain_that_was_left_alone_verifies() -> None:
    lines = chain(20)
    assert verify(lines) == (20, lines[-1].hash)
    assert verify([]) == (0, GENESIS)


@given(place=st.integers(0, 19), byte=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_any_flipped_bit_is_found_where_it_is(place: int, byte: int, bit: int) -> None:
    lines = chain(20)
    content = bytearray(lines[place].payload)
    content[byte % len(content)] ^= 1 << bit
    lines[place] = replace(lines[place], payload=bytes(content))
    with pytest.raises(TamperedError) as found:
        verify(lines)
    assert found.value.seq == place + 1


@given(place=st.integers(0, 18))
def test_a_removed_entry_is_found_where_it_was(place: int) -> None:
    lines = chain(20)
    del lines[place]
    with pytest.raises(TamperedError) as found:
        verify(lines)
    assert found.value.seq == place + 1


@given(first=st.integers(0, 19), second=st.integers(0, 19))
def test_swapped_contents_are_found_at_the_first_of_them(first: int, second: int) -> None:
    lines = chain(20)
    a, b = lines[first], lines[second]
    lines[first] = replace(a, payload=b.payload, leaf=b.leaf)
    lines[second] = replace(b, payload=a.payload, leaf=a.leaf)
    if first == second:
        assert verify(lines)[0] == 20
        return
    with pytest.raises(TamperedError) as found:
        verify(lines)
    assert found.value.seq == min(first, second) + 1


def test_an_entry_with_a_forged_hash_breaks_the_one_after_it() -> None:
    lines = chain(5)
    forged = seal(replace(lines[2].entry, actor="eve"), lines[1].hash)
    lines[2] = forged
    with pytest.raises(TamperedError) as found:
        verify(lines)
    assert found.value.seq == 4


def test_the_payload_is_sorted_compact_utf8() -> None:
    content = payload(entry(1, b="ü", a=[1, True, None]))
    assert content.decode() == json.dumps(
        json.loads(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    assert parse(content) == entry(1, b="ü", a=[1, True, None])


@pytest.mark.parametrize("data", [{"x": 0.1}, {"x": [1, {"y": 2.0}]}])
def test_a_float_is_not_recorded(data: dict[str, object]) -> None:
    with pytest.raises(TypeError, match="fraction"):
        payload(entry(1, **data))


def test_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(InputError, match="UTF-8"):
        payload(entry(1, reason="\udc80"))


def test_moments_sort_as_text() -> None:
    moments = [START + timedelta(microseconds=step) for step in (0, 1, 999_999, 1_000_000)]
    assert sorted(map(written, moments)) == list(map(written, moments))
    assert [read(written(moment)) for moment in moments] == moments


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\x00b", "\udc80", "x" * 2001, "\u202eevil", "a\rb"])
def test_a_reason_that_would_garble_a_terminal_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        readable(text, "reason")


def test_an_ordinary_reason_keeps_its_lines_and_letters() -> None:
    assert readable("  größer\nals\tzwei 🙂 ", "reason") == "größer\nals\tzwei 🙂"
