#!/usr/bin/env python3
"""Verifies an exported audit log, its signed checkpoints and single proofs. One file, standard library only.

    python3 mlmon_verify.py audit.jsonl [--checkpoints FOLDER] [--key VERIFIER_KEY ...]
    python3 mlmon_verify.py proof.json --key VERIFIER_KEY

Written apart from the product's own code, so that an auditor relies on neither its libraries nor its authors.
The audit log: every entry's leaf, chain hash and number are computed again from its payload. Checkpoints (C2SP signed
notes, RFC 6962 roots, Ed25519) must be signed by a given key, or by one that the log introduces once a checkpoint by
such a key covers that entry, and agree with the log; without --key they are read with the key in the folder, which
shows less: who can write there can put another key there. Exit code 0: everything holds; 1: something was changed, and
the first entry that shows it is named; 2: an argument or file cannot be used.
"""

import argparse
import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

Point = tuple[int, int, int, int]
Key = tuple[str, bytes, bytes]  # name, id, public key

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
CURVE = -121665 * pow(121666, PRIME - 2, PRIME) % PRIME
ROOT = pow(2, (PRIME - 1) // 4, PRIME)


class Found(Exception):
    """Something does not hold."""


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


# Ed25519 verification (RFC 8032, section 5.1.7) with points (X, Y, Z, T).


def add(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % PRIME, (p[1] + p[0]) * (q[1] + q[0]) % PRIME
    c, d = 2 * p[3] * q[3] * CURVE % PRIME, 2 * p[2] * q[2] % PRIME
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME


def times(scalar: int, point: Point) -> Point:
    total: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point, scalar = add(point, point), scalar >> 1
    return total


def point(encoded: bytes) -> "Point | None":
    """The point that 32 bytes encode, or None."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if len(encoded) != 32 or y >= PRIME:
        return None
    square = (y * y - 1) * pow(CURVE * y * y + 1, PRIME - 2, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME:
        x = x * ROOT % PRIME
    if (x * x - square) % PRIME or (x == 0 and sign):
        return None
    x = PRIME - x if x & 1 != sign else x
    return x, y, 1, x * y % PRIME


BASE = point((4 * pow(5, PRIME - 2, PRIME) % PRIME).to_bytes(32, "little")) or (0, 1, 1, 0)


def ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is right."""
    key, r = point(public), point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if key is None or r is None or len(signature) != 64 or s >= ORDER:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    left, right = times(s, BASE), add(r, times(h, key))
    return (
        not (left[0] * right[2] - right[0] * left[2]) % PRIME and not (left[1] * right[2] - right[1] * left[2]) % PRIME
    )


# Checkpoints.


def verifier_key(text: str) -> Key:
    name, _, rest = text.strip().partition("+")
    id, _, material = rest.partition("+")
    raw = base64.b64decode(material)
    if len(raw) != 33 or raw[0] != 1 or sha256(name.encode(), b"\n", raw)[:4].hex() != id:
        raise ValueError(f"{text[:100]!r} is not an Ed25519 verifier key")
    return name, bytes.fromhex(id), raw[1:]


def checkpoint(text: str, keys: "list[Key]") -> "tuple[int, bytes, dict[str, str]]":
    """(size, root, values) of a note that one of the keys signed."""
    body, _, signatures = text.partition("\n\n")
    message = f"{body}\n".encode()
    for line in signatures.splitlines():
        dash, name, signed = [*line.split(" "), "", ""][:3]
        raw = base64.b64decode(signed)
        for key_name, id, public in keys:
            known = dash == "\N{EM DASH}" and (name, raw[:4]) == (key_name, id)
            if known and ed25519(public, message, raw[4:]):
                _origin, size, root, *more = body.split("\n")
                return int(size), base64.b64decode(root), dict(line.split(" ", 1) for line in more)
    raise Found("a checkpoint is not signed by a given key")


def root_of(leaves: "list[bytes]") -> bytes:
    """RFC 6962's tree head, as the RFC defines it."""
    if not leaves:
        return sha256()
    level = list(leaves)
    while len(level) > 1:
        above = [sha256(b"\x01", *level[i : i + 2]) for i in range(0, len(level) - 1, 2)]
        level = above + level[len(above) * 2 :]
    return level[0]


def first_difference(
    leaves: "list[bytes]", kept: "dict[int, bytes]", since: int, size: int, root: bytes
) -> "tuple[int, bool]":
    """The first entry after `since` whose leaf is not the one that was kept outside, if those make the signed root."""
    theirs = [kept.get(seq, b"") for seq in range(1, size + 1)]
    if root_of(theirs) == root:
        for seq, leaf in enumerate(theirs, 1):
            if seq > len(leaves) or leaves[seq - 1] != leaf:
                return seq, True
    return since + 1, False


# The log and single proofs.


def log(lines: "list[bytes]", introduced: "list[tuple[int, str]]") -> "tuple[list[bytes], list[bytes], str]":
    """Leaves and chain hashes of an exported log, computed again, up to the first entry that does not hold; and why.

    Keys that the log introduces are added to `introduced`, each with the number of the entry that does.
    """
    leaves: list[bytes] = []
    hashes: list[bytes] = []
    previous = bytes(32)
    for number, line in enumerate(lines, 1):
        try:
            body = json.loads(line)
            payload, seq = body["payload"].encode(), body["seq"]
            entry = json.loads(payload)
            told = (body["leaf"], body["hash"], entry["seq"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return leaves, hashes, f"entry {number} cannot be read"
        if seq != number:
            return leaves, hashes, f"entry {number} is missing: after {number - 1} comes {seq}"
        previous = sha256(b"\x01", seq.to_bytes(8, "big"), previous, sha256(payload))
        leaf = sha256(b"\x00", payload)
        if told != (leaf.hex(), previous.hex(), seq):
            return leaves, hashes, f"entry {number} is not what was recorded"
        leaves.append(leaf)
        hashes.append(previous)
        if entry.get("action") == "key.introduced":
            introduced.append((seq, entry["data"]["key"]))
    return leaves, hashes, ""


def verify_log(file: Path, folder: "Path | None", keys: "list[Key]") -> str:
    introduced: list[tuple[int, str]] = []
    leaves, hashes, broken = log(file.read_bytes().splitlines(), introduced)
    if folder is None:
        if broken:
            raise Found(broken)
        return f"{len(leaves)} entries, unbroken; no checkpoints were given, so a log written anew would not show"
    keys = keys or [verifier_key(line) for line in (folder / "key").read_text().splitlines()]
    kept: dict[int, bytes] = {}
    for part in sorted(folder.glob("*.leaves")):
        raw, first = part.read_bytes(), int(part.name.split("-")[0])
        kept.update({first + i: raw[i * 32 : i * 32 + 32] for i in range(len(raw) // 32)})
    since, seen, last = 0, 0, ""
    for name in sorted([*folder.glob("*.checkpoint"), *folder.glob("*.latest")]):
        size, root, values = checkpoint(name.read_text(encoding="utf-8"), keys)
        chain = hashes[size - 1].hex() if 0 < size <= len(hashes) else "0" * 64
        if size > len(leaves) or root_of(leaves[:size]) != root or chain != values["chain"]:
            seq, exact = first_difference(leaves, kept, since, size, root)
            if broken and not exact:
                raise Found(broken)
            where = f"entry {seq}" if exact else f"an entry from {seq} to {size}"
            raise Found(f"{where} is not what was recorded when the checkpoint of {size} entries was signed")
        since, seen, last = size, seen + 1, values["time"]
        while introduced and introduced[0][0] <= size:
            keys = [*keys, verifier_key(introduced.pop(0)[1])]
    if broken or not seen:
        raise Found(broken or "there is no checkpoint")
    return f"{len(leaves)} entries, unbroken; {seen} checkpoints agree, the last covers {since} entries at {last}"


def verify_proof(proof: "dict[str, Any]", keys: "list[Key]") -> str:
    """An inclusion proof: an entry's payload is under a signed root."""
    if not keys:
        raise ValueError("a proof is verified with --key")
    size, root, values = checkpoint(proof["checkpoint"], keys)
    index, node = proof["entry"]["seq"] - 1, sha256(b"\x00", proof["payload"].encode())
    last, nodes = size - 1, [bytes.fromhex(one) for one in proof["inclusion"]]
    for beside in nodes:
        if index & 1 or index == last:
            node = sha256(b"\x01", beside, node)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = sha256(b"\x01", node, beside)
        index, last = index >> 1, last >> 1
    if last or node != root or json.loads(proof["payload"]) != proof["entry"]:
        raise Found(f"entry {proof['entry']['seq']} is not in the signed log")
    said = f"entry {proof['entry']['seq']} is one of the {size} entries signed at {values['time']}"
    if "since" not in proof:
        return said
    first, old = proof["since"], bytes.fromhex(proof["since_root"])
    if not consistent(first, size, old, root, [bytes.fromhex(one) for one in proof["consistency"]]):
        raise Found(f"the signed log of {size} entries does not begin with the log of {first} entries")
    return f"{said}; the log begins with the {first} entries whose root is {old.hex()}"


def consistent(first: int, size: int, old: bytes, new: bytes, nodes: "list[bytes]") -> bool:
    """RFC 6962, section 2.1.2, as a recursion over the tree."""
    rest = list(nodes)

    def subtree(first: int, size: int, whole: bool) -> "tuple[bytes, bytes]":
        """(old root, new root) of a subtree of `size` leaves, of which the old tree had `first`."""
        if first == size:
            node = old if whole else rest.pop()
            return node, node
        split = 1 << ((size - 1).bit_length() - 1)
        if first <= split:
            right = rest.pop()
            left_old, left_new = subtree(first, split, whole)
            return left_old, sha256(b"\x01", left_new, right)
        left = rest.pop()
        right_old, right_new = subtree(first - split, size - split, False)
        return sha256(b"\x01", left, right_old), sha256(b"\x01", left, right_new)

    if first in (0, size):
        return not rest and (old == new if first else old == sha256())
    try:
        return subtree(first, size, True) == (old, new) and not rest
    except IndexError:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--checkpoints", type=Path)
    parser.add_argument("--key", action="append", default=[])
    arguments = parser.parse_args()
    try:
        keys = [verifier_key(text) for text in arguments.key]
        if arguments.file.suffix == ".json":
            print(verify_proof(json.loads(arguments.file.read_bytes()), keys))
        else:
            print(verify_log(arguments.file, arguments.checkpoints, keys))
    except Found as error:
        print(f"NOT AS RECORDED: {error}", file=sys.stderr)
        return 1
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"cannot verify: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
