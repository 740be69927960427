"""Checkpoints as signed notes, against the published examples and our own verifier."""

import base64

import pytest
from governed import START
from hypothesis import given
from hypothesis import strategies as st

from mlmon_dagster import mlmon_verify
from mlmon_dagster.adapters.signing import Ed25519Signer
from mlmon_dagster.errors import InputError, TamperedError
from mlmon_dagster.governance.audit import GENESIS
from mlmon_dagster.governance.checkpoints import Checkpoint, Key, key, note, opened
from mlmon_dagster.governance.merkle import Tree, leaf_hash

SIGNER = Ed25519Signer(lambda: bytes(range(32)))
KEY = Key("mlmon/test", SIGNER.public)
TREE = Tree().grown(leaf_hash(bytes([number])) for number in range(11))
ELEVEN = Checkpoint("mlmon/test", TREE, "ab" * 32, START)
EMPTY = Checkpoint("mlmon/test", Tree(), GENESIS, START)

PUBLISHED_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PUBLISHED_SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
"""The example of the signed note format."""


def signed(checkpoint: Checkpoint) -> str:
    return note(checkpoint, KEY, SIGNER.sign(checkpoint.body.encode()))


def test_a_published_verifier_key_and_its_signature_are_understood() -> None:
    found, raw = key(PUBLISHED_KEY), base64.b64decode(PUBLISHED_SIGNATURE)
    assert str(found) == PUBLISHED_KEY
    assert found.id == raw[:4]
    assert SIGNER.verifies(found.public, PUBLISHED_TEXT.encode(), raw[4:])
    assert mlmon_verify.ed25519(found.public, PUBLISHED_TEXT.encode(), raw[4:])


@pytest.mark.parametrize("checkpoint", [ELEVEN, EMPTY], ids=["eleven", "empty"])
def test_what_was_signed_is_what_is_read(checkpoint: Checkpoint) -> None:
    assert opened(signed(checkpoint), [KEY], SIGNER.verifies) == checkpoint


def test_the_note_has_the_published_form() -> None:
    origin, size, root, time, chain, peaks, blank, signature, end = signed(ELEVEN).split("\n")
    assert (origin, size, blank, end) == ("mlmon/test", "11", "", "")
    assert base64.b64decode(root) == TREE.root
    assert (time, chain) == ("time 2026-01-05T12:00:00.000000Z", f"chain {'ab' * 32}")
    assert [base64.b64decode(peak) for peak in peaks.split()[1:]] == list(TREE.peaks)
    assert signature.startswith("— mlmon/test ")


@given(place=st.integers(0, 2000), other=st.characters(exclude_categories=["Cs"]))
def test_no_character_of_a_note_can_be_changed(place: int, other: str) -> None:
    text = signed(ELEVEN)
    place %= len(text)
    changed = text[:place] + other + text[place + 1 :]
    if changed == text:
        return
    with pytest.raises((InputError, TamperedError)):
        assert opened(changed, [KEY], SIGNER.verifies) != ELEVEN


def test_a_key_that_is_not_known_signs_nothing() -> None:
    other = Ed25519Signer(lambda: bytes(32))
    with pytest.raises(TamperedError, match="not signed by a known key"):
        opened(signed(ELEVEN), [Key("mlmon/test", other.public)], SIGNER.verifies)
    forged = note(ELEVEN, KEY, other.sign(ELEVEN.body.encode()))
    with pytest.raises(TamperedError):
        opened(forged, [KEY], SIGNER.verifies)


def test_a_checkpoint_that_contradicts_itself_is_refused_although_it_is_signed() -> None:
    for old, new in (("\n11\n", "\n011\n"), ("\n11\n", "\n12\n"), ("time 2026", "time 2025x"), ("chain ab", "cain ab")):
        body = ELEVEN.body.replace(old, new)
        text = f"{body}\n— mlmon/test {base64.b64encode(KEY.id + SIGNER.sign(body.encode())).decode()}\n"
        with pytest.raises(InputError):
            opened(text, [KEY], SIGNER.verifies)


@pytest.mark.parametrize(
    "text",
    ["", "a+b", "mlmon/test", PUBLISHED_KEY[:-4], PUBLISHED_KEY.replace("c74f", "c74e"), "x+00000000+AQ==", "ü+ü+ü"],
)
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="verifier key"):
        key(text)


@pytest.mark.parametrize("text", ["", "\n", "a\n\nb", "mlmon\n1\n", "\n\n— x y\n"])
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises((InputError, TamperedError)):
        opened(text, [KEY], SIGNER.verifies)


@given(st.binary(max_size=40), st.integers(0, 511))
def test_the_verifiers_ed25519_agrees_with_the_library(message: bytes, bit: int) -> None:
    signature = SIGNER.sign(message)
    assert mlmon_verify.ed25519(SIGNER.public, message, signature)
    bent = bytearray(signature)
    bent[bit // 8] ^= 1 << (bit % 8)
    assert not mlmon_verify.ed25519(SIGNER.public, message, bytes(bent))
    assert not SIGNER.verifies(SIGNER.public, message, bytes(bent))
