"""What production installs is pinned by hash: a package that was exchanged at its source is not installed."""

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCK, PINS = ROOT / "requirements.lock", ROOT / "constraints.txt"
NAMED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;]+)")


def pinned(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    found = (NAMED.match(line) for line in lines if "== 'win32'" not in line)  # what only Windows needs was not tested
    return {one[1].lower().replace("_", "-"): one[2] for one in found if one}


def test_everything_that_is_installed_has_its_hashes_in_the_lock() -> None:
    blocks = re.split(r"\n(?=\S)", LOCK.read_text(encoding="utf-8").strip())
    assert len(blocks) > 100
    for block in blocks:
        head, *hashes = block.split(" \\\n")
        assert NAMED.match(head), head
        assert hashes, head
        assert all(re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}", one) for one in hashes), head


def test_the_lock_is_of_the_versions_that_were_tested_together() -> None:
    lock, pins = pinned(LOCK), pinned(PINS)
    assert {name: version for name, version in lock.items() if pins.get(name) != version} == {}


def test_the_lock_has_everything_that_the_package_declares() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared = text.partition("\ndependencies = [")[2].partition("\n]")[0]
    names = {
        re.match(r"[A-Za-z0-9._-]+", one)[0].lower().replace("_", "-") for one in re.findall(r'"([^"]+)"', declared)
    }  # type: ignore[index]
    assert len(names) > 20
    assert names <= set(pinned(LOCK))


@pytest.mark.parametrize("exchanged", [False, True])
def test_what_has_another_hash_is_not_installed(tmp_path: Path, exchanged: bool) -> None:
    """Without a network: a package of ours, and the same one after somebody has written into it."""
    wheel = tmp_path / "harmless-1.0-py3-none-any.whl"
    facts = "Metadata-Version: 2.1\nName: harmless\nVersion: 1.0\n"
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {"harmless.py": "", "harmless-1.0.dist-info/METADATA": facts, "harmless-1.0.dist-info/WHEEL": tags}
    record = "".join(f"{name},,\n" for name in (*files, "harmless-1.0.dist-info/RECORD"))

    def build(content: str) -> str:
        with zipfile.ZipFile(wheel, "w") as made:
            for name, text in {**files, "harmless.py": content, "harmless-1.0.dist-info/RECORD": record}.items():
                made.writestr(name, text)
        return hashlib.sha256(wheel.read_bytes()).hexdigest()

    lock = tmp_path / "requirements.lock"
    lock.write_text(f"harmless==1.0 --hash=sha256:{build('')}\n", encoding="utf-8")
    if exchanged:
        build("print(1)")
    target = tmp_path / "installed"
    words = ["--no-index", "--find-links", str(tmp_path), "--target", str(target), "--require-hashes", "-r", str(lock)]
    ended = subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-cache-dir", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode == 0) is not exchanged, ended.stderr
    assert (target / "harmless.py").exists() is not exchanged
