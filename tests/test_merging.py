"""Layers that make one tensor of several: formulas, gradients, masks, files, bits, mistakes."""

import numpy as np
import pytest

import fastnn
from fastnn import Input, Model, layers
from fastnn.errors import ShapeError
from fastnn.layers import Add, Concatenate, Dense, Dot, Embedding, Flatten, Layer

#: class -> (arguments, what it makes of arrays)
MERGES = {
    layers.Add: ({}, lambda a, b, c: a + b + c),
    layers.Multiply: ({}, lambda a, b, c: a * b * c),
    layers.Maximum: ({}, lambda a, b, c: np.maximum(np.maximum(a, b), c)),
    layers.Minimum: ({}, lambda a, b, c: np.minimum(np.minimum(a, b), c)),
    layers.Average: ({}, lambda a, b, c: (a + b + c) / 3),
    layers.Concatenate: ({}, lambda a, b, c: np.concatenate([a, b, c], -1)),
    layers.Subtract: ({}, lambda a, b: a - b),
    layers.Dot: ({"axes": 2}, lambda a, b: np.einsum("rik,rjk->rij", a, b)),
}
every_merge = pytest.mark.parametrize("cls", MERGES)

DATA = np.random.default_rng(3).normal(size=(5, 4, 3))


def merged(cls, dtype="float64"):
    """A model of the layer on its input and on what layers make of that."""
    options, formula = MERGES[cls]
    x = Input((4, 3), dtype=dtype)
    hidden = [Dense(3, "tanh", name=f"part{i}") for i in range(formula.__code__.co_argcount - 1)]
    merge = cls(**options, name="merge")
    y = merge([x, *(layer(x) for layer in hidden)])
    return Model(x, Dense(2)(Flatten()(y))), hidden


def test_every_merging_layer_is_here():
    known = [cls for cls in vars(layers).values() if isinstance(cls, type)]
    assert set(MERGES) == {cls for cls in known if cls.__module__.endswith("merging")}


@every_merge
def test_a_merge_is_its_formula_and_has_its_gradient(cls):
    model, hidden = merged(cls)
    parts = [np.tanh(DATA @ k + b) for k, b in (layer.get_weights() for layer in hidden)]
    kernel, bias = model.layers[-1].get_weights()
    expected = MERGES[cls][1](DATA, *parts).reshape(5, -1) @ kernel + bias
    assert np.allclose(model.predict(DATA), expected, rtol=1e-12, atol=1e-13)
    model.compile("sgd", "mse")
    check = fastnn.gradcheck(model, DATA, np.ones((5, 2)))
    assert check.ok, str(check)
    merge = model.get_layer("merge")
    again = cls.from_config(merge.get_config())
    assert again.get_config() == merge.get_config()


@every_merge
def test_files_the_interpreter_and_threads(cls, tmp_path, monkeypatch):
    monkeypatch.setattr("fastnn.compiler.bind._WORTH_SHARING", 0)
    known = []
    for threads in (1, 3):
        monkeypatch.setattr("fastnn.config.get_num_threads", lambda threads=threads: threads)
        fastnn.set_seed(3)
        model, _ = merged(cls, "float32")
        model.compile("adam", "mse")
        model.fit(DATA, np.ones((5, 2)), batch_size=2, verbose=0)
        known.append([w.tobytes() for w in model.get_weights()])
    assert known[0] == known[1]
    model.save(tmp_path / "model")
    again = fastnn.models.load_model(tmp_path / "model")
    assert np.array_equal(again.predict(DATA, batch_size=2), model.predict(DATA))
    again.compile("adam", "mse", run_eagerly=True)
    np.testing.assert_allclose(again.predict(DATA), model.predict(DATA), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("axis", "shape"), [(1, (2, 3, 4)), (2, (3, 2, 4)), (-1, (3, 3, 9))])
