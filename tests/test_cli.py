"""The command `fastnn`, called as a function and as a process; and its pictures."""

import json
import re
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn import plots
from fastnn.cli import main, output
from fastnn.datasets import load_digits, train_test_split


@pytest.fixture(autouse=True)
def _threads():
    yield
    fastnn.set_num_threads(None)


def accuracy(output):
    return float(re.search(r"([\d.]+)% of 360 test images read right", output)[1]) / 100


def test_digits_are_read(capsys):
    assert main(["train", "digits", "--threads", "1"]) == 0
    output = capsys.readouterr().out
    assert accuracy(output) >= 0.98
    assert fastnn.isa() in output
    assert "1 thread; the weights are those of the last\n" in output
    assert "val_accuracy" in output


def test_the_example_says_what_comes_next(tmp_path, capsys):
    path = tmp_path / "digits.fastnn"
    assert main(["train", "digits", "--epochs", "1", "--save", str(path)]) == 0
    *_, next_ = capsys.readouterr().out.splitlines()
    words = shlex.split(next_)
    assert words[-4:] == ["fastnn", "evaluate", str(path), "digits"]
    assert main(words[-3:]) == 0
    assert "1,797 rows of digits: loss" in capsys.readouterr().out
    assert main(["predict", str(path), "digits"]) == 0
    name, *digits = capsys.readouterr().out.splitlines()
    p = fastnn.models.load_model(path).predict(load_digits()[0])
    assert name == "digit"
    assert np.array_equal(np.int64(digits), p.argmax(axis=1))


def test_what_comes_next_is_a_command_that_there_is(tmp_path, monkeypatch):
    beside, other = tmp_path / "env", tmp_path / "other"
    for folder in (beside, other):
        folder.mkdir()
        (folder / "fastnn").touch(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(beside / "python"))
    for path, command in (
        (beside, "fastnn"),
        (other, f"{Path('env/python')} -m fastnn"),
        (tmp_path, f"{Path('env/python')} -m fastnn"),
    ):
        monkeypatch.setenv("PATH", str(path))
        said = output.next_command("predict", "my model", "a.csv")
        assert said == f"next: {command} predict 'my model' a.csv"
    monkeypatch.chdir(other)
    assert output.next_command("info") == f"next: {beside / 'python'} -m fastnn info"


