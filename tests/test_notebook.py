"""What notebooks show: HTML that is valid, whole and safe, and a curve that grows."""

import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import fastnn
from fastnn import Input, Model, Sequential
from fastnn.callbacks import LivePlot
from fastnn.explain import listing
from fastnn.layers import Bidirectional, Dense
from fastnn.walkthrough import Step, Walk, walkthrough

ROOT = str(Path(fastnn.__file__).parents[1])
EVIL = "<script>alert('x')</script>\"&"


class Tags(HTMLParser):
    """The tags of a page, each of which has to be closed in order, and its texts."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.texts = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def parsed(page):
    tags = Tags()
    tags.feed(page)
    tags.close()
    assert tags.open == []
    assert not {"script", "link", "img", "iframe"} & set(tags.seen)
    assert not re.search(r"(?<!xmlns=\")https?://|\bon\w+=", re.sub(r">[^<]*<", "><", page))
    return tags


def shown(thing):
    return parsed(thing._repr_html_())


def compiled(*layers, loss="mse", name=None):
    model = Sequential([Input((4,)), *layers], name=name)
    model.compile("sgd", loss)
    return model


# ---- models --------------------------------------------------------------------------------------


def test_a_model_shows_its_layers():
    tags = shown(Sequential([Input((4,)), Dense(8, name="a"), Dense(2, name="b")], name="m"))
    expected = [*("a", "Dense", "(None, 8)", "40"), *("b", "Dense", "(None, 2)", "18")]
    at = tags.texts.index("a")
    assert tags.texts[at : at + 8] == expected
    assert "Total params: 58 (0.23 KB)" in tags.texts
    assert "details" not in tags.seen


def test_layers_inside_unfold():
    inner = Sequential([Input((5, 4)), Bidirectional(fastnn.layers.LSTM(3), name="both")])
    tags = shown(Sequential([Input((5, 4)), inner, Dense(2, name="last")]))
    assert tags.seen.count("details") == 4  # the model, the layer, and a cell in each direction
    assert "forward_lstm" in " ".join(tags.texts)


def test_names_are_escaped():
    inner = Sequential([Input((4,)), Dense(2)], name=EVIL)
    tags = shown(Sequential([Input((4,)), inner], name=EVIL))
    assert tags.texts.count(EVIL) == 3
    loss = {EVIL: [2.0, 1.0], f"val_{EVIL}": [2.0, 1.0]}
    history = fastnn.History()
    history.history = loss
    assert EVIL in shown(history).texts


@pytest.mark.parametrize(
    "make",
    [
        lambda: Sequential([Dense(3)]),
        lambda: Sequential([]),
        lambda: Model(x := Input((2,)), [x * 2.0, Dense(1)(x)]),
        lambda: Own(),
    ],
)
def test_every_model_can_be_shown(make):
    shown(make())


class Own(Model):
    def __init__(self):
        super().__init__()
        self.inner = Dense(2)

    def call(self, x):
        return self.inner(x)


# ---- histories and findings ----------------------------------------------------------------------


def numbers(history):
    return [text for text in shown(history).texts if text.strip()]


def test_a_history_shows_a_table_and_a_curve_of_each_metric():
    history = fastnn.History()
    for epoch, loss in enumerate([4.0, 2.0, 1.0, 3.0]):
        history.on_epoch_end(epoch, {"loss": loss, "val_loss": loss + 1, "mae": 0.5})
    page = history._repr_html_()
    row = ["loss", "4.0000", "3.0000", "1.0000", "3", "4.0000", "1"]
    found = numbers(history)
    at = next(at for at in range(len(found)) if found[at : at + 2] == row[:2])
    assert found[at : at + 7] == row
    pictures = [ElementTree.fromstring(each) for each in re.findall(r"<svg.*?</svg>", page)]
    assert [each.get("aria-label") for each in pictures] == ["loss", "mae"]
    lines = [each for each in pictures[0].iter() if each.tag.endswith("polyline")]
    curve = [tuple(map(float, pair.split(","))) for pair in lines[0].get("points").split()]
    assert len(lines) == 2
    assert len(curve) == 4
    assert np.allclose(np.diff([x for x, _ in curve]), curve[1][0] - curve[0][0], atol=0.2)
    heights = [y for _, y in curve]
    assert heights[0] < heights[3] < heights[1] < heights[2]  # of pixels, from the top
    assert "matplotlib" not in page


def test_numbers_that_are_not_finite_interrupt_a_curve():
    history = fastnn.History()
    history.history = {"loss": [1.0, np.nan, 2.0, 3.0, np.inf], "mae": [np.nan, np.nan]}
    page = history._repr_html_()
    parsed(page)
    assert page.count("<svg") == 1
    assert (page.count("<circle"), page.count("<polyline")) == (1, 1)
    points = re.search(r'points="([^"]*)"', page).group(1)
    assert len(points.split()) == 2


def test_a_history_without_epochs_and_one_of_matrices_are_shown():
    assert "no epochs" in shown(fastnn.History()).texts
    history = fastnn.History()
    history.history = {"loss": [1.0], "matrix": [np.eye(2)]}
    assert "matrix" not in shown(history).texts


def test_what_goes_down_by_orders_of_size_is_drawn_by_them():
    history = fastnn.History()
    history.history = {"loss": [1000.0, 100.0, 10.0, 1.0]}
    points = re.search(r'points="([^"]*)"', history._repr_html_()).group(1).split()
    heights = [float(pair.split(",")[1]) for pair in points]
    assert np.allclose(np.diff(heights), heights[1] - heights[0], atol=0.2)


def test_a_diagnosis_shows_its_table():
    found = compiled(Dense(3, "relu", name="first"), Dense(1)).diagnose(
        np.ones((4, 4)), np.ones((4, 1))
    )
    tags = shown(found)
    assert tags.texts[0] == f"loss {found.loss:.6g}"
    assert {"first", "|dJ/dw|", f"{found.layers[0].signal:.3g}"} <= set(tags.texts)


def test_a_confusion_matrix_shows_its_counts(tmp_path):
    matrix = fastnn.metrics.ConfusionMatrix()
    assert shown(matrix).texts == ["no samples"]
    with pytest.raises(ValueError, match="call update_state first"):
        matrix.plot()
    matrix.update_state([0, 1, 1], [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    assert shown(matrix).texts[-6:] == ["0", "1", "0", "1", "1", "1"]
    pytest.importorskip("matplotlib")
    panel = matrix.plot(["no", "yes"], "true", tmp_path / "a.png").axes[0]
    assert [text.get_text() for text in panel.texts] == ["100%", "0%", "50%", "50%"]
    assert (tmp_path / "a.png").exists()


def test_a_cross_validation_shows_its_folds():
    x = np.random.default_rng(0).normal(size=(12, 4))
    found = fastnn.cross_validate(lambda: compiled(Dense(1)), x, x[:, 0], k=3)
    texts = shown(found).texts
    assert texts[:2] == ["fold", "loss"]
    assert texts[-4::2] == ["mean", "sd"]


# ---- programs and graphs -------------------------------------------------------------------------


def test_a_program_shows_its_operations():
    model = Sequential([Input((4,)), Dense(2, "relu", name="first"), Dense(1)], name=EVIL)
    found = listing(model, profile=True, rows=8)
    texts = shown(found).texts
    assert texts[0] == str(found).splitlines()[0]
    assert texts[1:4] == ["#", "layer", "operation"]
    assert texts[8:11] == ["us", "GFLOP/s", "GB/s"]
    assert [texts[11 + 10 * row] for row in range(2)] == ["0", "1"]
    assert texts[12] == "first"
    assert EVIL in texts[0]
    assert "align:right" in found._repr_html_()


def test_a_graph_shows_values_derivatives_and_gradients():
    model = compiled(Dense(1, name="told"))
    model.set_weights([np.array([[1.0], [2.0], [3.0], [4.0]]), np.array([0.5])])
    found = walkthrough(model, [[1.0, 1.0, 1.0, 0.0]], [[8.5]])
    texts = shown(found).texts
    assert texts[0] == str(found).splitlines()[-1]
    assert texts[1:6] == ["layer", "operation", "value", "local derivatives", "gradient"]
    product = texts.index("dense_fwd")
    assert texts[product - 1 : product + 6] == [
        *("told", "dense_fwd", "y = [[6.5]]"),
        *("dy/dx = [[[[1., 2., 3., 4.]]]]", "dy/dw = [[[[1.], [1.], [1.], [0.]]]]"),
        *("dy/db = [[[1.]]]", "dJ/dy = [[-4.]]"),
    ]
    step = Step(EVIL, EVIL, {EVIL: np.ones(1)}, {EVIL: np.ones(1)}, {(EVIL, EVIL): np.ones(1)})
    assert sum(EVIL in text for text in shown(Walk([step], 1)).texts) == 5


def test_what_is_shown_of_a_long_program_has_a_bound():
    model = Sequential([Input((1,)), *(Dense(1) for _ in range(450))])
    found = listing(model, profile=False, rows=1)
    assert len(found._lines()) == 450
    tags = shown(found)
    assert tags.seen.count("tr") == 401
    assert tags.texts[-1] == "and 50 more; print_fn=print shows them as text"


def test_outside_of_a_notebook_and_for_a_function_it_is_text(capsys):
    model = compiled(Dense(1))
    model.explain()
    model.explain(x=np.ones((1, 4)), y=[[1.0]])
    said, texts = capsys.readouterr().out, []
    model.explain(print_fn=texts.append)
    model.explain(x=np.ones((1, 4)), y=[[1.0]], print_fn=texts.append)
    assert said == "\n".join([*texts, ""])


# ---- a curve that grows --------------------------------------------------------------------------


def fit(callback, epochs=4):
    x = np.random.default_rng(0).normal(size=(12, 4))
    model = compiled(Dense(1))
    return model.fit(x, x[:, 0], epochs=epochs, verbose=0, callbacks=[callback])


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_file_has_the_curve_of_the_whole_training(kind, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / f"live.{kind}"
    history = fit(LivePlot(path, every=3))
    assert list(tmp_path.iterdir()) == [path]
    history.plot(tmp_path / f"end.{kind}")
    assert path.read_bytes() == (tmp_path / f"end.{kind}").read_bytes()


def test_it_draws_each_so_many_epochs_and_the_last(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    drawn = []
    live = LivePlot(tmp_path / "a.png", every=2)
    note = fastnn.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: (
            drawn.append((tmp_path / "a.png").stat().st_mtime_ns)
            if (tmp_path / "a.png").exists()
            else drawn.append(None)
        )
    )
    x = np.ones((4, 4))
    compiled(Dense(1)).fit(x, x[:, 0], epochs=5, verbose=0, callbacks=[live, note])
    assert drawn[0] is None
    assert drawn[1] == drawn[2] < drawn[3] == drawn[4]
    assert (tmp_path / "a.png").stat().st_mtime_ns > drawn[4]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"path": "a.gif"}, ValueError, "must end in .png, .pdf or .svg, got 'a.gif'"),
        ({"path": 3}, TypeError, "path must be a path"),
        ({"path": "a.png", "every": 0}, ValueError, "every must be 1 or more"),
        ({}, RuntimeError, r"no notebook.*path='curve.png'"),
    ],
)
def test_mistakes(options, error, words):
    pytest.importorskip("matplotlib")
    pytest.importorskip("IPython")
    with pytest.raises(error, match=words):
        LivePlot(**options)


@pytest.mark.parametrize("missing", ["matplotlib", "IPython.display"])
def test_what_is_not_installed_is_said_at_once(missing, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"pip install 'fastnn\[(plot|notebook)\]'"):
        LivePlot()


# ---- a kernel ------------------------------------------------------------------------------------

CELLS = [
    "import sys; import numpy as np; import fastnn; from fastnn.layers import Dense",
    "model = fastnn.Sequential([fastnn.Input((2,)), Dense(1)]); model.compile('sgd', 'mse'); model",
    "live = fastnn.callbacks.LivePlot()\n"
    "model.fit(np.ones((4, 2)), np.ones(4), epochs=3, verbose=0, callbacks=[live])",
    "model.history.plot()",
    "model.explain(); model.explain(x=np.ones((1, 2)), y=[1.0])",
    "model.explain(print_fn=print)",
    "fastnn.utils.plot_model(model, 'model.png', engine='matplotlib')",
    """
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