def test_concatenation_along_any_axis(axis, shape):
    x = Input((3, 3, 4), dtype="float64")
    other = layers.Reshape(shape)(Dense(int(np.prod(shape)), name="part")(Flatten()(x)))
    joined = Concatenate(axis)([x, other])
    model = Model(x, Dense(2)(Flatten()(joined)))
    data = np.random.default_rng(3).normal(size=(5, 3, 3, 4))
    kernel, bias = model.get_layer("part").get_weights()
    part = (data.reshape(5, -1) @ kernel + bias).reshape(5, *shape)
    expected = np.concatenate([data, part], axis)
    assert joined.shape == (None, *expected.shape[1:])
    kernel, bias = model.layers[-1].get_weights()
    assert np.allclose(model.predict(data), expected.reshape(5, -1) @ kernel + bias)
    model.compile("sgd", "mse")
    assert fastnn.gradcheck(model, data, np.ones((5, 2)), samples=20).ok


DOTS = [
    (1, False, (4,), (4,), "ri,ri->r"),
    (-1, True, (4,), (3, 4), "ri,rji->rj"),
    ((1, 2), False, (4,), (3, 4), "ri,rji->rj"),
    ([1, 2], True, (4, 2), (3, 4), "rik,rji->rkj"),
    ((-1, 1), False, (2, 3, 4), (4, 5, 2), "rabi,ricd->rabcd"),
    (2, True, (2, 4), (3, 4), "rki,rji->rkj"),
]


@pytest.mark.parametrize(("axes", "normalize", "one", "two", "formula"), DOTS)
def test_dot_is_a_sum_along_any_axis(axes, normalize, one, two, formula):
    inputs = [Input(shape, dtype="float64") for shape in (one, two)]
    layer = Dot(axes, normalize)
    y = layer([Dense(shape[-1])(x) for x, shape in zip(inputs, (one, two), strict=True)])
    assert Dot.from_config(layer.get_config()).get_config() == layer.get_config()
    rng = np.random.default_rng(0)
    data = [rng.normal(size=(5, *shape)) for shape in (one, two)]
    model = Model(inputs, y)
    eyes = [np.eye(one[-1]), np.zeros(one[-1]), np.eye(two[-1]), np.zeros(two[-1])]
    model.set_weights(eyes)
    pair = [axes] * 2 if isinstance(axes, int) else axes
    given = [
        a / np.sqrt((a**2).sum(at, keepdims=True)) if normalize else a
        for a, at in zip(data, pair, strict=True)
    ]
    want = np.einsum(formula, *given)
    got = model.predict(data)
    assert got.shape == (want.shape if want.ndim > 1 else (5, 1))
    np.testing.assert_allclose(got.reshape(want.shape), want, rtol=1e-12, atol=1e-14)
    model.compile("sgd", "mse")
    assert fastnn.gradcheck(model, data, np.ones(got.shape), samples=20).ok


@pytest.mark.parametrize(
    ("shapes", "out"),
    [
        ([(3,), (1,)], (3,)),
        ([(2, 2, 3), (1, 1, 3)], (2, 2, 3)),
        ([(4, 3), (3,)], (4, 3)),
        ([(1,), (2, 4, 1), (4, 3)], (2, 4, 3)),
    ],
)
def test_axes_of_one_are_repeated_and_missing_ones_are_after_the_rows(shapes, out):
    inputs = [Input(shape, dtype="float64") for shape in shapes]
    y = Add()([Dense(shape[-1])(x) for x, shape in zip(inputs, shapes, strict=True)])
    assert y.shape == (None, *out)
    model = Model(inputs, y)
    model.set_weights([w for shape in shapes for w in (np.eye(shape[-1]), np.zeros(shape[-1]))])
    data = [np.random.default_rng(i).normal(size=(5, *shape)) for i, shape in enumerate(shapes)]
    wide = [a.reshape(5, *(1,) * (len(out) + 1 - a.ndim), *a.shape[1:]) for a in data]
    np.testing.assert_allclose(model.predict(data), sum(wide), rtol=1e-14)
    model.compile("sgd", "mse")
    assert fastnn.gradcheck(model, data, np.ones((5, *out)), samples=20).ok


def test_one_tensor_is_itself():
    x = Input((3,), dtype="float64")
    data = DATA[:, 0]
    for layer in (Add(), layers.Multiply(), layers.Maximum(), layers.Average(), Concatenate()):
        assert np.array_equal(Model(x, layer([x])).predict(data), data)


def test_nan_passes_a_merge():
    x = Input((1,))
    for cls in (layers.Maximum, layers.Minimum):
        zero = Dense(1, kernel_initializer="zeros")(x)
        assert np.isnan(Model(x, cls()([x, zero])).predict([[np.nan]])).all()


