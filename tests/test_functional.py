"""Models of branches: symbols, networks, files of them."""

import copy
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import Input, Model, Sequential, layers
from fastnn.errors import ModelFileError, ShapeError
from fastnn.layers import Add, BatchNormalization, Conv2D, Dense, Dropout

X = np.random.default_rng(0).normal(size=(9, 5))
Y = np.random.default_rng(1).normal(size=(9, 2))


def branched(dtype="float64"):
    """Two branches of different depth, a sum of three, and a layer called twice."""
    fastnn.set_seed(4)
    x = Input((5,), dtype=dtype, name="x")
    shared = Dense(5, "tanh", name="shared")
    a = shared(x)
    b = shared(Dense(5, "sigmoid", name="middle")(a))
    y = Add(name="sum")([a, b, x])
    return Model(x, Dense(2, name="out")(y), name="branched")


def by_hand(weights, x):
    k, c, m, d, o, e = weights
    a = np.tanh(x @ k + c)
    b = np.tanh((1 / (1 + np.exp(-(a @ m + d)))) @ k + c)
    return (a + b + x) @ o + e


PATHS = ["shared/kernel", "shared/bias", "middle/kernel", "middle/bias", "out/kernel", "out/bias"]


# ---- what it computes ----------------------------------------------------------------------------


def test_branches_and_shared_layers_are_what_they_say():
    model = branched()
    assert np.allclose(model.predict(X), by_hand(model.get_weights(), X), rtol=1e-13, atol=1e-13)


def test_a_list_may_grow_after_a_layer_was_called_on_it():
    x = Input((2,))
    every = [x, Dense(3)(x)]
    for _ in range(2):
        every.append(Dense(3)(layers.Concatenate()(every)))  # as DenseNet does
    assert Model(x, every[-1]).count_params() == 9 + 18 + 27


def test_gradients_of_branches_and_shared_layers():
    model = branched()
    model.compile("sgd", "mse")
    check = fastnn.gradcheck(model, X, Y)
    assert check.ok, str(check)
    assert check.checked == model.count_params()


def test_training_is_that_of_the_interpreter():
    results = []
    for eager in (False, True):
        model = branched()
        model.compile("adam", "mse", run_eagerly=eager)
        model.fit(X, Y, epochs=3, batch_size=4, verbose=0)
        results.append(model.get_weights())
    assert all(map(np.allclose, *results))


def test_a_chain_is_the_sequential_model():
    def parts():
        return [Dense(7, "relu"), Dropout(0.3), BatchNormalization(), Dense(2)]

    x = y = Input((5,))
    for layer in parts():
        y = layer(y)
    chain, sequential = Model(x, y), Sequential([Input((5,)), *parts()])
    sequential.set_weights(chain.get_weights())
    sequential.seed = chain.seed
    for model in (chain, sequential):
        model.compile("adam", "mse")
        model.fit(X, Y, epochs=2, batch_size=4, verbose=0)
    assert np.array_equal(chain.predict(X), sequential.predict(X))


