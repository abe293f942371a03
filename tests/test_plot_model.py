"""Pictures of models: their boxes and arrows, where they are, and the files that show them."""

import itertools
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import fastnn
from fastnn import Input, Model, Sequential, ops
from fastnn.architecture.arrange import arrange
from fastnn.architecture.layers import Link, Size, place
from fastnn.architecture.scheme import Details, Group, scheme_of
from fastnn.layers import Activation, Add, Bidirectional, Concatenate, Dense, Dropout, Embedding
from fastnn.utils import model_to_dot, plot_model

pytest.importorskip("matplotlib")

ENGINES = [
    "matplotlib",
    pytest.param(
        "graphviz", marks=pytest.mark.skipif(not shutil.which("dot"), reason="needs Graphviz")
    ),
]
NAMED = Details(names=True)


def chain():
    layers = [Input((4,), name="x"), Dense(8, "relu", name="a"), Dense(2, name="b")]
    return Sequential(layers, name="chain")


def branched():
    x, y = Input((4,), name="x"), Input((3,), name="y")
    a = Dense(5, name="a")(x)
    b = Dense(5, name="b")(a)
    c = Concatenate(name="c")([Add(name="add")([a, b]), y])
    return Model([x, y], [Dense(1, name="one")(c), Dense(2, name="two")(a)])


def siamese():
    encoder = Sequential([Input((4,), name="in"), Dense(3, name="inner")], name="encoder")
    left, right = Input((4,), name="left"), Input((4,), name="right")
    return Model([left, right], ops.abs(encoder(left) - encoder(right)))


def two_ends():
    x, y = Input((4,), name="x"), Input((4,), name="y")
    a, b = Dense(3, name="a")(x), Dense(3, name="b")(y)
    inner = Model([x, y], [b, a], name="swap")
    p, q = Input((4,), name="p"), Input((4,), name="q")
    u, v = inner([p, q])
    return Model([p, q], [Dense(1, name="u")(u), Dense(1, name="v")(v)])


class Residual(Model):
    def __init__(self):
        super().__init__(name="residual")
        self.first, self.second = Dense(4, "relu", name="first"), Dense(4, name="second")
        self.drop = Dropout(0.5, name="drop")

    def call(self, x):
        y = self.first(x)
        return ops.add(y, self.drop(self.second(y)))


def by_code():
    model = Residual()
    model.build((None, 4))
    return model


def titles(scheme):
    return [node.title for node in scheme.nodes]


def arrows(scheme):
    """Pairs of names, without kinds."""
    return {(each.source.title.split()[0], each.target.title.split()[0]) for each in scheme.arrows}


# ---- what is shown -------------------------------------------------------------------------------


def test_boxes_are_layers_and_arrows_what_they_are_called_on():
    scheme = scheme_of(branched(), NAMED)
    assert titles(scheme)[:3] == ["x (InputLayer)", "y (InputLayer)", "a (Dense)"]
    expected = "x-a a-b a-add b-add add-c y-c c-one a-two"
    assert arrows(scheme) == {tuple(pair.split("-")) for pair in expected.split()}
    assert [node.title for node, _ in scheme.outputs] == ["one (Dense)", "two (Dense)"]
    assert titles(scheme_of(chain(), Details())) == ["InputLayer", "Dense", "Dense"]


def test_a_shared_layer_has_one_box():
    shared, x = Dense(4, name="again"), Input((4,), name="x")
    scheme = scheme_of(Model(x, shared(Activation("tanh", name="tanh")(shared(x)))), NAMED)
    assert len(scheme.nodes) == 3
    assert {pair for pair in arrows(scheme) if "again" in pair} == {
        ("x", "again"),
        ("again", "tanh"),
        ("tanh", "again"),
    }
    twice = Model(x, shared(shared(x)))
    assert arrows(scheme_of(twice, NAMED)) == {("x", "again"), ("again", "again")}


def test_boxes_say_what_is_wanted():
    model = chain()
    model.layers[1].trainable = False
    details = Details(shapes=True, dtype=True, activations=True, trainable=True)
    source, first, last = scheme_of(model, details).nodes
    assert list(source.lines) == ["output: (None, 4)", "dtype: float32"]
    shapes = ["input: (None, 4)", "output: (None, 8)"]
    expected = ["activation: relu", *shapes, "dtype: float32", "trainable: yes"]
    assert list(first.lines) == expected
    assert last.lines[-1] == "trainable: no"
    ids = Sequential([Input((5,), dtype="int32"), Embedding(3, 2)])
    assert [box.lines[0] for box in scheme_of(ids, Details(dtype=True)).nodes] == [
        "dtype: int32",
        "dtype: float32",
    ]
    several = scheme_of(branched(), Details(shapes=True, names=True))
    add = next(box for box in several.nodes if box.title.startswith("add"))
    assert add.lines[0] == "input: (None, 5), (None, 5)"


