"""Whether the file of a SQLite database lies on a disk of this machine: over a network its locks do not hold."""

from pathlib import Path

from mlmon_dagster.errors import InputError

MOUNTS = Path("/proc/self/mountinfo")
NETWORK = (
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "ceph",
    "glusterfs",
    "lustre",
    "afs",
    "fuse.sshfs",
    "fuse.s3fs",
)
"""Kinds of file systems that are shared over a network; Amazon's EFS is `nfs4`."""


def refuse_network(path: Path) -> None:
    """`InputError` for a file that SQLite cannot guard; where the system does not say what is mounted, nothing."""
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    kind = kind_of(path.resolve(), mounts)
    if kind in NETWORK:
        raise InputError(
            f"the SQLite database {path} would lie on {kind}, where SQLite's locks do not hold",
            hint="name a file on a disk of this machine, or Postgres: postgresql://user@host/name",
        )


def kind_of(path: Path, mounts: str) -> str:
    """The kind of file system that holds an absolute path, by the text of Linux' `mountinfo`; empty where unknown.

    >>> mounts = "1 0 0:1 / / rw - ext4 /dev/sda rw\\n2 1 0:2 / /mnt/efs rw shared:1 - nfs4 fs:/ rw"
    >>> kind_of(Path("/mnt/efs/mlmon.db"), mounts)
    'nfs4'
    """
    found, longest = "", -1
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        point = Path(fields[4].replace("\\040", " "))
        if path.is_relative_to(point) and len(point.parts) >= longest:  # a later mount covers an earlier one
            found, longest = after.split()[0], len(point.parts)
    return found
