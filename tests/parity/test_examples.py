"""Examples that call fastnn `keras` are scripts for Keras: but for imports, they run with it, too.

Two steps of training are enough; what a script then claims to have learnt is left out.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastnn

ROOT = Path(__file__).parents[2]
SCRIPTS = {
    path.stem: path.read_text()
    for path in sorted(ROOT.glob("examples/*.py"))
    if "import fastnn as keras" in path.read_text()
}
# What an example has of fastnn's own: data to be read and pictures to be drawn, and those two stay.
STAYS = ("datasets", "plots", "metrics")

SHORT = """
def _shortened(fit):
    def short(self, *args, **options):
        return fit(self, *args, **{**options, "epochs": 1, "steps_per_epoch": 2, "verbose": 0})
    return short

keras.Model.fit = _shortened(keras.Model.fit)
"""


def of_keras(script):
    """The script with Keras imported in place of fastnn, to be trained for two steps."""
    script = script.replace("import fastnn as keras", "import keras" + SHORT)
    script = re.sub(r"^from fastnn import (.+)$", r"from keras import \1", script, flags=re.M)
    return re.sub(rf"^from fastnn\.(?!{'|'.join(STAYS)})", "from keras.", script, flags=re.M)


def test_ten_scripts_are_found():
    assert len(SCRIPTS) >= 10


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_for_fastnn_runs_with_keras(name, tmp_path):
    script = of_keras(SCRIPTS[name])
    environment = {**os.environ, "PYTHONPATH": str(Path(fastnn.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-O", "-"],  # -O leaves out the script's assertions
        input=script,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