def test_a_model_without_schema_is_evaluated_elsewhere(tmp_path, capsys):
    path = tmp_path / "own.fastnn"
    fastnn.Sequential([fastnn.Input((8, 8, 1)), fastnn.layers.Flatten()]).save(path)
    assert main(["evaluate", str(path), "digits"]) == 1
    assert "`fastnn train` made has a schema" in capsys.readouterr().err
    assert main(["predict", str(path), "digits"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1798


def test_quiet_prints_the_result_alone(capsys):
    assert main(["train", "digits", "--epochs", "1", "--quiet"]) == 0
    output = capsys.readouterr().out
    assert accuracy(output) > 0.2
    assert len(output.splitlines()) == 1


def test_the_saved_model_is_the_tested_one(tmp_path, capsys):
    path = tmp_path / "digits.fastnn"
    words = ["train", "digits", "--epochs", "2", "--seed", "5", "--quiet", "--save", str(path)]
    assert main(words) == 0
    output = capsys.readouterr().out
    assert str(path) in output
    x, y = load_digits()
    _, x_test, _, y_test = train_test_split(x, y, seed=5)
    p = fastnn.models.load_model(path).predict_proba(x_test)
    assert f"{(p.argmax(axis=1) == y_test).mean():.2%}" == output.split()[0]


def test_a_seed_gives_the_same_model(tmp_path):
    weights = []
    for name in ("a", "b"):
        path = tmp_path / name
        words = ["train", "digits", "--epochs", "1", "--quiet", "--save", str(path)]
        assert main(words) == 0
        weights.append(fastnn.models.load_model(path).get_weights())
    assert all(map(np.array_equal, *weights))


def test_the_picture_is_drawn(tmp_path, capsys):
    path = tmp_path / "digits.png"
    words = ["train", "digits", "--epochs", "1", "--quiet", "--plot", str(path)]
    assert main(words) == 0
    assert path.read_bytes().startswith(b"\x89PNG")
    assert str(path) in capsys.readouterr().out
    assert "matplotlib.pyplot" not in sys.modules


def test_a_picture_without_matplotlib_fails_before_training(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["train", "digits", "--plot", str(tmp_path / "digits.png")]) == 1
    captured = capsys.readouterr()
    assert "pip install 'fastnn[plot]'" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("misread", [0, 1, 9, 30])
def test_a_report_shows_what_was_misread(misread):
    x, y = load_digits()
    p = np.eye(10)[y]
    p[:misread] = np.eye(10)[(y[:misread] + 1) % 10] * 0.75
    history = {"loss": [2.0, 1.0], "accuracy": [0.5, 0.75], "val_loss": [2.0, 1.5]}
    figure = plots.training_report(history, x, y, p, title="title")
    titles = [panel.get_title() for panel in figure.axes]
    assert titles[:2] == ["loss", "accuracy"]
    assert sum("75% sure" in title for title in titles) == min(misread, 16)
    if misread:
        assert "0 read as 1\n75% sure" in titles
    assert [len(panel.lines) for panel in figure.axes[:2]] == [3, 2]  # one marks the best epoch
    figure.canvas.draw()


def test_a_learning_curve_takes_what_fit_returns():

    class History:
        history = {"loss": [1.0]}  # noqa: RUF012 -- as fit returns it

    assert [panel.get_title() for panel in plots.learning_curve(History()).axes] == ["loss"]
    with pytest.raises(ValueError, match="accuracy"):
        plots.learning_curve({"mae": [1.0]}, ["accuracy"])
    with pytest.raises(ValueError, match="none of"):
        plots.learning_curve({})


def test_a_learning_curve_has_all_that_training_has():
    names = ("loss", "mae", "val_loss", "val_mae", "learning_rate")
    panels = plots.learning_curve({name: [2.0, 1.0] for name in names}).axes
    assert [panel.get_title() for panel in panels] == ["loss", "mae", "learning rate"]
    assert [len(panel.lines) for panel in panels] == [3, 3, 2]


def test_info_is_for_people_and_for_programs(capsys):
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["fastnn"] == fastnn.__version__
    assert facts["isa"] in facts["isa_available"]
    assert facts["isa_available"] == list(fastnn._core.isa_names("mixed_bfloat16"))
    assert facts["threads"] == fastnn.get_num_threads()
    assert all(name in text for name in facts)


def test_info_tells_what_is_not_installed(monkeypatch, capsys):
    def missing(package):
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "version", missing)
    assert main(["info"]) == 0
    assert re.search(r"^matplotlib +-$", capsys.readouterr().out, re.M)


def test_info_tells_a_bad_setting(monkeypatch, capsys):
    monkeypatch.setenv("FASTNN_ISA", "vax")
    assert main(["info"]) == 1
    assert "vax" in capsys.readouterr().err


def test_selfcheck_of_a_part(capsys):
    """All of it is what test_kernels.py compares, case by case, and CI's wheel."""
    isa = fastnn.isa_names()[0]
    assert main(["selfcheck", "--only", "dense_fwd", "ada?", "--isa", isa]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[:2]] == [
        [isa, "float32", "2"],
        [isa, "float64", "2"],
    ]
    assert all(line.endswith("OK") for line in lines)
    assert main(["selfcheck", "--only", "bias_bwd", "--isa", isa, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["command"], found["misses"]) == ("selfcheck", 0)
    assert [each["policy"] for each in found["checked"]] == ["float32", "float64"]
    assert all(each["cases"] > 10 for each in found["checked"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "frob*"], "no operation is called 'frob*'; there are "),
        (["--only", "dense"], "'dense'; there are dense_bwd_w, dense_bwd_x, dense_fwd"),
        (["--only", "dense_forward"], "there are dense_fwd"),
        (["--isa", "vax"], "no instruction set"),
    ],
)
def test_selfcheck_of_nothing_is_refused(words, message, capsys):
    assert main(["selfcheck", *words]) == 1
    assert message in capsys.readouterr().err