def test_a_residual_network_of_images_learns():
    fastnn.set_seed(0)
    x = Input((6, 6, 1))
    y = layers.Activation("relu")(BatchNormalization()(Conv2D(4, 3, padding="same")(x)))
    z = BatchNormalization()(Conv2D(4, 3, padding="same")(y))
    y = layers.GlobalAveragePooling2D()(layers.Activation("relu")(Add()([z, y])))
    model = Model(x, Dense(2, "softmax")(y))
    model.compile(fastnn.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy")
    labels = np.arange(40) % 2
    images = np.random.default_rng(0).normal(size=(40, 6, 6, 1)) * (1 + labels[:, None, None, None])
    losses = model.fit(images, labels, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 3


@pytest.mark.parametrize("said", [True, False, None])
def test_a_call_can_fix_whether_it_is_as_in_training(said):
    x = Input((5,), dtype="float64")
    layer = BatchNormalization(momentum=0.0)
    model = Model(x, layer(x, training=said))
    model.compile(fastnn.optimizers.SGD(0.0), "mse")
    model.train_on_batch(X, X)
    assert (layer.moving_mean.numpy() != 0).all() == (said is not False)
    layer.moving_mean.assign(np.full(5, 100.0))
    assert (np.abs(model.predict(X).mean(0)) < 1e-12).all() == (said is True)
    assert [call["training"] for call in model.get_config()["calls"]] == [None, said]


# ---- operators ----------------------------------------------------------------------------------


def test_symbols_add_subtract_and_multiply():
    x = Input((2,), dtype="float64")
    two = Model(x, (x + x) * x - x)
    assert two.predict([[3.0, -1.0]]).tolist() == [[15.0, 3.0]]


FORMULAS = {
    "line": lambda x: 2 * x - 1,
    "inverse": lambda x: 1 / (x**2 + 1) - x / 3,
    "backwards": lambda x: 3 - x * (-x) + (1 - x),
    "steps": lambda x: (x > 0) * x + (x <= 0.5) * (0.25 - x),
    "whole": lambda x: x // 0.5 + x % 0.7,
}


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_operators_on_symbols_are_what_they_are_on_arrays(formula):
    x = Input((3,), dtype="float64")
    model = Model(x, formula(x))
    data = np.random.default_rng(0).normal(size=(5, 3))
    assert np.allclose(model.predict(data), formula(data))
    again = Model.from_config(model.get_config())
    assert np.array_equal(again.predict(data), model.predict(data))


def test_operations_repeat_what_is_short_and_reduce():
    x, y = Input((4, 3), dtype="float64"), Input((1, 3), dtype="float64")
    mean = fastnn.ops.mean(x * y, axis=1, keepdims=True)
    model = Model([x, y], fastnn.ops.sum(x - mean, axis=2))
    a, b = np.random.default_rng(0).normal(size=(2, 5, 4, 3))
    b = b[:, :1]
    want = (a - (a * b).mean(1, keepdims=True)).sum(2)
    assert np.allclose(model.predict([a, b]), want)
    model.compile("sgd", "mse")
    assert model.count_params() == 0


def test_operations_on_symbols_are_layers(tmp_path):
    x, y = Input((2, 3), dtype="float64", name="x"), Input((2, 3), dtype="float64", name="y")
    joined = fastnn.ops.concatenate([x, fastnn.ops.tanh(y) * x], axis=2)
    model = Model([x, y], fastnn.ops.reshape(joined, (None, 12)))
    data = np.random.default_rng(0).normal(size=(2, 5, 2, 3))
    want = np.concatenate([data[0], np.tanh(data[1]) * data[0]], 2).reshape(5, 12)
    assert np.allclose(model.predict(list(data)), want)
    model.save(tmp_path / "model")
    for again in (fastnn.models.load_model(tmp_path / "model"), copy.deepcopy(model)):
        assert np.allclose(again.predict(list(data)), want)
        assert again.get_config() == model.get_config()
    assert [type(layer).__name__ for layer in model.layers[2:]] == ["Operation"] * 4
    config = model.get_config()
    config["layers"][-1]["config"]["function"] = "system"
    with pytest.raises(ValueError, match="operation: unknown 'system'"):
        Model.from_config(config)


# ---- what it tells -------------------------------------------------------------------------------


def test_shapes_layers_and_weights():
    model = branched()
    assert model.input_shape == (None, 5)
    assert model.output_shape == (None, 2)
    assert [layer.name for layer in model.layers] == ["x", "shared", "middle", "sum", "out"]
    assert [variable.path for variable in model.weights] == PATHS
    assert model.get_layer("sum").input_shape == [(None, 5)] * 3


def test_the_summary_says_what_is_connected_to_what():
    lines = []
    branched().summary(print_fn=lines.append)
    text = lines[0]
    assert "Connected to" in text
    assert any("sum (Add)" in line and "shared, shared, x" in line for line in text.splitlines())
    Sequential([Input((3,)), Dense(2)]).summary(print_fn=lines.append)
    assert "Connected to" not in lines[1]


def test_explain_lists_the_program():
    lines = []
    branched().explain(print_fn=lines.append)
    assert lines[0].count("dense_fwd") == 4


# ---- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda ends: pickle.loads(pickle.dumps(ends))])
def test_symbols_are_copied_with_their_network(copied):
    model = branched()
    x, y = copied((model.input, model.output))
    other = Model(x, y)
    assert np.array_equal(other.predict(X), model.predict(X))
    other.set_weights([0 * weight for weight in other.get_weights()])
    assert not other.predict(X).any()
    assert model.predict(X).all()
    assert other.get_layer("out").output is y
    assert x.layer.output is x
    with pytest.raises(AttributeError, match="shared: it was called 2 times"):
        other.get_layer("shared").output  # noqa: B018


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_a_layer_that_keeps_a_symbol_is_copied_with_it(copied):
    layer = Dense(2)
    layer.made = layer(Input((3,)))
    other = copied(layer)
    assert other.output is other.made
    assert other.made.layer is other
    assert np.array_equal(other(np.ones((1, 3))), layer(np.ones((1, 3))))


def test_a_call_is_copied_as_itself():
    y = Dense(2)(Input((3,)))
    assert copy.copy(y.call) is y.call
    assert y.layer.output is y


def test_calls_of_older_pickles_are_noted():
    y = Dense(2)(Input((3,)))
    state = y.call.__getstate__()
    del state["noted"]
    y.layer.forget_calls([y.call])
    y.call.__setstate__(state)
    assert y.layer.output is y


def test_a_shallow_copy_of_a_symbol_is_itself():
    model = branched()
    again = Model(copy.copy(model.input), copy.copy(model.output))
    assert np.array_equal(again.predict(X), model.predict(X))


def test_config_save_and_copy_give_the_same_model(tmp_path):
    model = branched("float32")
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=2, verbose=0)
    model.save(tmp_path / "model")
    loaded, copied = fastnn.models.load_model(tmp_path / "model"), copy.deepcopy(model)
    again = Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    for other in (loaded, copied, again):
        assert np.array_equal(other.predict(X), model.predict(X))
        assert other.get_config() == model.get_config()
    for each in (model, loaded, copied):
        each.fit(X, Y, verbose=0)
    assert np.array_equal(loaded.predict(X), model.predict(X))
    assert np.array_equal(copied.predict(X), model.predict(X))


@pytest.mark.parametrize(
    "inputs", [[9, 0], [-1, 0], [2, 0], [True, 0], ["x", 0], [1.0, 0], [0, 1], [0], 0]
)
def test_a_call_of_what_comes_later_is_refused(inputs):
    config = branched().get_config()
    config["calls"][2]["args"] = [{"symbol": inputs}]
    with pytest.raises(ValueError, match="not outputs of calls before"):
        Model.from_config(config)


def test_a_file_names_layers_alone(tmp_path):
    class Own(layers.Layer):
        def call(self, x):
            return x

    x = Input((3,))
    Model(x, Own()(x)).save(tmp_path / "model")
    with pytest.raises(ModelFileError, match="custom_objects"):
        fastnn.models.load_model(tmp_path / "model")
    fastnn.models.load_model(tmp_path / "model", custom_objects={"Own": Own})


# ---- mistakes ------------------------------------------------------------------------------------


def refused(call, error, *words):
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert len(message) < 400
    for word in words:
        assert word in message, message


def test_mistakes():
    x, other = Input((3,), name="x"), Input((3,), name="other")
    y = Dense(2)(x)
    refused(lambda: Model(x, Add()([x, other])), ValueError, "other", "inputs=[")
    unused = "does not depend on the input <Symbol other(rows, 3)>"
    refused(lambda: Model(other, y), ValueError, f"{unused}, but on the Input 'x'", "give that")
    refused(lambda: Model([x, other], y), ValueError, f"{unused}; leave it out of inputs")
    refused(lambda: Model([x, x], y), ValueError, "x(rows, 3)", "twice")
    refused(lambda: Model([], y), TypeError, "empty list")
    refused(lambda: Model(y, Dense(2)(x)), ValueError, "does not depend", "but on the Input 'x'")
    refused(lambda: Model(x, np.ones(3)), TypeError, "outputs", "ndarray")
    refused(lambda: Model(x), TypeError, "outputs", "NoneType")
    refused(lambda: Model(), TypeError, "inputs")
    refused(lambda: Dense(2)([[1.0, 2.0]]), TypeError, "float, float", "asarray")
    refused(lambda: Add()([x, np.ones((2, 3))]), TypeError, "symbols", "arrays")
    refused(lambda: Conv2D(2, 3)(x), ShapeError, "images")
    wide = Input((3,), dtype="float64")
    refused(lambda: Add()([x, wide]), ValueError, "float32, float64")
    refused(lambda: Model(x, y, dtype="float64"), ValueError, "float64", "Input")


def test_two_layers_of_one_name_are_refused():
    x = Input((3,))
    refused(lambda: Model(x, Dense(2, name="a")(Dense(2, name="a")(x))), ValueError, "'a'")


def test_a_call_that_fails_leaves_the_layer_as_it_was():
    layer = Conv2D(1, 3, padding="same")
    refused(lambda: layer(Input((5,))), ShapeError)
    assert not layer.built
    assert layer(Input((4, 4, 1))).shape == (None, 4, 4, 1)


def test_a_model_of_another_shape_is_not_built_again():
    model = branched()
    model.build((None, 5))
    refused(lambda: model.build((None, 6)), ShapeError, "(None, 6)")


def test_a_long_chain_is_no_recursion():
    x = y = Input((2,))
    for _ in range(1500):
        y = layers.Activation("relu")(y)
    assert Model(x, y).predict([[1.0, -1.0]]).tolist() == [[1, 0]]
