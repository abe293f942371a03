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
    assert len(panel.collections[0].get_offsets()) == 60
    assert len(np.unique(panel.collections[0].get_facecolors(), axis=0)) == classes
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


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: plots.decision_regions(None, np.zeros((3, 3)), [0] * 3), "points .rows, 2."),
        (lambda: plots.labelled_images(np.zeros((2, 4, 4)), ["a"]), "2 images need as many"),
        (lambda: plots.labelled_images(np.zeros((0, 4, 4)), []), "0 images"),
    ],
)
def test_mistakes(draw, words):
    with pytest.raises(ValueError, match=words):
        draw()