def test_selfcheck_tells_what_is_wrong_by_its_exit_code(monkeypatch, capsys):
    from fastnn import selfcheck

    monkeypatch.setattr(selfcheck.Trial, "ratio", lambda self, arrays: 2.0)
    words = ["selfcheck", "--only", "bias_bwd", "--isa", fastnn.isa_names()[0]]
    assert main(words) == 1
    assert "MISSES" in capsys.readouterr().out


def test_an_interrupt_is_not_a_traceback(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(fastnn.Sequential, "fit", interrupted)
    assert main(["train", "digits"]) == 130
    assert "interrupted\n" in capsys.readouterr().err


def test_an_interrupt_says_that_a_training_can_go_on(monkeypatch, tmp_path, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    path = tmp_path / "a.csv"
    path.write_text("a,y\n" + "".join(f"{i % 7},{i * i}\n" for i in range(30)))
    monkeypatch.setattr(fastnn.Sequential, "fit", interrupted)
    words = ["train", str(path), "--target", "y", "--resume", str(tmp_path / "run")]
    assert main(words) == 130
    assert "interrupted; the same command goes on from the last epoch" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["frobnicate"],
        ["train"],
        ["train", "letters"],
        ["train", "digits", "--target", "x"],
        ["train", "digits", "--validation", "1"],
        ["train", "digits", "--learning-rate", "0"],
        ["train", "digits", "--hidden", "64,-1"],
        ["train", "digits", "--epochs", "0"],
        ["train", "digits", "--resume", "/dev/null"],
        ["predict", "/nowhere"],
        ["predict", "/dev/null", "/dev/null", "--out", "answers.txt"],
        ["train", "digits", "--batch-size", "two"],
        ["train", "digits", "--seed", "-1"],
        ["train", "digits", "--threads", "0"],
        ["train", "digits", "--save", "/nowhere/at/all"],
        ["train", "digits", "--save", "/"],
        ["train", "digits", "--save", "net.keras"],
        ["train", "digits", "--save", "net.onnx"],
        ["train", "digits", "--save", "net.ONNX"],
        ["train", "digits", "--save", "net.PT"],
        ["train", "digits", "--save", "net.CSV"],
        ["train", "digits", "--save", ""],
        ["train", "digits", "--save", "a.fastnn", "--export", "a.c", "--export", "a.c"],
        ["train", "digits", "--delimiter", "two"],
        ["train", "digits", "--encoding", "utf-88"],
        ["train", "digits", "--encoding", "hex"],
        ["train", "digits", "--plot", "picture.txt"],
        ["train", "digits", "--optimizer", "adm"],
        ["info", "more"],
    ],
)
def test_wrong_usage_ends_with_2_and_says_how(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"(fastnn.*): error: .+ \(see \1 --help\)", line)


