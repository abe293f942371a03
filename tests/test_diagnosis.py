"""model.diagnose, model.collapse and model.explain(x, y): what people look at in a network."""

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, ops
from fastnn.layers import (
    Activation,
    Add,
    AveragePooling1D,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    Multiply,
    RepeatVector,
    Rescaling,
    Reshape,
    SeparableConv1D,
    UpSampling1D,
    ZeroPadding1D,
    ZeroPadding2D,
)

RNG = np.random.default_rng(6)
X, Y = RNG.normal(size=(64, 4)), RNG.normal(size=(64, 1))


def compiled(*layers, shape=(4,), optimizer="sgd", loss="mse"):
    fastnn.set_seed(1)
    model = Sequential([Input(shape, dtype="float64"), *layers])
    model.compile(optimizer, loss)
    return model


# ---- diagnose ------------------------------------------------------------------------------------


def test_gradients_vanish_through_sigmoids():
    found = compiled(*(Dense(8, "sigmoid") for _ in range(8)), Dense(1)).diagnose(X, Y)
    norms = [layer.gradient for layer in found.layers]
    assert norms == sorted(norms)
    assert norms[0] < norms[-1] / 4**6


def test_norms_are_those_of_the_gradients():
    model = compiled(Dense(3, "tanh"), Dense(1))
    found, gradients = model.diagnose(X, Y), fastnn.grad(model)(X, Y)
    assert np.isclose(found.loss, gradients.value)
    for layer in found.layers:
        own = [g for path, g in gradients.weights.items() if path.startswith(f"{layer.name}/")]
        assert np.isclose(layer.gradient, np.sqrt(sum((g**2).sum() for g in own)))


def test_zeros_and_dead_units_are_counted():
    model = compiled(Dense(5, "relu"), Dense(1))
    kernel, bias = RNG.normal(size=(4, 5)), np.array([0.0, 0.0, -100.0, -100.0, 100.0])
    model.layers[0].set_weights([kernel, bias])
    first = model.diagnose(X, Y).layers[0]
    outputs = np.maximum(X @ kernel + bias, 0)
    assert first.units == 5
    assert first.zeros == (outputs == 0).mean()
    assert first.dead == 2


def test_the_step_is_that_of_the_optimizer():
    model = compiled(Dense(1), optimizer=fastnn.optimizers.SGD(0.1))
    (layer,) = model.diagnose(X, Y).layers
    before = np.concatenate([w.ravel() for w in model.get_weights()])
    model.train_on_batch(X, Y)
    after = np.concatenate([w.ravel() for w in model.get_weights()])
    assert np.isclose(layer.update, np.linalg.norm(after - before) / np.linalg.norm(before))


def test_the_step_is_clipped_and_the_gradient_is_not():
    clipped = fastnn.optimizers.Adam(0.1, clipnorm=1e-9, epsilon=1e-8)
    layers = [Dense(3, "relu"), Dropout(0.5), Dense(1)]
    model = compiled(*layers, optimizer=clipped)
    found = model.diagnose(X, Y)
    assert all(layer.gradient > 1e-3 for layer in found.layers if layer.gradient is not None)
    before = model.get_weights()
    model.train_on_batch(X, Y)
    moved = [after - old for old, after in zip(before, model.get_weights(), strict=True)]
    for at, layer in ((0, found.layers[0]), (2, found.layers[2])):
        norms = [np.sqrt(sum((a**2).sum() for a in few[at : at + 2])) for few in (moved, before)]
        assert np.isclose(layer.update, norms[0] / norms[1])
        assert layer.update < 0.02  # of a gradient below epsilon; 0.1 / 1 without the clipping


def test_a_layer_that_does_not_train_has_no_gradient_of_its_own():
    model = compiled(Dense(3, "tanh", trainable=False), Dense(1))
    first, last = model.diagnose(X, Y).layers
    assert first.gradient is first.update is None
    assert first.signal > 0
    assert last.gradient > 0


def test_a_diagnosis_leaves_the_model_as_it_was():
    layers = [Dense(3), BatchNormalization(), Activation("relu"), Dropout(0.5), Dense(1)]
    model = compiled(*layers, optimizer="adam")
    model.fit(X, Y, epochs=1, verbose=0)
    weights = model.get_weights()
    state = {home: buffer.copy() for home, buffer in model.runtime.buffers.items()}
    found = model.diagnose(X, Y)
    assert found.layers[1].gradient is not None
    assert found.layers[2].gradient is None
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))
    for home in ("params", "slots", "step"):
        assert np.array_equal(state[home], model.runtime.buffers[home])


