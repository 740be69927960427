"""How records lie in a segment: magic, length, checksum, payload, so that whole ones can be told from torn ones."""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

MAGIC = b"\xffmP1"
"""Begins every frame; its first byte never occurs in UTF-8 text."""

HEAD = struct.Struct("<4sII")
LARGEST = 64_000_000
"""Bytes that one payload may have."""

SALT = 0x6D6C6D6F


def seed_of(name: str) -> int:
    """The checksum's start value for the segment `name`: frames of another segment, and zeros, never verify."""
    return zlib.crc32(name.encode(), SALT)


def framed(payload: bytes, seed: int) -> bytes:
    """The payload as a frame. The checksum covers the length, too.

    >>> scan(framed(b"one", 7) + framed(b"two", 7)[:-1], 7).payloads
    (b'one',)
    """
    return _head(payload, seed) + payload


def frames(payloads: Iterable[bytes], seed: int) -> bytes:
    """The payloads as frames, one after another."""
    return b"".join([part for payload in payloads for part in (_head(payload, seed), payload)])


@dataclass(frozen=True)
class Scan:
    """What a segment's bytes hold."""

    payloads: tuple[bytes, ...]
    offsets: tuple[int, ...]
    """Where the frame of each payload begins."""
    damaged: tuple[tuple[int, int], ...]
    """Ranges of bytes, `[start, end)`, that are no whole frame: a torn tail, or damage in the middle."""


def scan(content: bytes, seed: int) -> Scan:
    """Every whole frame, also those behind damage; nothing in it was not written as a frame of this segment."""
    payloads, offsets, damaged = [], [], []
    at, end = 0, len(content)
    while at < end:
        payload = _payload_at(content, at, seed)
        if payload is None:
            following = _next_frame(content, at + 1, seed)
            damaged.append((at, following))
            at = following
            continue
        payloads.append(payload)
        offsets.append(at)
        at += HEAD.size + len(payload)
    return Scan(tuple(payloads), tuple(offsets), tuple(damaged))


def _head(payload: bytes, seed: int) -> bytes:
    length = len(payload)
    if not 0 < length <= LARGEST:
        raise ValueError(f"a frame holds 1 to {LARGEST} bytes, got {length}")
    return HEAD.pack(MAGIC, length, _checksum(payload, length, seed))


def _payload_at(content: bytes, at: int, seed: int) -> bytes | None:
    if len(content) - at < HEAD.size:
        return None
    magic, length, checksum = HEAD.unpack_from(content, at)
    start = at + HEAD.size
    if magic != MAGIC or not 0 < length <= min(LARGEST, len(content) - start):
        return None
    payload = content[start : start + length]
    return payload if _checksum(payload, length, seed) == checksum else None


def _next_frame(content: bytes, at: int, seed: int) -> int:
    while (at := content.find(MAGIC, at)) >= 0:
        if _payload_at(content, at, seed) is not None:
            return at
        at += 1
    return len(content)


def _checksum(payload: bytes, length: int, seed: int) -> int:
    return zlib.crc32(payload, zlib.crc32(length.to_bytes(4, "little"), seed))
