"""The log after a loss of power: every acknowledged payload is found, and nothing that was never written."""

import contextlib
import random
import zlib
from collections import Counter
from pathlib import Path

import pytest
from simulated_disk import PowerLossError, SimulatedDisk

from mlmon_dagster.adapters.prediction_log import frames
from mlmon_dagster.adapters.prediction_log.segments import SegmentWriter

HOME = Path("/log")
HEADER = b"H{}"


class AcknowledgesBeforeTheSync(SegmentWriter):
    def commit(self, payloads, now, *, defer=False):
        super().commit(payloads, now, defer=True)


class NeverSyncsTheDirectory(SegmentWriter):
    def _open(self, now):
        kept, self.disk.sync_directory = self.disk.sync_directory, lambda _: None
        super()._open(now)
        self.disk.sync_directory = kept


class WritesOnlyOnce(SegmentWriter):
    def _write(self, file, content, at):
        self.disk.write(file, content, at)


class AcknowledgesAfterASecondSync(SegmentWriter):
    def commit(self, payloads, now, *, defer=False):
        with contextlib.suppress(OSError):
            super().commit(payloads, now)

    def _abandon(self):
        try:
            self.disk.sync(self._file)
        except OSError:
            self._abandon()


def _trial(seed, kind=SegmentWriter, **faults):
    """(acknowledged and lost, found but never written) of one power loss."""
    chance = random.Random(seed)
    disk = SimulatedDisk(seed, dies_at=chance.randrange(4, 80), **faults)
    writer = kind(HOME, HEADER, boot=f"{seed:016x}", disk=disk, segment_bytes=2_000, segment_seconds=5)
    written, acknowledged, now = [HEADER], [], 1_700_000_000.0
    try:
        while True:
            group = [
                b"R%d.%d." % (len(written), number) + chance.randbytes(chance.randrange(0, 300))
                for number in range(chance.randrange(1, 6))
            ]
            written += group
            now += chance.random()
            try:
                writer.commit(group, now)
            except OSError:
                continue
            acknowledged += group
    except PowerLossError:
        pass
    found = [
        payload
        for path, content in disk.after_power_loss().items()
        for payload in frames.scan(content, frames.seed_of(path.name)).payloads
    ]
    counted = Counter(found)
    lost = sum(counted[payload] == 0 for payload in acknowledged)
    allowed = set(written)
    return lost, sum(count for payload, count in counted.items() if payload not in allowed)


def _trials(count, kind=SegmentWriter, **faults):
    results = [_trial(seed, kind, **faults) for seed in range(count)]
    return sum(lost > 0 for lost, _ in results), sum(phantom > 0 for _, phantom in results)


def test_after_a_power_loss_nothing_acknowledged_is_lost_and_nothing_invented():
    assert _trials(3_000) == (0, 0)


def test_the_same_while_syncs_fail_and_drop_what_they_could_not_write():
    assert _trials(1_000, failing_syncs=0.3) == (0, 0)


@pytest.mark.slow
def test_20000_power_losses_lose_and_invent_nothing():
    assert _trials(15_000) == (0, 0)
    assert _trials(5_000, failing_syncs=0.3) == (0, 0)


@pytest.mark.parametrize(
    ("kind", "faults"),
    [
        (AcknowledgesBeforeTheSync, {}),
        (NeverSyncsTheDirectory, {}),
        (WritesOnlyOnce, {}),
        (AcknowledgesAfterASecondSync, {"failing_syncs": 0.3}),
    ],
)
def test_a_writer_with_a_known_mistake_is_caught(kind, faults):
    assert _trials(150, kind, **faults)[0] > 0


def test_a_format_without_a_checksum_is_caught(monkeypatch):
    monkeypatch.setattr(frames, "_checksum", lambda payload, length, seed: seed & 0)
    assert _trials(200)[1] > 0


def test_frames_of_another_segment_are_not_taken_for_this_ones():
    content = frames.framed(b"R1", frames.seed_of("one.wal"))
    assert frames.scan(content, frames.seed_of("two.wal")).payloads == ()


def test_a_checksum_that_zeros_satisfy_would_be_noticed():
    zeros = frames.HEAD.pack(frames.MAGIC, 0, 0) + bytes(100)
    assert frames.scan(zeros, frames.seed_of("one.wal")).payloads == ()
    assert zlib.crc32(b"") == 0  # why the checksum has a seed


def test_what_lies_behind_damage_is_still_found():
    seed = frames.seed_of("one.wal")
    content = bytearray(frames.frames([b"first", b"second", b"third"], seed))
    content[frames.HEAD.size + len(b"first") + frames.HEAD.size] ^= 1
    found = frames.scan(bytes(content), seed)
    assert found.payloads == (b"first", b"third")
    assert found.damaged == ((17, 35),)
