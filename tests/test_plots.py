"""Pictures by themselves: what is on them."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tools import pictures

import fastnn
from fastnn.layers import BatchNormalization, Conv1D, Conv2D, Dense, Flatten

pytest.importorskip("matplotlib")

from fastnn import plots

ROOT = str(Path(fastnn.__file__).parents[1])


def convnet():
    return fastnn.Sequential(
        [
            fastnn.Input((8, 8, 1)),
            Conv2D(5, 3, name="conv"),
            BatchNormalization(),
            Flatten(),
            Dense(3, name="last"),
        ]
    )


def texts(panel):
    return [text.get_text() for text in panel.texts]


def names(panel):
    return [text.get_text() for text in panel.get_legend().get_texts()]


def names_below(figure):
    (below,) = figure.legends
    return [text.get_text() for text in below.get_texts()]


def classifier(units, *, logits=False):
    model = fastnn.Sequential([fastnn.Input((2,)), Dense(units, None if logits else "softmax")])
    if logits:
        loss = fastnn.losses.BinaryCrossentropy(from_logits=True)
    else:
        loss = "sparse_categorical_crossentropy"
    model.compile("sgd", loss)
    return model


@pytest.mark.parametrize("classes", [2, 3, 7, 12])
def test_regions_show_a_colour_for_each_class_and_all_points(classes, tmp_path):
    x, y = fastnn.datasets.make_blobs(60, centers=classes)
    figure = plots.decision_regions(classifier(classes), x, y, "blobs")
    (panel,) = figure.axes
    assert panel.get_title() == "blobs"
    assert sum(len(drawn.get_offsets()) for drawn in panel.collections) == 60
    assert len({tuple(drawn.get_facecolor()[0]) for drawn in panel.collections}) == classes
    labels = names_below(figure)
    assert labels == [f"class {n}" for n in range(classes)]
    picture = panel.images[0].get_array()
    assert ((picture >= 0) & (picture <= 1)).all()
    figure.savefig(tmp_path / "a.png")


def test_regions_of_one_output_change_at_one_half():
    model = classifier(1, logits=True)
    model.set_weights([[[1], [0]], [0]])  # yes, where the first coordinate is positive
    x, y = fastnn.datasets.make_xor(40)
    panel = plots.decision_regions(model, x, y).axes[0]
    left, right = (panel.images[0].get_array()[120, at] for at in (5, 234))
    assert left[2] > left[0]  # blue
    assert right[0] > right[2]  # orange


def test_images_stand_under_their_labels(tmp_path):
    x, _ = fastnn.datasets.make_multilabel_shapes(11)
    figure = plots.labelled_images(x, [f"no. {n}" for n in range(11)], "shapes")
    drawn = [panel for panel in figure.axes if panel.images]
    assert [panel.get_title() for panel in drawn] == [f"no. {n}" for n in range(11)]
    assert np.array_equal(drawn[3].images[0].get_array(), x[3, ..., 0])
    assert len({panel.images[0].get_clim() for panel in drawn}) == 1
    figure.savefig(tmp_path / "a.png")


def test_lines_of_images_stand_beside_their_names():
    x, _ = fastnn.datasets.make_multilabel_shapes(3)
    figure = plots.image_rows({"as they are": x, "dark": x // 2}, "shapes")
    assert [panel.get_ylabel() for panel in figure.axes] == ["as they are", "", "", "dark", "", ""]
    assert np.array_equal(figure.axes[4].images[0].get_array(), x[1, ..., 0] // 2)
    assert figure.get_suptitle() == "shapes"


def test_panels_stand_side_by_side_under_their_titles():
    figure, (left, right) = plots.panels("before", "after", width=3, height=2)
    assert [panel.get_title() for panel in (left, right)] == ["before", "after"]
    assert figure.get_size_inches().tolist() == [6, 2]
    first, second = (left.plot([1, 2])[0].get_color() for _ in range(2))
    assert first != second


def test_a_script_takes_where_its_picture_goes(tmp_path, capsys):
    path = tmp_path / "result.svg"
    assert plots.plot_option("Trains.", []) is None
    assert plots.plot_option("Trains.", ["--plot", str(path)]) == path
    for words, code in ((["--help"], 0), (["--plot", "result.doc"], 2), (["result.png"], 2)):
        with pytest.raises(SystemExit) as ended:
            plots.plot_option("Trains.", words)
        assert ended.value.code == code
    output = capsys.readouterr()
    assert "Trains." in output.out
    assert "must end in .png" in output.err


def test_a_layer_that_does_not_learn_has_no_bars():
    model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Activation("relu")])
    model.compile("sgd", "mse")
    figure = model.diagnose(np.ones((4, 2)), np.ones((4, 2))).plot()
    assert [panel.get_xscale() for panel in figure.axes] == ["linear"] * 3


def test_images_need_no_title():
    assert plots.labelled_images(np.zeros((1, 4, 4)), ["a"]).get_suptitle() == ""


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: plots.decision_regions(None, np.zeros((3, 3)), [0] * 3), "points .rows, 2."),
        (lambda: plots.labelled_images(np.zeros((2, 4, 4)), ["a"]), "2 images need as many"),
        (lambda: plots.labelled_images(np.zeros((0, 4, 4)), []), "0 images"),
        (lambda: plots.panels(), "a title for each panel"),
        (lambda: plots.image_rows({}), "as many images on each line"),
        (lambda: plots.image_rows({"none": np.zeros((0, 4, 4))}), "as many images"),
        (lambda: plots.image_rows({"a": [[[0]]], "b": [[[0]]] * 2}), r"got \[1, 2\] of them"),
        (lambda: plots.labelled_images(np.zeros((2, 4, 4, 2)), "ab"), "1, 3 or 4 channels"),
        (lambda: plots.decision_regions(None, np.zeros((3, 2)), [0]), "3 points need as many"),
        (lambda: plots.confusion_matrix([[1, 2]]), r"\(classes, classes\), got shape \(1, 2\)"),
        (lambda: plots.confusion_matrix([[1, -2], [0, 1]]), "numbers from 0 on"),
        (lambda: plots.confusion_matrix([[np.nan]]), "numbers from 0 on"),
        (lambda: plots.confusion_matrix([[1]], ["a", "b"]), "each of 1 classes, got 2"),
        (lambda: plots.confusion_matrix([[1]], normalize="rows"), "one of true, pred, all"),
        (lambda: plots.roc_curve([0, 1], [0.1]), r"got shapes \(2,\) and \(1,\)"),
        (lambda: plots.roc_curve([0, 1], [0.1, np.nan]), "row 1 is NaN"),
        (lambda: plots.roc_curve([0, 2], [0.1, 0.2]), "from 0 to 1, got 2 in row 1"),
        (lambda: plots.roc_curve([1, 1], [0.1, 0.2]), "samples that are not, got 2 of 2"),
        (lambda: plots.roc_curve([[0, 3], [1, 0]], [[1, 0]] * 2), "must hold 0 or 1"),
        (lambda: plots.roc_curve([0, 1], [0, 1], ["no"]), "each of 2 classes, got 1"),
        (lambda: plots.precision_recall_curve([0, 0], [0.1, 0.2]), "got 0 of 2"),
        (lambda: plots.calibration_curve([0, 1], [0.1, 1.2]), "predict_proba returns them"),
        (lambda: plots.calibration_curve([0, 1], [0.1, 0.2], bins=0), "bins must be 1 or more"),
        (lambda: plots.prediction_error([1, 2], [1]), "got 2 true and 1 predicted"),
        (lambda: plots.prediction_error(np.ones((2, 2)), [1]), "columns of several outputs"),
        (lambda: plots.misclassified(np.ones((2, 4, 4)), [0], np.eye(2)), "got 1 and shape"),
        (lambda: plots.misclassified(np.ones((1, 4)), [0], [[1, 0]]), "expected images"),
        (lambda: plots.convolution_filters(Dense(2)), "not built yet; give a convolution"),
        (lambda: plots.layer_activations(convnet(), np.ones((4, 4, 1))), "one sample of shape"),
        (lambda: plots.layer_activations(classifier(2), np.ones(2)), "no layer's output is images"),
        (lambda: plots.layer_activations(classifier(2), [1, 2], "none"), "no layer 'none'"),
    ],
)
def test_mistakes(draw, words):
    with pytest.raises(ValueError, match=words) as caught:
        draw()
    assert len(str(caught.value)) < 400


# ---- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_the_same_data_give_the_same_bytes_on_another_day(kind, tmp_path):
    code = (
        "import sys; from fastnn import plots;"
        "plots.learning_curve({'loss': [3.0, 2.0], 'val_loss': [3.0, 2.5]}, path=sys.argv[1])"
    )
    for name, day in (("a", "0"), ("b", "86400000")):
        path = str(tmp_path / f"{name}.{kind}")
        environment = {"SOURCE_DATE_EPOCH": day, "PYTHONPATH": ROOT}
        subprocess.run([sys.executable, "-c", code, path], check=True, env=environment)
    first, second = ((tmp_path / f"{name}.{kind}").read_bytes() for name in "ab")
    assert first == second
    assert len(first) > 1000


def test_drawing_leaves_no_global_state():
    code = (
        "import matplotlib, sys; before = matplotlib.rcParams.copy();"
        "from fastnn import plots; figure = plots.roc_curve([0, 1], [0.2, 0.7]);"
        "figure.savefig(sys.stdout.buffer, format='svg');"
        "assert 'matplotlib.pyplot' not in sys.modules; "
        "assert dict.__eq__(matplotlib.rcParams.copy(), before)"
    )
    command, environment = [sys.executable, "-c", code], {"PYTHONPATH": ROOT}
    done = subprocess.run(command, env=environment, check=True, capture_output=True)
    assert b"<svg" in done.stdout


def test_a_notebook_is_given_a_picture():
    picture = plots.learning_curve({"loss": [2.0, 1.0]})._repr_png_()
    assert picture.startswith(b"\x89PNG")


def test_names_are_no_formulas(tmp_path):
    names = ["$a", r"$\frac{", "_b"]
    plots.confusion_matrix(np.eye(3), names, title="$").savefig(tmp_path / "a.png")
    figure = plots.roc_curve([0, 1, 2], np.eye(3), names)
    figure.savefig(tmp_path / "b.png")
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert [name.split(", ")[-1] for name in legend] == ["guessing", *names]
    x = np.zeros((1, 4, 4))
    plots.misclassified(x, [0], [[0, 1, 0]], names, path=tmp_path / "c.png")
    plots.labelled_images(x, ["$"], "$").savefig(tmp_path / "d.png")


def test_the_page_shows_the_pictures_that_its_code_makes(tmp_path):
    pictures.make(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(pictures.shown())
    for name in pictures.shown():
        kept = pictures.DOCS / "pictures" / name
        assert kept.stat().st_size < 60_000
        with Image.open(kept) as one, Image.open(tmp_path / name) as other:
            assert abs(one.width - other.width) < 20


# ---- trainings -----------------------------------------------------------------------------------


def fitted(**options):
    model = fastnn.Sequential([fastnn.Input((2,)), Dense(1)])
    model.compile("sgd", "mse", ["mae"])
    x = np.random.default_rng(0).normal(size=(20, 2))
    return model.fit(x, x[:, 0], verbose=0, **options)


def test_the_parts_of_the_loss_are_drawn_if_they_are_asked_for():
    history = {"loss": [2.0, 1.0], "data_loss": [1.5, 0.5], "penalty": [0.5, 0.5]}
    assert [panel.get_title() for panel in plots.learning_curve(history).axes] == ["loss"]
    asked = plots.learning_curve(history, ["loss", "penalty"])
    assert [panel.get_title() for panel in asked.axes] == ["loss", "penalty"]


def test_a_history_draws_each_metric_of_both_kinds_of_data(tmp_path):
    history = fitted(epochs=6, validation_split=0.5)
    figure = history.plot(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert [panel.get_title() for panel in figure.axes] == ["loss", "mae"]
    for panel in figure.axes:
        train, validation, best = panel.lines
        assert panel.get_xlabel() == "epoch"
        assert train.get_xdata().tolist() == [1, 2, 3, 4, 5, 6]
        assert train.get_ydata().tolist() == history.history[panel.get_title()]
        assert validation.get_ydata().tolist() == history.history[f"val_{panel.get_title()}"]
        lowest = int(np.argmin(history.history["val_loss"])) + 1
        assert best.get_xdata() == [lowest, lowest]
    assert names_below(figure) == ["training", "validation", f"lowest val_loss: epoch {lowest}"]
    assert all(panel.get_legend() is None for panel in figure.axes)  # which would cover curves
    assert [panel.get_title() for panel in history.plot(metrics=["mae"]).axes] == ["mae"]


@pytest.mark.parametrize(("often", "at"), [(2, [2, 4, 6]), ([1, 5], [1, 5])])
def test_validation_has_the_epochs_that_were_validated(often, at):
    history = fitted(epochs=6, validation_split=0.5, validation_freq=often)
    panel = history.plot().axes[0]
    assert panel.lines[1].get_xdata().tolist() == at
    assert panel.lines[2].get_xdata()[0] in at


def test_a_training_that_goes_on_shows_its_own_epochs():
    history = fitted(epochs=6, initial_epoch=3)
    assert history.plot().axes[0].lines[0].get_xdata().tolist() == [4, 5, 6]


def test_a_rate_that_changed_has_a_panel():
    slow = fastnn.callbacks.LearningRateScheduler(lambda epoch: 0.1 / 10**epoch)
    panel = fitted(epochs=3, callbacks=[slow]).plot().axes[-1]
    assert (panel.get_title(), panel.get_yscale()) == ("learning rate", "log")
    same = fastnn.callbacks.LearningRateScheduler(lambda epoch: 0.1)
    titles = [panel.get_title() for panel in fitted(epochs=3, callbacks=[same]).plot().axes]
    assert titles == ["loss", "mae"]


@pytest.mark.parametrize(
    ("loss", "scale"),
    [
        ([100.0, 10.0, 1.0], "log"),
        ([100.0, 10.0, 9.0], "linear"),
        ([1.0, 10.0, 100.0], "linear"),
        ([100.0, 1.0, -1.0], "linear"),
        ([100.0, np.nan, np.inf, 1.0], "log"),
        ([np.nan, np.nan], "linear"),
    ],
)
def test_what_goes_down_by_orders_of_size_has_a_logarithmic_axis(loss, scale):
    figure = plots.learning_curve({"loss": loss})
    assert figure.axes[0].get_yscale() == scale
    figure.canvas.draw()


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ([np.nan] * 3, ["NaN in every epoch"]),
        ([np.inf, np.nan, np.inf], ["not finite in every epoch"]),
        ([np.nan, 1.0, np.nan], []),
        ([], []),
    ],
)
def test_a_panel_without_a_number_says_so(loss, said, tmp_path):
    history = {"loss": loss, "val_loss": [np.nan] * len(loss), "mae": loss and [3.0, 2.0, 1.0]}
    figure = plots.learning_curve(history, path=tmp_path / "a.png")
    panel, other = figure.axes
    assert [text.get_text() for text in panel.texts] == said
    assert not other.texts
    if said:
        assert panel.get_xlim() == (0.5, 3.5)


def test_the_only_finite_number_has_a_dot():
    panel = plots.learning_curve({"loss": [1.0, np.nan, np.nan]}).axes[0]
    assert panel.lines[0].get_marker() == "o"


def test_a_validation_of_zero_keeps_the_axis_linear():
    figure = plots.learning_curve({"loss": [100.0, 1.0], "val_loss": [1.0, 0.0]})
    assert figure.axes[0].get_yscale() == "linear"


def test_several_numbers_have_no_curve_and_many_metrics_have_several_lines_of_panels():
    matrices = {"confusion": [np.eye(2), np.eye(2)]}
    many = {f"m{n}": [1.0, 2.0] for n in range(5)}
    figure = plots.learning_curve({"loss": [2.0, 1.0], **many, **matrices})
    titles = [panel.get_title() for panel in figure.axes]
    assert titles == ["loss", *many]
    assert len({panel.get_position().y0 for panel in figure.axes}) == 2


# ---- classes -------------------------------------------------------------------------------------


def test_a_confusion_matrix_shows_counts_or_shares():
    counts = np.array([[30, 10, 0], [0, 5, 15], [0, 0, 0]])
    panel = plots.confusion_matrix(counts, title="pets").axes[0]
    assert texts(panel) == ["30", "10", "0", "0", "5", "15", "0", "0", "0"]
    assert (panel.get_title(), panel.get_xlabel(), panel.get_ylabel()) == (
        "pets",
        "predicted",
        "true",
    )
    shares = {
        "true": ["75%", "25%", "0%", "0%", "25%", "75%", "0%", "0%", "0%"],
        "pred": ["100%", "67%", "0%", "0%", "33%", "100%", "0%", "0%", "0%"],
        "all": ["50%", "17%", "0%", "0%", "8%", "25%", "0%", "0%", "0%"],
    }
    for normalize, expected in shares.items():
        panel = plots.confusion_matrix(counts, list("abc"), normalize).axes[0]
        assert texts(panel) == expected
        assert [text.get_text() for text in panel.get_yticklabels()] == ["a", "b", "c"]
        assert panel.images[0].get_clim() == (0, 1)


def test_pictures_of_classes_take_names_as_labels():
    from sklearn.linear_model import LogisticRegression

    x, y = fastnn.datasets.make_moons(30)
    named = np.array(["dog", "cat"])[y]
    judge = LogisticRegression().fit(x, named)
    assert names_below(plots.decision_regions(judge, x, named)) == ["class cat", "class dog"]
    for draw in (plots.roc_curve, plots.precision_recall_curve):
        figures = [draw(each, judge.predict_proba(x)) for each in (named, 1 - y)]
        assert np.array_equal(*(figure.axes[0].lines[-1].get_ydata() for figure in figures))
    plots.calibration_curve(named, judge.predict_proba(x))
    misread = plots.misclassified(np.eye(8)[None], ["line"], [[0.1, 0.9]], ["line", "circle"])
    assert misread.axes[0].get_title().startswith("line read as circle")
    with pytest.raises(ValueError, match=r"roc_curve: .* is none of the 2 classes"):
        plots.roc_curve(named, judge.predict_proba(x), ["a", "b"])
    with pytest.raises(ValueError, match=r"make it by fastnn\.metrics\.confusion_matrix"):
        plots.confusion_matrix(named, judge.predict(x))


def test_a_large_confusion_matrix_shows_colours_alone():
    panel = plots.confusion_matrix(np.eye(100)).axes[0]
    assert texts(panel) == []
    assert len(panel.get_xticklabels()) <= 50


def by_definition(true, score):
    """False and true positive rates, and precision, at each threshold from the highest."""
    found = []
    for threshold in sorted(set(score), reverse=True):
        said = score >= threshold
        tp, fp = (said & true).sum(), (said & ~true).sum()
        found.append((fp / (~true).sum(), tp / true.sum(), tp / (tp + fp)))
    return np.array(found).T


def test_curves_of_rates_are_those_of_their_definition():
    rng = np.random.default_rng(2)
    true = rng.random(61) < 0.3
    score = np.round(rng.random(61) + 0.3 * true, 1)  # with ties
    fpr, tpr, precision = by_definition(true, score)
    curve = plots.roc_curve(true.astype(int), score).axes[0].lines[1]
    assert np.allclose(curve.get_xdata()[1:], fpr)
    assert np.allclose(curve.get_ydata()[1:], tpr)
    pairs = score[true][:, None] - score[~true]
    area = ((pairs > 0) + 0.5 * (pairs == 0)).mean()  # Mann and Whitney
    assert curve.get_label() == f"area {area:.3f}"
    panel = plots.precision_recall_curve(true.astype(int), score).axes[0]
    assert np.allclose(panel.lines[0].get_ydata()[1:], precision)
    assert np.allclose(panel.lines[0].get_xdata()[1:], tpr)
    area = (np.diff(tpr, prepend=0) * precision).sum()
    assert names(panel) == [f"area {area:.3f}", "guessing"]
    assert panel.lines[1].get_ydata() == [true.mean()] * 2


@pytest.mark.parametrize("shape", [(40,), (40, 1), (40, 2)])
def test_two_classes_have_one_curve_however_they_are_given(shape):
    rng = np.random.default_rng(3)
    p, y = rng.random(40), np.arange(40) % 2
    scores = np.stack([1 - p, p], axis=1) if shape == (40, 2) else p.reshape(shape)
    expected = plots.roc_curve(y, p).axes[0].lines[1].get_xydata()
    for labels in (y, y[:, None], np.eye(2)[y] if shape == (40, 2) else y == 1):
        panel = plots.roc_curve(labels, scores, ["no", "yes"]).axes[0]
        assert len(panel.lines) == 2
        assert np.array_equal(panel.lines[1].get_xydata(), expected)
        assert names(panel)[1].endswith(", yes")


def test_several_classes_and_labels_have_a_curve_each():
    rng = np.random.default_rng(4)
    y, p = np.arange(30) % 3, rng.dirichlet([1, 1, 1], 30)
    panel = plots.roc_curve(y, p, list("abc")).axes[0]
    assert [name[-3:] for name in names(panel)] == ["ing", ", a", ", b", ", c"]
    one = plots.roc_curve(y == 1, p[:, 1]).axes[0].lines[1]
    assert np.array_equal(panel.lines[2].get_xydata(), one.get_xydata())
    labels = rng.integers(0, 2, (30, 3))
    assert len(plots.precision_recall_curve(labels, p).axes[0].lines) == 3
    many = np.arange(60) % 12
    curves = plots.roc_curve(many, np.eye(12)[many]).axes[0].lines
    assert len({curve.get_color() for curve in curves}) == 13


@pytest.mark.parametrize("draw", [plots.roc_curve, plots.precision_recall_curve])
@pytest.mark.parametrize(("classes", "beside"), [(3, False), (12, True), (50, True)])
def test_the_legend_of_many_classes_stands_beside_the_curves(draw, classes, beside):
    y = np.arange(5 * classes) % classes
    figure = draw(y, np.eye(classes)[y])
    figure.canvas.draw()
    panel = figure.axes[0]
    legend, curves = (each.get_window_extent() for each in (panel.get_legend(), panel.patch))
    assert (legend.x0 > curves.x1) == beside
    assert figure.bbox.x0 <= legend.x0 < legend.x1 <= figure.bbox.x1
    assert figure.bbox.y0 <= legend.y0 < legend.y1 <= figure.bbox.y1
    assert 0.8 < curves.width / curves.height < 1.6


def test_calibration_compares_what_was_said_with_what_is_true():
    p = np.array([0.05, 0.05, 0.05, 0.05, 0.95, 0.95, 1.0, 0.0])
    y = np.array([0, 0, 0, 1, 1, 1, 1, 0])
    upper, lower = plots.calibration_curve(y, p).axes
    curve = upper.lines[1]
    assert np.allclose(curve.get_xdata(), [0.2 / 5, 2.9 / 3])
    assert np.allclose(curve.get_ydata(), [1 / 5, 1])
    assert curve.get_label() == f"error {(5 * 0.16 + 3 * (1 - 2.9 / 3)) / 8:.3f}"
    assert [bar.get_height() for bar in lower.patches] == [5, *[0] * 8, 3]


def test_calibration_of_several_classes_is_that_of_what_was_said():
    p = [[0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0.25, 0.75], [0.75, 0, 0.25]]
    upper, lower = plots.calibration_curve([0, 1, 2, 1], p, bins=4).axes
    assert upper.lines[1].get_xydata().tolist() == [[0.75, 0.75]]
    assert [bar.get_height() for bar in lower.patches] == [0, 0, 0, 4]


@pytest.mark.parametrize("one_hot", [False, True])
def test_misread_images_stand_under_what_was_said(one_hot):
    x = np.arange(3 * 16).reshape(3, 4, 4)
    p = [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]
    y = np.array([1, 1, 0])
    figure = plots.misclassified(x, np.eye(2)[y] if one_hot else y, p, ["cat", "dog"])
    drawn = [panel for panel in figure.axes if panel.images]
    assert [panel.get_title() for panel in drawn] == [
        "dog read as cat\n90% sure",
        "cat read as dog\n60% sure",
    ]
    assert np.array_equal(drawn[0].images[0].get_array(), x[0])
    assert figure.get_suptitle() == "2 of 3 test images misread"
    first = plots.misclassified(x, y, p, count=1)
    assert first.get_suptitle() == "2 of 3 test images misread, the 1 most confident"
    column = plots.misclassified(x, y, [0.1, 0.8, 0.6], ["cat", "dog"])
    assert column.axes[0].get_title() == drawn[0].get_title()
    none = plots.misclassified(x, [0, 1, 1], p)
    assert none.get_suptitle() == "all 3 test images read right"
    none.canvas.draw()


# ---- numbers -------------------------------------------------------------------------------------


def test_predictions_stand_over_true_numbers():
    true, said = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.5, 2.0, 3.0, 3.5])
    figure = plots.prediction_error(true[:, None], said, "prices")
    beside, residuals, often = figure.axes
    assert beside.get_title() == f"R² {1 - 0.5 / 5:.3f}, RMSE {np.sqrt(0.125):.3g}"
    assert np.array_equal(beside.collections[0].get_offsets(), np.stack([true, said], 1))
    assert np.array_equal(residuals.collections[0].get_offsets(), np.stack([said, true - said], 1))
    assert sum(bar.get_height() for bar in often.patches) == 4
    assert figure.get_suptitle() == "prices"
    same = plots.prediction_error([2.0, 2.0], [2.0, 1.0])
    assert same.axes[0].get_title() == "RMSE 0.707"
    plots.prediction_error([1.0, 2.0], [np.nan, 1.0]).canvas.draw()


@pytest.mark.parametrize("bias", [0.0, 0.1, -1e6])
def test_residuals_that_are_nearly_equal_are_one_bar(bias):
    true = np.random.default_rng(0).normal(size=600)
    often = plots.prediction_error(true, true + bias).axes[2]
    assert sorted(bar.get_height() for bar in often.patches)[-2:] == [0, 600]
    least, most = often.get_xlim()
    assert least < -bias < most


def test_large_numbers_stand_side_by_side():
    true = np.linspace(1e5, 9e5, 50)
    figure = plots.prediction_error(true, true + 6e4 * np.sin(true))
    figure.canvas.draw()
    for panel in figure.axes:
        low, high = panel.get_xlim()
        labels = [each for each in panel.get_xticklabels() if low <= each.get_position()[0] <= high]
        boxes = [each.get_window_extent() for each in labels]
        assert len(boxes) > 1
        assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
    assert all(tick == round(tick) for tick in figure.axes[2].get_yticks())


# ---- the inside of a model -----------------------------------------------------------------------


def test_filters_are_drawn_channel_by_channel():
    layer = convnet().get_layer("conv")
    figure = plots.convolution_filters(layer)
    drawn = [panel for panel in figure.axes if panel.images]
    kernel = layer.get_weights()[0]
    assert len(drawn) == 5
    assert np.allclose(drawn[3].images[0].get_array(), kernel[:, :, 0, 3])
    bound = np.abs(kernel).max()
    assert np.allclose(drawn[0].images[0].get_clim(), (-bound, bound))
    layer = Conv2D(3, 2, name="second")
    layer.build((None, 4, 4, 5))
    figure = plots.convolution_filters(layer, count=9)
    drawn = [panel for panel in figure.axes if panel.images]
    assert [panel.get_title() for panel in drawn][4:7] == [
        "0, channel 4",
        "1, channel 0",
        "1, channel 1",
    ]
    assert figure.get_suptitle() == "second: 3 filters of 5 channels, 9 of them"
    assert np.allclose(drawn[6].images[0].get_array(), layer.get_weights()[0][:, :, 1, 1])


def test_filters_of_three_channels_are_in_colour():
    layer = Conv2D(4, 3)
    layer.build((None, 8, 8, 3))
    drawn = [panel for panel in plots.convolution_filters(layer).axes if panel.images]
    assert len(drawn) == 4
    kernel = layer.get_weights()[0]
    expected = kernel[..., 2] / np.abs(kernel).max() / 2 + 0.5
    assert np.allclose(drawn[2].images[0].get_array(), expected, atol=1e-6)


def test_activations_are_those_of_the_layer():
    model = convnet()
    x = np.random.default_rng(0).normal(size=(8, 8, 1))
    expected = fastnn.Model(model.input, model.get_layer("conv").output).predict(x[None])[0]
    for layer in (None, "conv", 0):
        figure = plots.layer_activations(model, x[None], layer)
        drawn = [panel for panel in figure.axes if panel.images]
        assert [panel.get_title() for panel in drawn] == list("01234")
        assert np.array_equal(drawn[3].images[0].get_array(), expected[..., 3])
        assert figure.get_suptitle() == "conv: 6 x 6 x 5"
    bars = plots.layer_activations(model, x, "last").axes[0].patches
    assert np.array_equal([bar.get_height() for bar in bars], model.predict(x[None])[0])


def test_activations_of_a_sequence_are_lines_of_steps():
    model = fastnn.Sequential([fastnn.Input((9, 2)), Conv1D(4, 3)])
    x = np.random.default_rng(0).normal(size=(9, 2))
    panel = plots.layer_activations(model, x, 0).axes[0]
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("step", "channel")
    assert np.array_equal(panel.images[0].get_array(), model.predict(x[None])[0].T)