network = fastnn.sklearn.FastNNClassifier(max_iter=20, n_iter_no_change=np.inf, random_state=0)
grid = {"fastnnclassifier__hidden_layer_sizes": [(4,), (8,)]}
search = GridSearchCV(make_pipeline(StandardScaler(), network), grid, cv=2)
search.fit(*load_iris(return_X_y=True))
fastnn.export_c(search, "net.c")
""",
    "assert 'matplotlib.pyplot' not in sys.modules",
]


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """What a kernel shows of each cell, and the folder that it ran in."""
    nbformat, nbclient = map(pytest.importorskip, ("nbformat", "nbclient"))
    pytest.importorskip("ipykernel")
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("notebook")
    places = ("HOME", "IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    environment = {**os.environ, "PYTHONPATH": ROOT, **dict.fromkeys(places, str(folder))}
    notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, CELLS)))
    client = nbclient.NotebookClient(notebook, timeout=60, resources={"metadata": {"path": folder}})
    client.execute(env=environment)
    nbformat.validate(notebook)
    return [cell.outputs for cell in notebook.cells], folder


def kinds(outputs):
    return [sorted(out.data) for out in outputs]


@pytest.mark.xdist_group("a kernel")  # else each worker would start one
def test_a_kernel_shows_models_histories_pictures_and_a_curve_in_one_place(cells):
    (_, model, fit, plot, explained, text, drawn, *_), folder = cells
    assert ["text/html" in each for each in kinds(model)] == [True]
    parsed(model[0].data["text/html"])
    live, history = fit  # of three epochs
    assert "image/png" in live.data
    assert "Total params" in model[0].data["text/html"]
    assert "<polyline" in history.data["text/html"]
    assert ["image/png" in each for each in kinds([*plot, *drawn])] == [True, True]
    assert (folder / "model.png").exists()
    for out, word in zip(explained, ("dense_fwd", "dJ/dkernel"), strict=True):
        assert out.output_type == "display_data"
        assert word in " ".join(parsed(out.data["text/html"]).texts)
        assert word in out.data["text/plain"]
    assert text[0].name == "stdout"


@pytest.mark.xdist_group("a kernel")  # else each worker would start one
def test_a_kernel_goes_from_a_search_to_c(cells):
    outputs, folder = cells
    assert outputs[-2:] == [[], []]  # neither warnings nor else
    assert "\nvoid net_predict(const double *x, double *y);" in (folder / "net.c").read_text()
