"""The campaigns of `make nightly` in small; those of files and kills are in test_atomic.py, and
those that are tests of a file need none here."""

import subprocess
import sys
from pathlib import Path

import pytest

NIGHT = Path(__file__).parent / "nightly" / "night.py"


@pytest.mark.skipif(sys.platform != "linux", reason="they look at /proc, and fork")
@pytest.mark.parametrize(
    "word",
    [
        "bits: a row",
        "bits: training",
        "numbers: every kernel",
        "processes",
        "threads: eight",
        "threads: whoever",
        "signals",
        "memory: predictions",
        "memory: models",
    ],
)
def test_a_small_campaign(word):
    command = [sys.executable, str(NIGHT), "--small", "--seed", "1", "--only", word]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split("|") for line in done.stdout.splitlines() if line.startswith(f"| {word}")]
    assert rows
    assert all(int(row[2].replace(",", "")) >= 10 for row in rows)
    assert all(row[-2].strip() == "0" for row in rows)
