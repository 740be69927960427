"""How numpy is best started on this processor: on AMD's Zen 4 its AVX-512 sort is six times slower than its AVX2 one.

Zen 4 (Amazon's m7a, c7a, r7a) writes compressed vectors to memory in microcode, and numpy's sort does little else:
https://github.com/numpy/x86-simd-sort/issues/6. numpy can only be told by an environment variable before it is
imported, so this runs when the package is imported. It changes how long a sort takes, never what it gives.
"""

import sys
from collections.abc import Container, MutableMapping
from pathlib import Path

VARIABLE = "NPY_DISABLE_CPU_FEATURES"
CPUINFO = Path("/proc/cpuinfo")
ZEN_4_FAMILY = "25"


def spare_avx512(
    environ: MutableMapping[str, str], cpuinfo: Path = CPUINFO, loaded: Container[str] = sys.modules
) -> None:
    """Has numpy sort with AVX2 on Zen 4, unless numpy is loaded already or the variable is set."""
    if VARIABLE in environ or "numpy" in loaded or not cpuinfo.exists():
        return
    with cpuinfo.open() as file:
        if is_zen_4(file.read(8192)):
            environ[VARIABLE] = _features()


def is_zen_4(cpuinfo: str) -> bool:
    """Whether Linux's description of the processors tells of an AMD Zen 4.

    >>> is_zen_4("vendor_id : AuthenticAMD\\ncpu family : 25\\nflags : avx2 avx512f\\n")
    True
    """
    first = cpuinfo.partition("\n\n")[0]
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}
    family = (facts.get("vendor_id"), facts.get("cpu family")) == ("AuthenticAMD", ZEN_4_FAMILY)
    return family and "avx512f" in facts.get("flags", "").split()


def _features() -> str:
    """numpy names its levels anew from 2.4 on, and warns of names that it does not know."""
    from importlib.metadata import version

    major, minor = version("numpy").split(".")[:2]
    if (int(major), int(minor)) >= (2, 4):
        return "X86_V4 AVX512_ICL AVX512_SPR"
    return "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR"