def test_it_prints_as_a_table_with_a_line_for_each_layer():
    model = compiled(Dense(3, "relu", name="first"), Dense(1, name="last"))
    lines = str(model.diagnose(X, Y)).splitlines()
    assert lines[0].startswith("loss ")
    assert [line.split()[0] for line in lines[3:]] == ["first", "last"]


def test_it_draws(tmp_path):
    pytest.importorskip("matplotlib")
    layers = [Dense(3, "relu"), Dropout(0.5), Dense(1)]
    figure = compiled(*layers).diagnose(X, Y).plot()
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert len(labels) == 3
    figure.savefig(tmp_path / "diagnosis.png")


def test_it_needs_a_loss():
    with pytest.raises(fastnn.errors.NotCompiledError, match="compile"):
        Sequential([Input((4,)), Dense(1)]).diagnose(X, Y)


# ---- collapse ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        ((4,), lambda: [Dense(8), Dense(5), Dense(2)]),
        ((4,), lambda: [Dense(3, use_bias=False), Activation("linear"), Dropout(0.5)]),
        ((2, 3), lambda: [Dense(4), Flatten(), Dense(2)]),
        ((2, 3), lambda: [Dense(4), Reshape((8, 1))]),
        ((6, 5, 2), lambda: [ZeroPadding2D(1), Conv2D(3, 3), AveragePooling2D(2)]),
        ((6, 5, 2), lambda: [Conv2D(3, 2), BatchNormalization(), GlobalAveragePooling2D()]),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_linear_layers_collapse_to_one(shape, layers, dtype):
    model = Sequential([Input(shape, dtype=dtype), *layers()])
    model.set_weights([w + RNG.uniform(0, 0.5, w.shape) for w in model.get_weights()])
    flat = model.collapse()
    x = RNG.normal(size=(7, *shape))
    assert sum(isinstance(layer, Dense) for layer in flat.layers) == 1
    assert flat.output_shape == model.output_shape
    assert flat.dtype == dtype
    bound = 1e-12 if dtype == "float64" else 1e-5
    assert np.abs(flat.predict(x) - model.predict(x)).max() < bound


def regrouped(x):
    """Operations that move, add and scale numbers, one after the other."""
    y = ops.transpose(x, (0, 2, 1))[:, ::-1, 1:]
    y = ops.pad(y, ((0, 0), (1, 0), (2, 1)), "reflect")
    y = ops.concatenate([y, ops.roll(y * 2 - 1, 1, 2)], 1)
    y = ops.cumsum(y, 1) / 3 + ops.take(y, [0, 0, 1, 2, 3, 4, 5, 6], 1)
    y = ops.where(np.arange(6) % 2, y, 0.5) @ np.ones((6, 2))
    return ops.sum(y, 1) * np.array([2.0, -1.0]) - ops.mean(y, (1, 2))[:, None]


@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        ((5, 4, 2), lambda: [DepthwiseConv2D(2, depth_multiplier=2), Flatten(), Dense(2)]),
        ((3, 2, 2), lambda: [Conv2DTranspose(3, 2, strides=2), Cropping2D(1)]),
        ((6, 3), lambda: [SeparableConv1D(4, 2), UpSampling1D(2), ZeroPadding1D(1)]),
        ((6, 3), lambda: [AveragePooling1D(2, padding="same"), GlobalAveragePooling1D()]),
        ((3,), lambda: [RepeatVector(2), Rescaling(2.0, 1.0)]),
    ],
)
def test_layers_that_move_and_add_collapse(shape, layers):
    model = Sequential([Input(shape, dtype="float64"), *layers()])
    model.set_weights([RNG.normal(size=w.shape) for w in model.get_weights()])
    x = RNG.normal(size=(7, *shape))
    np.testing.assert_allclose(model.collapse().predict(x), model.predict(x), atol=1e-12)


def test_operations_that_move_and_add_collapse():
    x = Input((4, 3), dtype="float64")
    model = fastnn.Model(x, regrouped(x))
    given = RNG.normal(size=(5, 4, 3))
    np.testing.assert_allclose(model.collapse().predict(given), model.predict(given), atol=1e-12)


@pytest.mark.parametrize(
    "bent",
    [
        lambda x: ops.max(x, 1),
        lambda x: ops.exp(x),
        lambda x: x * x,
        lambda x: 1 / x,
        lambda x: ops.where(x, x, 1.0),
        lambda x: x @ ops.transpose(x, (0, 2, 1)),
        lambda x: ops.power(x, 3.0),
    ],
)
def test_operations_that_bend_do_not_collapse(bent):
    x = Input((3, 3))
    with pytest.raises(ValueError, match="is not linear"):
        fastnn.Model(x, bent(x)).collapse()