def test_an_activation_of_ones_own_is_named():
    def bend(x):
        return ops.tanh(x)

    model = Sequential([Input((2,)), Dense(1, bend), Dense(1, fastnn.layers.LeakyReLU(0.1))])
    boxes = scheme_of(model, Details(activations=True)).nodes
    assert [line for box in boxes for line in box.lines] == [
        "activation: bend",
        "activation: LeakyReLU",
    ]


def test_models_inside_are_boxes_or_groups():
    model = siamese()
    assert titles(scheme_of(model, NAMED))[2] == "encoder (Sequential)"
    group = scheme_of(model, Details(names=True, nested=True)).nodes[2]
    assert isinstance(group, Group)
    assert titles(group.inner) == ["in (InputLayer)", "inner (Dense)"]


def test_arrows_to_and_from_groups_say_which_end():
    scheme = scheme_of(two_ends(), Details(names=True, nested=True))
    group = next(node for node in scheme.nodes if isinstance(node, Group))
    assert [a.input for a in scheme.arrows if a.target is group] == [0, 1]
    assert {(a.target.title[0], a.output) for a in scheme.arrows if a.source is group} == {
        ("u", 0),
        ("v", 1),
    }
    text = model_to_dot(two_ends(), expand_nested=True)
    number = {title[0]: node for node, title in re.findall(r"(n\d+) \[.*?<B>(\w) ", text)}
    for pair in ("px", "qy", "bu", "av"):  # the second input's layer is the first output
        assert f"{number[pair[0]]} -> {number[pair[1]]}\n" in text


def test_a_model_of_code_shows_what_its_code_composes():
    scheme = scheme_of(by_code(), NAMED)
    source = scheme.nodes[0].title.split()[0]
    assert arrows(scheme) == {
        (source, "first"),
        ("first", "second"),
        ("second", "drop"),
        ("first", "add"),
        ("drop", "add"),
    }
    assert [node.title for node, _ in scheme.outputs] == ["add"]


# ---- where it is ---------------------------------------------------------------------------------


def measure(node):
    return 20.0 + 6 * len(node.title), 14.0


def overlap(a, b):
    x = min(a.left + a.width, b.left + b.width) - max(a.left, b.left)
    y = min(a.top + a.height, b.top + b.height) - max(a.top, b.top)
    return x > 1e-6 and y > 1e-6


@pytest.mark.parametrize("rankdir", ["TB", "BT", "LR", "RL"])
@pytest.mark.parametrize("make", [chain, branched, siamese, two_ends, by_code])
def test_boxes_do_not_overlap_and_stand_inside(make, rankdir):
    scheme = scheme_of(make(), Details(names=True, nested=True))
    layout = arrange(scheme, rankdir, measure)
    for frame in layout.frames:
        assert frame.left >= -1e-6
        assert frame.top >= -1e-6
        assert frame.left + frame.width <= layout.width + 1e-6
        assert frame.top + frame.height <= layout.height + 1e-6
    boxes = [frame for frame in layout.frames if not isinstance(frame.node, Group)]
    assert not any(overlap(a, b) for a, b in itertools.combinations(boxes, 2))
    place = {frame.node: frame for frame in layout.frames}
    axis = "top" if rankdir in ("TB", "BT") else "left"
    sign = 1 if rankdir in ("TB", "LR") else -1
    for arrow in scheme.arrows:
        ahead = getattr(place[arrow.target], axis) - getattr(place[arrow.source], axis)
        assert sign * ahead > 0


def test_arrows_begin_and_end_at_their_boxes():
    scheme = scheme_of(branched(), NAMED)
    layout = arrange(scheme, "TB", measure)
    place = {frame.node: frame for frame in layout.frames}
    for arrow, line in zip(scheme.arrows, layout.lines, strict=True):
        source, target = place[arrow.source], place[arrow.target]
        assert np.allclose(line.points[0], (source.left + source.width / 2, source.top + 14))
        assert np.allclose(line.points[-1], (target.left + target.width / 2, target.top))


def test_lines_cross_no_box():
    scheme = scheme_of(branched(), NAMED)
    layout = arrange(scheme, "TB", measure)
    for line in layout.lines:
        for (x, top), (_, bottom) in zip(line.points[2:-2:2], line.points[3:-2:2], strict=True):
            for frame in layout.frames:
                beside = x < frame.left or x > frame.left + frame.width
                assert beside or bottom <= frame.top or top >= frame.top + frame.height


def test_arrows_that_can_do_without_crossing_do():
    # two chains, whose boxes are given in turns, crosswise
    links = [Link(0, 3), Link(1, 2), Link(2, 5), Link(3, 4)]
    placed = place([Size(10, 5)] * 6, links, [], [])
    for first, second in ((0, 1), (2, 3)):
        a, b = placed.routes[first], placed.routes[second]
        assert (a[0][0] - b[0][0]) * (a[-1][0] - b[-1][0]) > 0


def test_a_chain_is_a_straight_line():
    layout = arrange(scheme_of(chain(), NAMED), "TB", measure)
    middles = {round(frame.left + frame.width / 2, 6) for frame in layout.frames}
    assert len(middles) == 1


