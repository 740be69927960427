"""numpy is told to sort with AVX2 on Zen 4, and only there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlmon_dagster.processor import VARIABLE, is_zen_4, spare_avx512

CPUS = {
    "Zen 4": ("AuthenticAMD", 25, "avx2 avx512f avx512vl", True),
    "Zen 3": ("AuthenticAMD", 25, "avx2", False),
    "Zen 5": ("AuthenticAMD", 26, "avx2 avx512f", False),
    "Sapphire Rapids": ("GenuineIntel", 6, "avx2 avx512f", False),
}


def described(vendor: str, family: int, flags: str) -> str:
    return "".join(f"vendor_id\t: {vendor}\ncpu family\t: {family}\nflags\t\t: {flags}\n\n" for _ in range(2))


@pytest.mark.parametrize(("vendor", "family", "flags", "slow"), CPUS.values(), ids=CPUS)
def test_zen_4_is_told_apart(vendor: str, family: int, flags: str, slow: bool) -> None:
    assert is_zen_4(described(vendor, family, flags)) is slow


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize(
    ("environ", "loaded", "kept"), [({}, (), False), ({VARIABLE: "mine"}, (), True), ({}, ("numpy",), True)]
)
def test_the_variable_is_set_on_zen_4_before_numpy_comes_and_never_changed(
    tmp_path: Path, cpu: str, environ: dict[str, str], loaded: tuple[str, ...], kept: bool
) -> None:
    file, before = tmp_path / "cpuinfo", dict(environ)
    file.write_text(described(*CPUS[cpu][:3]))
    spare_avx512(changed := dict(environ), file, loaded)
    assert (changed == before) is (kept or cpu != "Zen 4")


def test_nothing_happens_where_the_processor_is_not_described(tmp_path: Path) -> None:
    spare_avx512(environ := {}, tmp_path / "none", ())
    assert environ == {}


def test_numpy_knows_the_names_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(described(*CPUS["Zen 4"][:3]))
    spare_avx512(environ := {}, tmp_path / "cpuinfo", ())
    command = [sys.executable, "-W", "always", "-c", "import numpy"]
    done = subprocess.run(command, env=os.environ | environ, capture_output=True, text=True, check=True)
    assert "not part of the dispatched optimizations" not in done.stderr
