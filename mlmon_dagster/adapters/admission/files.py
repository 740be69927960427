"""The files of a model directory: plain, few, not too large, with plain names."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from mlmon_dagster.adapters.admission.findings import Finding

MOST_FILES = 1_000
LARGEST_BYTES = 4 << 30
"""All files together."""
LONGEST_NAME = 200
NAME = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")


def examine_files(directory: Path) -> Iterator[Finding]:
    """Links, devices, odd names, too many and too large files; nothing is opened."""
    count = size = 0
    for folder, folders, names in os.walk(directory):
        for name in (*folders, *names):
            path = Path(folder) / name
            shown = path.relative_to(directory).as_posix()
            found = path.lstat()
            if not NAME.fullmatch(shown) or len(shown) > LONGEST_NAME or ".." in Path(shown).parts:
                yield Finding("NAME", repr(shown)[:100], "names are letters, digits and . _ - only, up to 200 of them")
            if stat.S_ISDIR(found.st_mode):
                continue
            count += 1
            size += found.st_size
            if not stat.S_ISREG(found.st_mode):
                yield Finding("LINK", shown, "it is a link or a device; a model holds plain files only")
            elif found.st_nlink > 1:
                yield Finding("LINK", shown, "it has another name elsewhere (a hard link), so others can change it")
            if count > MOST_FILES:
                yield Finding("COUNT", "", f"it has more than {MOST_FILES} files")
                return
    if size > LARGEST_BYTES:
        yield Finding("SIZE", "", f"its files have {size} bytes, {LARGEST_BYTES} are allowed")