def test_functions_are_the_layers():
    a, b = Input((4, 3)), Input((4, 3))
    for name in ("add", "average", "maximum", "minimum", "multiply", "subtract"):
        y = getattr(layers, name)([a, b], name="merged")
        assert (type(y.layer).__name__, y.layer.name) == (name.capitalize(), "merged")
    assert layers.concatenate((a, b), 1).shape == (None, 8, 3)
    assert layers.dot([a, b], axes=2, normalize=True).shape == (None, 4, 4)


# ---- masks ---------------------------------------------------------------------------------------


class Seen(Layer):
    """Returns its mask."""

    def call(self, x, mask=None):
        return fastnn.ops.reshape(mask, (None, *mask.shape[1:]))


IDS = np.array([[1, 2, 0, 0], [0, 3, 4, 0], [0, 0, 0, 1]])
OTHER = IDS[::-1]


def sequences(mask_other=True):
    a, b = Input((4,), dtype="int32"), Input((4,), dtype="int32")
    parts = [Embedding(7, 3, mask_zero=True)(a), Embedding(7, 3, mask_zero=mask_other)(b)]
    return [a, b], parts


@pytest.mark.parametrize("cls", [c for c in MERGES if c is not Dot])
def test_a_step_counts_that_counts_in_any_input(cls):
    inputs, parts = sequences()
    model = Model(inputs, Seen()(cls()(parts)))
    assert np.array_equal(model.predict([IDS, OTHER]), (IDS != 0) | (OTHER != 0))
    assert cls()(sequences(False)[1]).mask_shape is None
    assert Dot(2)(parts).mask_shape is None


def test_masks_of_steps_one_after_the_other():
    inputs, parts = sequences()
    model = Model(inputs, Seen()(Concatenate(1)(parts)))
    assert np.array_equal(model.predict([IDS, OTHER]), np.hstack([IDS != 0, OTHER != 0]))
    inputs, parts = sequences(False)
    model = Model(inputs, Seen()(Concatenate(1)(parts)))
    assert np.array_equal(model.predict([IDS, OTHER]), np.hstack([IDS != 0, OTHER >= 0]))
    assert Concatenate(1)([Input((4, 3)), Input((2, 3))]).mask_shape is None


def test_masks_of_inputs_with_fewer_axes():
    a, b = Input((2, 4, 3)), Input((4, 3))
    y = Add()([layers.Masking()(a), layers.Masking()(b)])
    assert (y.shape, y.mask_shape) == ((None, 2, 4, 3), (None, 2, 4))


# ---- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        (lambda x, y: Add()(x), ValueError, "list of 1 or more.*one tensor"),
        (lambda x, y: Add()([]), TypeError, "nothing"),
        (lambda x, y: layers.Subtract()([x, x, x]), ValueError, "list of 2 .*got 3"),
        (lambda x, y: Dot(1)([x]), ValueError, "list of 2 .*got 1"),
        (lambda x, y: Add()([x, y]), ShapeError, r"\(rows, 3\).*\(rows, 2\)"),
        (lambda x, y: Concatenate(0)([x, y]), ShapeError, "axis=0"),
        (lambda x, y: Concatenate("1"), TypeError, "axis must be an integer, got str"),
        (lambda x, y: Concatenate(1)([Input((4, 2)), y]), ShapeError, "axis 1"),
        (lambda x, y: Dot(1)([x, y]), ShapeError, "sizes 3 and 2; they have to be equal"),
        (lambda x, y: Dot(0)([x, y]), ShapeError, "axes=0 has no axis of a sample"),
        (lambda x, y: Dot((1, 2))([x, y]), ShapeError, r"no axis of a sample of \(rows, 2\)"),
        (lambda x, y: Dot((1, 2, 3)), ValueError, r"an integer or two, one of each"),
        (lambda x, y: Dot(1.5), TypeError, "an integer or two, got 1.5"),
        (lambda x, y: Dot((1, True)), TypeError, "an integer or two"),
    ],
)
def test_mistakes(wrong, error, said):
    with pytest.raises(error, match=said) as caught:
        wrong(Input((3,)), Input((2,)))
    assert len(str(caught.value)) < 400
