"""Keeping freed memory for the next batch: the kernel takes longer to give new pages than a batch takes to compute."""

import ctypes

_TRIM, _PAD, _MAPPED = -1, -2, -3
"""glibc's M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD."""

KEPT_BYTES = 32 << 20
MORE_BYTES = 4 << 20


def keep_freed_memory() -> None:
    """Lets this process keep up to 32 MiB that it has freed; nothing happens where the C library is not glibc."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for what, size in ((_TRIM, KEPT_BYTES), (_PAD, MORE_BYTES), (_MAPPED, KEPT_BYTES)):
        mallopt(what, size)
