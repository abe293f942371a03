"""Each example runs, and draws a picture of its result."""

import os
import sys

import numpy as np
import pytest
from documents import ROOT, run

#: Examples of libraries that are too large for every run: tests/parity/test_ray.py runs this one.
ELSEWHERE = {ROOT / "examples" / "ray_search.py"}
EXAMPLES = sorted({*ROOT.glob("examples/*.py")} - ELSEWHERE)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_and_draws_its_result(path, tmp_path):
    image = pytest.importorskip("matplotlib.image")
    one = {"FASTNN_NUM_THREADS": "1"}  # others run beside it
    assert run([sys.executable, str(path), "--plot", "result.png"], tmp_path, variables=one)
    assert os.listdir(tmp_path) == ["result.png"]
    pixels = image.imread(tmp_path / "result.png")[..., :3].reshape(-1, 3)
    assert len(np.unique(pixels, axis=0)) > 50
    assert 0.02 < (pixels < 0.98).any(axis=1).mean() < 1  # neither empty nor all over


def test_an_example_needs_no_matplotlib(tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError")
    path = str(ROOT / "examples" / "xor.py")
    assert run([sys.executable, path], tmp_path)
    with pytest.raises(AssertionError, match=r"pip install 'fastnn\[plot\]'"):
        run([sys.executable, path, "--plot", "result.png"], tmp_path)