def test_code_of_ones_own_does_not_collapse():
    class Twice(fastnn.layers.Layer):
        def forward(self, x):
            return 2 * x

    with pytest.raises(ValueError, match="is not linear"):
        Sequential([Input((3,)), Twice(), Dense(2)]).collapse()


def test_branches_that_add_up_collapse():
    x = Input((3,), dtype="float64")
    model = fastnn.Model(x, Add()([Dense(4)(x), Dense(4, use_bias=False)(x)]))
    given = RNG.normal(size=(5, 3))
    assert np.allclose(model.collapse().predict(given), model.predict(given))


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [Dense(3), Dense(2, "relu", name="bent"), Dense(1)],
        lambda: [Dense(3), Activation("tanh", name="bent")],
        lambda: [Activation("softmax", name="bent")],
    ],
)
def test_the_first_layer_that_is_not_linear_is_named(layers):
    with pytest.raises(ValueError, match=r"'bent' is not linear"):
        Sequential([Input((4,)), *layers()]).collapse()


def test_a_product_of_two_branches_is_not_linear():
    x = Input((3,))
    model = fastnn.Model(x, Multiply(name="bent")([Dense(3)(x), x]))
    with pytest.raises(ValueError, match="'bent' is not linear"):
        model.collapse()


def test_several_inputs_do_not_collapse():
    a, b = Input((3,)), Input((3,))
    with pytest.raises(ValueError, match="2 inputs and 1 outputs"):
        fastnn.Model([a, b], Add()([a, b])).collapse()


# ---- explain(x, y) -------------------------------------------------------------------------------


def explained(model, x, y):
    texts = []
    model.explain(x=x, y=y, print_fn=texts.append)
    return texts[0]


def test_the_numbers_of_the_notes():
    model = compiled(Dense(3, name="z"), shape=(2,))
    model.set_weights([[[0.5, -0.5, 2.0], [0.3, 0.2, 0.1]], [0.0, 0.0, 0.0]])
    text = explained(model, [[2.0, 3.0]], [[0.0, 0.0, 0.0]])
    assert "y = [[ 1.9, -0.4, 4.3]]" in text
    assert "dy/dx = [[[[ 0.5, 0.3]], [[-0.5, 0.2]], [[ 2. , 0.1]]]]" in text


def test_each_value_and_gradient_is_right():
    x = Input((1,), name="a", dtype="float64")
    model = fastnn.Model(x, Multiply(name="m")([Dense(1, use_bias=False, name="w")(x), x]))
    model.set_weights([[[3.0]]])
    model.compile(loss="mse")
    text = explained(model, [[2.0]], [[10.0]])  # (w a^2 - 10)^2
    for line in (
        *("kernel = [[3.]]", "dJ/dkernel = [[16.]]", "x = [[2.]]", "dJ/dx = [[48.]]"),
        *("y = [[12.]]", "dy/da = [[2.]]", "dy/db = [[6.]]", "dJ/dy = [[4.]]", "dJ/dm = 1."),
    ):
        assert f"    {line}\n" in text, line


def test_a_change_of_shape_is_passed_through():
    model = compiled(Flatten(name="flat"), shape=(1, 2))
    text = explained(model, [[[3.0, 4.0]]], [[3.0, 2.0]])
    assert "flat" not in text  # it is no node of its own, and values and gradients go through it
    assert "x = [[[3., 4.]]]" in text
    assert "dJ/dx = [[[0., 2.]]]" in text


def test_the_cost_of_a_walk_backwards_is_counted():
    model = compiled(Dense(5, "relu"), Dense(1))
    last = explained(model, X[:1], Y[:1]).splitlines()[-1]
    nodes = int(last.split("N = ")[1].split(" ")[0])
    assert f"P = 31 weights: one walk backwards takes about N + P = {nodes + 31} steps" in last
    assert f"N x P = {nodes * 31}" in last


def test_the_gradients_shown_are_those_of_grad():
    model = compiled(Dense(3, "sigmoid"), Dense(2, "softmax"), loss="categorical_crossentropy")
    gradients = fastnn.grad(model)(X[:1], [[0.0, 1.0]])
    text = explained(model, X[:1], [[0.0, 1.0]])
    shown = " ".join(np.array2string(gradients.inputs, precision=6, separator=", ").split())
    assert f"dJ/dx = {shown}" in text


def test_a_layer_in_numpy_is_shown_too():
    class Double(fastnn.layers.Layer):
        def forward(self, x):
            return 2 * x

        def backward(self, dy, x, y):
            return 2 * dy

    model = compiled(Double(name="twice"), shape=(1,))
    assert "twice: python_call" in explained(model, [[3.0]], [[1.0]])