def test_a_misspelt_option_is_guessed_by_the_command_that_it_is_of(capsys):
    for word in ("--ecpohs", "--ecpohs=3"):
        with pytest.raises(SystemExit):
            main(["train", "digits", word])
        said = f"unrecognized argument: {word}, did you mean --epochs? (see fastnn train --help)"
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["train", "digits", "--lr", "0.1"], "--learning-rate"),
        (["train", "digits", "--layers=32"], "--hidden"),
        (["train", "digits", "--units", "32"], "--hidden"),
        (["train", "digits", "--test-size", "0.5"], "--validation"),
        (["train", "digits", "--test_size=0.5"], "--validation"),
        (["train", "digits", "--validation-split", "0.5"], "--validation"),
        (["train", "digits", "--random-state", "1"], "--seed"),
        (["train", "digits", "--max-iter", "9"], "--epochs"),
        (["train", "digits", "--out", "m"], "--save"),
        (["train", "digits", "--model", "m"], "--save"),
        (["predict", "/dev/null", "/dev/null", "--output", "a.csv"], "--out"),
        (["predict", "/dev/null", "/dev/null", "--probas"], "--proba"),
        (["train", "digits", "--frobnicate"], None),
        (["train", "digits", "--ran"], None),  # what runs a command is no option
        (["explain", "/dev/null", "--save", "m"], None),
    ],
)
def test_only_options_of_the_command_are_suggested(capsys, words, meant):
    with pytest.raises(SystemExit):
        main(words)
    error = capsys.readouterr().err
    hint = f", did you mean {meant}?" if meant else ""
    assert re.search(rf"unrecognized argument: [-=.\w]+{re.escape(hint)} \(see", error)


@pytest.mark.parametrize(
    ("words", "twice"),
    [
        (["train", "digits", "--save", "a", "--save", "b"], "--save"),
        (["train", "digits", "--epochs=1", "--quiet", "--epochs", "1"], "--epochs"),
        (["train", "digits", "--threads", "1", "--threads", "2"], "--threads"),
        (["selfcheck", "--only", "add", "--only", "mul"], "--only"),
    ],
)
def test_an_option_with_one_value_is_given_once(capsys, words, twice):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert f"error: {twice} is given twice; give it once (see" in capsys.readouterr().err


def test_a_misspelt_command_is_guessed(capsys):
    for word, hint in (("trian", "did you mean train? There are"), ("xyzzy", "there are")):
        with pytest.raises(SystemExit) as ended:
            main([word, "digits"])
        assert ended.value.code == 2
        said = capsys.readouterr().err
        assert f"fastnn: error: no command {word!r}; {hint} train, predict," in said


def test_no_command_at_all_gets_the_help(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "usage: fastnn" in capsys.readouterr().err


def test_help_is_printed_with_examples_of_each_command(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "exit codes: 0 done, 1 failed, 2 wrong usage" in text
    commands = re.findall(r"^    (\w+)(?:  |$)", text, re.M)
    assert {"train", "predict", "evaluate", "explain", "plot", "export"} <= set(commands)
    for command in commands:
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        text = capsys.readouterr().out
        assert f"usage: fastnn {command}" in text
        assert f"examples:\n  fastnn {command}" in text
        assert "(default: [" not in text
        assert "(default: False)" not in text


def test_the_result_of_the_example_is_json_too(tmp_path, capsys):
    path = tmp_path / "digits.fastnn"
    assert main(["train", "digits", "--epochs", "1", "--json", "--save", str(path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["command"], found["source"]) == (1, "train", "digits")
    assert 0.2 < found["scores"]["accuracy"] == found["history"]["val_accuracy"][0]
    assert found["files"] == {"model": str(path), "picture": None, "exports": []}
    assert found["rows"] == {"training": 1437, "held_out": 360}
    assert (found["task"], found["inputs"], found["epochs_run"]) == ("classes", [8, 8, 1], 1)
    assert (found["choices"]["filters"], found["best_epoch"]) == ([64, 128], 1)
    assert sum(map(sum, found["confusion"])) == 360


@pytest.mark.parametrize("mistake", [KeyError("what"), AssertionError(), RecursionError("deep")])
def test_a_mistake_of_fastnn_is_told_as_one(monkeypatch, capsys, mistake):
    def wrong(*_, **__):
        raise mistake

    monkeypatch.setattr(fastnn.Sequential, "fit", wrong)
    assert main(["train", "digits"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert type(mistake).__name__ in error or "deep" in error


def test_python_m_fastnn_is_the_command():
    command = [sys.executable, "-m", "fastnn", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"fastnn {fastnn.__version__}\n"
    assert done.stderr == ""
