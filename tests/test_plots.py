"""Pictures by themselves: what is on them."""

import numpy as np
import pytest

import fastnn
from fastnn.layers import Dense

pytest.importorskip("matplotlib")

from fastnn import plots


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
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
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
    ],
)
def test_mistakes(draw, words):
    with pytest.raises(ValueError, match=words):
        draw()
