"""Examples that call fastnn `keras` are scripts for Keras: but for imports, they run with it, too.

Two steps of training are enough; what a script then claims to have learnt is left out.
"""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = {
    path.stem: path.read_text()
    for path in sorted(ROOT.glob("examples/*.py"))
    if "import fastnn as keras" in path.read_text()
}
#: What an example has of fastnn's own: data, pictures, and what counts the answers.
STAYS = ("datasets", "plots", "metrics")


def of_keras(script):
    """The script with Keras imported in place of fastnn."""
    script = script.replace("import fastnn as keras", "import keras")
    script = re.sub(r"^from fastnn import (.+)$", r"from keras import \1", script, flags=re.M)
    return re.sub(rf"^from fastnn\.(?!{'|'.join(STAYS)})", "from keras.", script, flags=re.M)


def two_steps(fit):
    """The method `fit`, which soon ends."""

    def short(self, *args, **options):
        return fit(self, *args, **{**options, "epochs": 1, "steps_per_epoch": 2, "verbose": 0})

    return short


def test_ten_scripts_are_found():
    assert len(SCRIPTS) >= 10


@pytest.mark.filterwarnings("ignore")  # the peer's own affair
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_for_fastnn_runs_with_keras(name, keras, monkeypatch, tmp_path):
    monkeypatch.setattr(keras.Model, "fit", two_steps(keras.Model.fit))
    monkeypatch.setattr(sys, "argv", [name])
    monkeypatch.chdir(tmp_path)
    without_assertions = compile(of_keras(SCRIPTS[name]), name, "exec", optimize=1)
    exec(without_assertions, {"__name__": name})
