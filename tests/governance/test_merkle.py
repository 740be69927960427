"""The Merkle tree against the published reference of RFC 6962 (certificate-transparency), and its own definition."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmon_dagster.governance import merkle

LEAVES = [
    merkle.leaf_hash(bytes.fromhex(content))
    for content in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
INCLUSION = {
    (0, 1): (),
    (0, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (5, 8): (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 3): ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",),
    (1, 5): (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}
CONSISTENCY = {
    (1, 1): (),
    (1, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (6, 8): (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 5): (
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}
MANY = [merkle.leaf_hash(bytes([number])) for number in range(70)]


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_the_published_ones(size: int) -> None:
    assert merkle.root_of(LEAVES[:size]).hex() == ROOTS[size]
    assert merkle.Tree().grown(LEAVES[:size]).root.hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_the_inclusion_proofs_are_the_published_ones(index: int, size: int) -> None:
    proof = merkle.inclusion_proof(LEAVES[:size], index)
    assert tuple(node.hex() for node in proof) == INCLUSION[index, size]
    assert merkle.verify_inclusion(LEAVES[index], index, size, proof, bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("first", "second"), CONSISTENCY)
def test_the_consistency_proofs_are_the_published_ones(first: int, second: int) -> None:
    proof = merkle.consistency_proof(LEAVES[:second], first)
    assert tuple(node.hex() for node in proof) == CONSISTENCY[first, second]
    roots = bytes.fromhex(ROOTS[first]), bytes.fromhex(ROOTS[second])
    assert merkle.verify_consistency(first, second, *roots, proof)


def test_every_proof_of_every_size_verifies() -> None:
    roots = [merkle.root_of(MANY[:size]) for size in range(len(MANY) + 1)]
    for size in range(1, len(MANY) + 1):
        for place in range(size):
            proof = merkle.inclusion_proof(MANY[:size], place)
            assert merkle.verify_inclusion(MANY[place], place, size, proof, roots[size])
        for first in range(size + 1):
            proof = merkle.consistency_proof(MANY[:size], first)
            assert merkle.verify_consistency(first, size, roots[first], roots[size], proof)


def test_a_tree_grows_to_the_same_peaks_in_any_steps() -> None:
    for split in range(len(MANY)):
        grown = merkle.Tree().grown(MANY[:split]).grown(MANY[split:])
        assert grown == merkle.Tree().grown(MANY)
        assert grown.root == merkle.root_of(MANY)


Proof = tuple[bytes, ...]
SPOILED: dict[str, Callable[[Proof, bytes, bytes], Proof]] = {
    "a node before": lambda proof, old, new: (bytes(32), *proof),
    "a node behind": lambda proof, old, new: (*proof, bytes(32)),
    "the old root before": lambda proof, old, new: (old, *proof),
    "the new root before": lambda proof, old, new: (new, *proof),
    "the old root behind": lambda proof, old, new: (*proof, old),
    "the new root behind": lambda proof, old, new: (*proof, new),
    "the last node lost": lambda proof, old, new: proof[:-1] if proof else (new,),
    "the first node lost": lambda proof, old, new: proof[1:] if proof else (new,),
    "a flipped bit": lambda proof, old, new: (
        (bytes([proof[0][0] ^ 16, *proof[0][1:]]), *proof[1:]) if proof else (old,)
    ),
}
"""What the conformance vectors of transparency-dev/merkle do to proofs."""


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_a_spoiled_proof_does_not_verify(spoil: Callable[[Proof, bytes, bytes], Proof]) -> None:
    for second in range(2, 20):
        new = merkle.root_of(MANY[:second])
        for first in range(1, second):
            old = merkle.root_of(MANY[:first])
            proof = spoil(merkle.consistency_proof(MANY[:second], first), old, new)
            assert not merkle.verify_consistency(first, second, old, new, proof)
        for place in range(second):
            proof = spoil(merkle.inclusion_proof(MANY[:second], place), MANY[place], new)
            assert not merkle.verify_inclusion(MANY[place], place, second, proof, new)


@given(size=st.integers(1, 40), data=st.data())
def test_a_leaf_is_proven_for_its_own_place_only(size: int, data: st.DataObject) -> None:
    place, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(-1, 40))
    proof, root = merkle.inclusion_proof(MANY[:size], place), merkle.root_of(MANY[:size])
    assert merkle.verify_inclusion(MANY[place], other, size, proof, root) == (other == place)


def test_swapped_roots_do_not_verify() -> None:
    for first in range(1, 8):
        old, new = merkle.root_of(MANY[:first]), merkle.root_of(MANY[:8])
        assert not merkle.verify_consistency(first, 8, new, old, merkle.consistency_proof(MANY[:8], first))


@pytest.mark.parametrize("index", [-1, 8, 9])
def test_what_is_not_there_has_no_proof(index: int) -> None:
    with pytest.raises(IndexError):
        merkle.inclusion_proof(LEAVES, index)
    with pytest.raises(IndexError):
        merkle.consistency_proof(LEAVES, index if index != 8 else 10)