def test_an_input_stands_before_what_it_is_for():
    placed = place([Size(10, 5)] * 4, [Link(0, 2), Link(2, 3), Link(1, 3)], [], [])
    assert placed.centres[1][1] == placed.centres[2][1]


def test_a_link_back_goes_around_all_boxes():
    placed = place([Size(10, 5), Size(30, 5)], [Link(0, 1), Link(1, 0), Link(1, 1)], [], [])
    right = max(x for x, _ in placed.routes[1])
    assert right > 30
    assert max(x for x, _ in placed.routes[2]) > right
    assert placed.across == max(x for x, _ in placed.routes[2])


# ---- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
@pytest.mark.parametrize("make", [branched, two_ends])
def test_a_file_is_written_and_the_same_each_time(make, kind, engine, tmp_path):
    options = {"expand_nested": True, "show_shapes": True, "engine": engine, "dpi": 60}
    for name in "ab":
        fastnn.utils.clear_session()
        assert plot_model(make(), tmp_path / f"{name}.{kind}", **options) is None
    content = (tmp_path / f"a.{kind}").read_bytes()
    assert content.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[kind])
    assert content == (tmp_path / f"b.{kind}").read_bytes()
    assert b"/CreationDate (D:2" not in content


def test_a_text_for_graphviz_needs_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    plot_model(chain(), tmp_path / "a.dot", show_layer_names=True)
    assert (tmp_path / "a.dot").read_text() == model_to_dot(chain())
    with pytest.raises(ImportError, match=r"pip install 'fastnn\[plot\]'"):
        plot_model(chain(), tmp_path / "a.png")
    with pytest.raises(RuntimeError, match="engine='matplotlib' draws without it"):
        plot_model(chain(), tmp_path / "a.png", engine="graphviz")
    assert [path.name for path in tmp_path.iterdir()] == ["a.dot"]


def test_without_graphviz_matplotlib_draws(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    plot_model(chain(), tmp_path / "a.svg")
    plot_model(chain(), tmp_path / "b.svg", engine="matplotlib")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize("engine", ENGINES)
def test_names_are_shown_as_they_are(engine, tmp_path):
    name = "<b>&\"'\\$x$\n{|}"
    inner = Sequential([Input((2,)), Dense(1)], name=name)
    x = Input((2,))
    model = Model(x, inner(x), name=name)
    for nested in (False, True):
        options = {"expand_nested": nested, "show_layer_names": True, "engine": engine}
        plot_model(model, tmp_path / "a.svg", **options)
        root = ElementTree.parse(tmp_path / "a.svg").getroot()
        if engine == "graphviz":
            texts = ["".join(each.itertext()) for each in root.iter() if each.tag.endswith("text")]
            assert any(text.startswith("<b>&\"'\\$x$ {|}") for text in texts)


@pytest.mark.skipif(not shutil.which("dot"), reason="needs Graphviz")
@pytest.mark.parametrize("make", [chain, branched, siamese, two_ends, by_code])
def test_graphviz_reads_the_text(make):
    text = model_to_dot(make(), True, True, True, "LR", True, True, True)
    done = subprocess.run(["dot", "-Tplain"], input=text, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    edges = [line for line in done.stdout.splitlines() if line.startswith("edge ")]
    assert len(edges) == text.count(" -> ")


def test_a_picture_that_is_too_large_has_fewer_pixels(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    plot_model(chain(), tmp_path / "a.png", dpi=1e5, engine="matplotlib", rankdir="LR")
    plot_model(chain(), tmp_path / "b.png", dpi=100, engine="matplotlib", rankdir="LR")
    assert image.imread(tmp_path / "b.png").shape[1] < 1000
    with open(tmp_path / "a.png", "rb") as file:
        assert int.from_bytes(file.read(20)[16:], "big") < 2**16


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"to_file": "a.gif"}, ValueError, "must end in .png, .pdf, .svg or .dot, got 'a.gif'"),
        ({"to_file": "png"}, ValueError, "must end in"),
        ({"to_file": 3}, TypeError, "to_file must be a path"),
        ({"rankdir": "UP"}, ValueError, "rankdir must be one of TB, BT, LR, RL"),
        ({"dpi": 0}, ValueError, "dpi must be positive"),
        ({"engine": "tikz"}, ValueError, "engine must be one of graphviz, matplotlib"),
        ({"show_shapes": "yes"}, TypeError, "show_shapes must be True or False, got str"),
        ({"model": Dense(2)}, TypeError, "must be a model, got Dense"),
        ({"model": Sequential([Dense(2)])}, fastnn.errors.NotBuiltError, "Input"),
    ],
)
def test_mistakes(options, error, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        plot_model(**{"model": chain(), **options})
    assert list(Path.cwd().iterdir()) == []


def test_a_bidirectional_layer_is_a_box():
    model = Sequential([Input((5, 2)), Bidirectional(fastnn.layers.LSTM(3), name="both")])
    assert titles(scheme_of(model, Details(nested=True))) == ["InputLayer", "Bidirectional"]
