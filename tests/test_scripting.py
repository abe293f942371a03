"""What scripts ask a model, a layer and an optimizer for, by Keras's names."""

import copy
import json
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, layers, ops
from fastnn.errors import NotCompiledError, ShapeError
from fastnn.layers import Dense

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(12, 4)), RNG.integers(0, 2, 12)


def penalised(**options):
    model = Sequential(
        [
            Input((4,), dtype="float64"),
            Dense(3, "relu", kernel_regularizer=fastnn.regularizers.L1L2(0.1, 0.2), name="first"),
            Dense(2, "softmax", bias_regularizer="l2", bias_initializer="ones", name="last"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy", **options)
    return model


# ---- losses --------------------------------------------------------------------------------------


def test_losses_are_what_weights_cost():
    model = penalised()
    kernel = model.layers[0].get_weights()[0]
    first = 0.1 * np.abs(kernel).sum() + 0.2 * np.square(kernel).sum()
    assert np.allclose(model.losses, [first, 0.02])
    assert model.layers[0].losses == model.losses[:1]
    assert np.isclose(
        sum(model.losses), model.evaluate(X, Y, verbose=0, return_dict=True)["penalty"]
    )


def test_what_does_not_train_or_has_no_regularizer_costs_nothing():
    model = penalised()
    model.layers[0].trainable = False
    assert np.allclose(model.losses, [0.02])
    assert Dense(3).losses == []


def test_compute_loss_is_that_of_evaluate():
    weights = RNG.uniform(0, 1, 12)
    model = penalised()
    want = model.evaluate(X, Y, verbose=0, sample_weight=weights)
    assert np.isclose(model.compute_loss(X, Y, model.predict(X), weights), want)


def test_compute_loss_of_several_outputs():
    x = Input((4,), dtype="float64")
    model = fastnn.Model(x, {"a": Dense(1, name="u")(x), "b": Dense(2)(x), "c": Dense(1)(x)})
    model.compile("sgd", {"a": "mse", "b": "mae"}, loss_weights={"a": 3.0})
    y = {"a": RNG.normal(size=(12, 1)), "b": RNG.normal(size=(12, 2))}
    w = {"b": RNG.uniform(0, 1, 12)}
    want = model.evaluate(X, y, verbose=0, sample_weight=w, return_dict=True)["loss"]
    assert np.isclose(model.compute_loss(y=y, y_pred=model.predict(X), sample_weight=w), want)


def test_compute_loss_says_what_is_missing():
    with pytest.raises(NotCompiledError, match=r"compute_loss: .* call compile"):
        Sequential([Input((4,)), Dense(1)]).compute_loss(y=Y, y_pred=Y)
    with pytest.raises(ValueError, match="compute_loss: y and y_pred are needed"):
        penalised().compute_loss(X, Y)


# ---- compile -------------------------------------------------------------------------------------


def test_metrics_are_those_of_compile():
    accuracy = fastnn.metrics.SparseCategoricalAccuracy(name="own")
    model = penalised(metrics=[accuracy], weighted_metrics=["accuracy"])
    assert model.metrics[0] is accuracy
    assert [metric.name for metric in model.metrics] == model.metrics_names[1:]
    later = Sequential([Dense(2, "softmax")])
    assert later.metrics == []
    later.compile("sgd", "sparse_categorical_crossentropy", metrics=[accuracy])
    assert later.metrics == [accuracy]
    assert later.metrics_names == ["loss", "own"]


def test_train_on_batch_needs_no_reset_of_metrics():
    model, twin = penalised(metrics=["accuracy"]), penalised(metrics=["accuracy"])
    twin.set_weights(model.get_weights())
    for _ in range(2):
        model.reset_metrics()
        assert model.train_on_batch(X, Y) == twin.train_on_batch(X, Y)


def test_compiled_and_run_eagerly_tell_how():
    model = Sequential([Input((4,)), Dense(1)])
    assert not model.compiled
    assert not model.run_eagerly
    model.compile("sgd", "mse", run_eagerly=True)
    assert model.compiled
    assert model.run_eagerly


def test_keras_s_options_of_compile_change_nothing():
    model, plain = penalised(), penalised(steps_per_execution=4, jit_compile=False)
    plain.compile("sgd", "sparse_categorical_crossentropy", auto_scale_loss=False)
    plain.set_weights(model.get_weights())
    fits = [each.fit(X, Y, verbose=0, shuffle=False).history for each in (model, plain)]
    assert fits[0] == fits[1]


def test_a_compile_config_compiles_another_model():
    model = penalised(metrics=["accuracy"])
    model.optimizer.learning_rate = 0.25
    twin = fastnn.models.clone_model(model)
    assert twin.get_compile_config() is None
    twin.compile_from_config(json.loads(json.dumps(model.get_compile_config())))
    assert twin.get_compile_config() == model.get_compile_config()
    assert twin.optimizer.learning_rate == 0.25
    twin.set_weights(model.get_weights())
    assert twin.train_on_batch(X, Y) == model.train_on_batch(X, Y)


# ---- weights as arrays ---------------------------------------------------------------------------


def test_numpy_takes_a_weight_for_its_numbers():
    kernel = penalised().layers[0].kernel
    values = kernel.numpy()
    assert np.asarray(kernel).tobytes() == values.tobytes()
    assert np.asarray(kernel).dtype == values.dtype
    assert np.mean(kernel) == values.mean()
    assert np.allclose(np.ones(4) @ kernel, values.sum(0))
    assert np.array_equal(np.stack([kernel, kernel]), [values, values])
    assert np.asarray(kernel, "float16").tobytes() == values.astype("f2").tobytes()


def test_a_weight_computes_as_an_array_does():
    kernel = penalised().layers[0].kernel
    values = kernel.numpy()
    ones = np.ones_like(values)
    pairs = [
        (kernel * 2, values * 2),
        (1 - kernel, 1 - values),
        (-kernel, -values),
        (kernel**2, values**2),
        (kernel * kernel, values * values),
        (kernel[0], values[0]),
        (kernel[:, 1:], values[:, 1:]),
        (ones + kernel, ones + values),
        (kernel + ones, ones + values),
        (np.exp(kernel), np.exp(values)),
        (np.add.reduce(kernel, axis=0), values.sum(axis=0)),
    ]
    for found, wanted in pairs:
        assert type(found) is np.ndarray
        assert np.allclose(found, wanted, rtol=1e-6)
    assert np.array_equal(kernel > 0, values > 0)
    for key in ([0, 2], values > 0, np.array([1, 0]), (slice(None), [0])):
        assert np.array_equal(kernel[key], values[key])
    assert np.array_equal(kernel[kernel > 0], values[values > 0])
    assert (kernel * np.float64(2)).dtype == (values * np.float64(2)).dtype
    assert np.allclose(sum(kernel[row] for row in range(4)), values.sum(axis=0))
    layer = penalised().layers[0]
    with pytest.raises(TypeError, match="cannot write into a weight"):
        np.add.at(kernel, 0, 1)
    with pytest.raises(TypeError, match=r"is not changed in place; give its assign\(value\) the r"):
        layer.kernel *= 0.5
    assert float(kernel[0, 0]) == values[0, 0]
    assert kernel == kernel
    with pytest.raises(TypeError, match="neither true nor false; to see whether there is one"):
        bool(kernel)
    with pytest.raises(TypeError, match=r"cannot write into a weight; use its assign\(value\)"):
        np.add(values, 1, out=kernel)
    assert kernel.numpy().tobytes() == values.tobytes()


class Table(layers.Layer):
    """A layer that uses its weight in all ways to write it."""

    def build(self, input_shape):
        self.table = self.add_weight((8, input_shape[-1]), "glorot_uniform")
        self.gate = self.add_weight((input_shape[-1],), "ones")
        self.gate.assign(self.gate * 0.5 + self.gate.value)  # also inside of another

    def call(self, x):
        first = self.table[:3]
        first -= 1
        first += self.table[1:4] ** 2
        return x * self.gate.value * (1 - self.gate) + np.ones(4) * self.gate + first


class Around(layers.Layer):
    def __init__(self):
        super().__init__()
        self.inside = Table()

    def call(self, x):
        return self.inside(x)


@pytest.mark.parametrize("make", [Table, Around])
def test_a_weight_in_call_is_what_it_is_in_each_call(make):
    model = Sequential([Input((3, 4)), make()], dtype="float64")
    x = np.arange(24.0).reshape(2, 3, 4)
    table, gate = model.get_weights()
    assert np.allclose(gate, 1.5)
    model.set_weights([table, gate := gate + np.arange(4.0)])
    expected = x * gate * (1 - gate) + gate + table[:3] - 1 + table[1:4] ** 2
    assert np.allclose(model.predict(x), expected)
    model.compile("sgd", "mse")
    assert fastnn.gradcheck(model, x, np.zeros((2, 3, 4))).ok


class Switched(layers.Layer):
    """A layer that looks at a number which does not learn, as its program is made."""

    def build(self, input_shape):
        self.mode = self.add_weight((1,), "ones", trainable=False)

    def call(self, x):
        return x * 2 if self.mode.value[0] == 1 and self.mode.value.mean() == 1 else x


def test_the_value_of_what_does_not_learn_is_an_array_in_call_too():
    assert Sequential([Input((1,)), Switched()]).predict([[3.0]]) == 6


class Looking(layers.Layer):
    def call(self, x):
        return x * np.exp(self.gate)

    def build(self, input_shape):
        self.gate = self.add_weight((input_shape[-1],), "ones")


def test_numpy_s_functions_of_a_weight_are_refused_in_call():
    with pytest.raises(TypeError, match="NumPy would take the numbers of now"):
        Sequential([Input((4,)), Looking()])


class Unbegun(fastnn.Model):
    def __init__(self):
        self.units = 3


def test_a_constructor_that_does_not_begin_is_refused_at_once():
    with pytest.raises(RuntimeError, match=r"Unbegun: its __init__ has to begin with super\(\)\._"):
        Unbegun()


def test_an_array_of_a_weight_is_a_copy_unless_there_is_to_be_none():
    kernel = penalised().layers[0].kernel
    before = kernel.numpy()
    np.asarray(kernel)[...] = 7
    np.array(kernel, copy=True)[...] = 7
    assert np.array_equal(kernel, before)
    live = kernel.__array__(copy=False)
    assert not live.flags.writeable
    kernel.assign(before + 1)
    assert np.array_equal(live, before + 1)


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="copy=False is NumPy 2's")
def test_numpy_2_is_told_that_another_type_takes_a_copy():
    kernel = penalised().layers[0].kernel
    assert np.shares_memory(np.asarray(kernel, copy=False), kernel.value)
    with pytest.raises(ValueError, match="copy"):
        np.asarray(kernel, "float16", copy=False)


def test_numpy_takes_what_a_layer_keeps_from_batch_to_batch_too():
    layer = layers.SimpleRNN(2, stateful=True)
    Sequential([Input((3, 4), batch_size=2), layer]).predict(np.ones((2, 3, 4)))
    assert np.asarray(layer.states[0]).tobytes() == layer.states[0].numpy().tobytes()
    assert np.abs(layer.states[0]).max() > 0


def test_numpy_takes_no_weight_while_its_layer_is_called():
    class Scaled(layers.Layer):
        def build(self, shape):
            self.scale = self.add_weight((shape[-1],), "ones", name="scale")

        def call(self, x):
            return x * np.abs(self.scale)

    with pytest.raises(TypeError, match=r"own/scale: NumPy would .* fastnn\.ops"):
        Scaled(name="own")(Input((4,)))


# ---- the learning rate ---------------------------------------------------------------------------


def test_a_learning_rate_is_a_number_that_can_be_assigned():
    adam = fastnn.optimizers.Adam(0.5)
    rate = adam.learning_rate
    assert float(rate) == rate.value == rate.numpy() == rate == 0.5
    assert type(rate.value) is float
    rate.assign(rate / 4)
    assert adam.learning_rate == 0.125
    assert rate == 0.5
    with pytest.raises(ValueError, match="learning_rate must be finite"):
        rate.assign(-1)
    for twin in (
        copy.deepcopy(rate),
        pickle.loads(pickle.dumps(rate)),
        json.loads(json.dumps(rate)),
    ):
        assert type(twin) is float
        assert twin == 0.5


def test_an_assigned_learning_rate_counts_from_the_next_step():
    model = Sequential([Input((4,), dtype="float64"), Dense(1, kernel_initializer="zeros")])
    model.compile(fastnn.optimizers.SGD(1.0), "mse")
    model.optimizer.learning_rate.assign(0.0)
    model.train_on_batch(X, Y)
    assert not model.get_weights()[0].any()


# ---- fit -----------------------------------------------------------------------------------------


def test_validation_freq_may_name_the_epochs():
    seen = []
    note = fastnn.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append((epoch, "val_loss" in logs))
    )
    options = {"epochs": 4, "validation_data": (X, Y), "verbose": 0, "callbacks": [note]}
    penalised().fit(X, Y, validation_freq=[1, 3], **options)
    assert seen == [(0, True), (1, False), (2, True), (3, False)]
    with pytest.raises(ValueError, match="fit: validation_freq must be"):
        penalised().fit(X, Y, validation_freq=[1, 0], **options)


# ---- shapes --------------------------------------------------------------------------------------


class Tower(layers.Layer):
    """Layers inside, one of which is made in ``build``."""

    def __init__(self, units):
        super().__init__()
        self.blocks = [Dense(units), layers.BatchNormalization()]

    def build(self, input_shape):
        self.last = Dense(2)

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return self.last(x)


class Halves(layers.Layer):
    """Written in NumPy."""

    def forward(self, x):
        return x[:, : x.shape[1] // 2]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[1] // 2)


SHAPES = {
    "dense": (lambda: Dense(3), (None, 5, 4), (None, 5, 3)),
    "rows": (lambda: layers.Conv2D(8, 3), (7, 28, 28, 1), (7, 26, 26, 8)),
    "ids": (lambda: layers.Embedding(10, 4), (None, 6), (None, 6, 4)),
    "several in": (lambda: layers.Concatenate(), [(None, 2), (None, 3)], (None, 5)),
    "several out": (
        lambda: layers.LSTM(3, return_state=True),
        (None, 5, 2),
        [(None, 3), (None, 3), (None, 3)],
    ),
    "layers inside": (lambda: Tower(6), (4, 3), (4, 2)),
    "numpy": (lambda: Halves(), (None, 8), (None, 4)),
    "model": (lambda: Sequential([Dense(3), Dense(2)]), (None, 4), (None, 2)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_shape_of_an_output_is_told_and_nothing_is_built(name):
    make, shape, want = SHAPES[name]
    layer = make()
    state = {key: list(v) if isinstance(v, list) else v for key, v in vars(layer).items()}
    fastnn.set_seed(5)
    first = fastnn.config.next_seed()
    fastnn.set_seed(5)
    assert layer.compute_output_shape(shape) == want
    assert fastnn.config.next_seed() == first
    assert vars(layer) == state
    assert not layer.built
    assert layer.weights == []


def test_a_layer_that_told_a_shape_goes_into_any_model():
    layer = Dense(3)
    layer.compute_output_shape((None, 2))
    model = Sequential([Input((4,), dtype="float64"), layer])
    assert model.predict(X).dtype == np.float64
    assert layer.compute_output_shape((9, 4)) == (9, 3)
    assert layer.input.shape == (None, 4)


def test_a_functional_model_tells_its_shape_by_names():
    a, b = Input((2,), name="a"), Input((3,), name="b")
    model = fastnn.Model({"a": a, "b": b}, [layers.Concatenate()([a, b]), Dense(1)(a)])
    shapes = {"a": (4, 2), "b": (4, 3)}
    assert model.compute_output_shape(shapes) == [(4, 5), (4, 1)]


def test_a_shape_that_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match=r"conv: compute_output_shape expects \(None, ...\)"):
        layers.Conv2D(3, 3, name="conv").compute_output_shape((None, None, 5, 1))
    layer = layers.Conv2D(3, 3)
    with pytest.raises(ShapeError):
        layer.compute_output_shape((None, 2, 2, 1))
    assert not layer.built


def test_a_user_s_layer_may_ask_for_losses_on_the_way():
    class Weighed(layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight((4,), "ones", regularizer=lambda x: ops.penalty(x, l1=1.0))

        def call(self, x):
            return x * self.w

    layer = Weighed()
    Sequential([Input((4,)), layer])
    assert layer.losses == [4.0]


# ---- models whose layers say what is to be small -------------------------------------------------


class Endpoint(layers.Layer):
    """Compares two of its inputs, and returns the first."""

    def call(self, inputs):
        prediction, target = inputs
        self.add_loss(ops.batch_mean(ops.square(prediction - target)))
        return prediction


def with_endpoint(dtype="float64"):
    x, y = Input((4,), name="x", dtype=dtype), Input((1,), name="y", dtype=dtype)
    model = fastnn.Model({"x": x, "y": y}, Endpoint()([Dense(1, name="line")(x), y]))
    model.compile(fastnn.optimizers.SGD(0.1))
    return model


def test_a_model_of_added_losses_needs_no_loss_and_no_targets(tmp_path):
    y = X @ [[1.0], [-2.0], [0.5], [0.0]]
    plain = Sequential([Input((4,), dtype="float64"), Dense(1)])
    plain.compile(fastnn.optimizers.SGD(0.1), "mse")
    model = with_endpoint()
    plain.set_weights(model.get_weights())
    data = {"x": X, "y": y}
    options = {"batch_size": 5, "epochs": 3, "verbose": 0, "shuffle": False}
    found = model.fit(data, validation_split=0.25, **options).history
    want = plain.fit(X, y, validation_split=0.25, **options).history
    assert found.keys() == want.keys() == {"loss", "val_loss"}
    assert all(np.allclose(found[name], want[name], rtol=1e-12) for name in want)
    assert all(map(np.allclose, model.get_weights(), plain.get_weights()))
    model.save(tmp_path / "model")
    again = fastnn.models.load_model(tmp_path / "model", {"Endpoint": Endpoint})
    assert again.loss is None
    assert again.metrics_names == ["loss"]
    batch = again.train_on_batch(data)
    assert np.isclose(batch, plain.train_on_batch(X, y))
    assert again.evaluate(data, verbose=0, return_dict=True).keys() == {"loss"}
    assert again.compute_loss(data) == 0.0


def test_batches_of_added_losses_are_x_alone():
    model, twin = with_endpoint(), with_endpoint()
    twin.set_weights(model.get_weights())
    parts = [{"x": X[at : at + 4], "y": X[at : at + 4, :1]} for at in (0, 4, 8)]
    history = model.fit(iter([(part,) for part in parts]), verbose=0).history
    whole = {"x": X, "y": X[:, :1]}
    assert history == twin.fit(whole, batch_size=4, shuffle=False, verbose=0).history


def test_an_added_loss_that_is_not_finite_is_told():
    model = with_endpoint()
    with pytest.warns(fastnn.errors.NonFiniteWarning, match="epoch 1, batch 1"):
        model.fit({"x": X, "y": np.full((12, 1), np.nan)}, verbose=0)


def test_without_loss_and_penalty_there_is_nothing_to_learn():
    model = Sequential([Dense(1)])
    model.compile("sgd")
    with pytest.raises(ValueError, match="compile: loss is missing"):
        model.fit(X, Y)
    with pytest.raises(ValueError, match="compile: loss is missing"):
        penalised().compile("sgd")  # whose weights would go to 0
    with pytest.raises(ValueError, match="'last' has metrics but no loss"):
        penalised().compile("sgd", metrics=["accuracy"])


# ---- weights of another model --------------------------------------------------------------------


def head(units, *more):
    layers = [Dense(3, "relu", name="body"), *more, Dense(units, name="head")]
    model = Sequential([Input((4,)), *layers])
    model.compile("adam", "mse")
    return model


@pytest.mark.parametrize("more", [0, 1])
def test_weights_that_fit_are_taken_and_others_stay(tmp_path, more):
    first, other = head(2), head(5, *(Dense(3, name=f"more{i}") for i in range(more)))
    first.train_on_batch(X, np.zeros((12, 2)))
    first.save_weights(tmp_path / "weights")
    with pytest.raises(ShapeError):
        other.load_weights(tmp_path / "weights")
    before = other.get_layer("head").get_weights()
    count = 2 + 2 * more
    with pytest.warns(UserWarning, match=rf"load_weights: {count} of .* stay.*head/kernel"):
        other.load_weights(tmp_path / "weights", skip_mismatch=True)
    body = zip(*(each.get_layer("body").get_weights() for each in (first, other)), strict=True)
    assert all(np.array_equal(a, b) for a, b in body)
    assert all(map(np.array_equal, before, other.get_layer("head").get_weights()))
    assert other.optimizer.iterations == 0


def test_what_fits_altogether_is_taken_without_a_warning(tmp_path):
    first, twin, part = head(2), head(2), Sequential([Input((4,)), Dense(3, name="body")])
    first.train_on_batch(X, np.zeros((12, 2)))
    first.save_weights(tmp_path / "weights")
    for model in (twin, part):
        model.load_weights(tmp_path / "weights", skip_mismatch=True)
        taken = zip(model.get_weights(), first.get_weights(), strict=False)
        assert all(np.array_equal(a, b) for a, b in taken)
    assert twin.optimizer.iterations == 1  # the state came with them


@pytest.mark.parametrize("name", ["train_step", "test_step", "predict_step"])
def test_a_step_of_your_own_is_refused_as_nobody_would_call_it(name):
    with pytest.raises(TypeError, match=rf"Own\.{name}: it would never be called.*train_on_batch"):
        type("Own", (fastnn.Model,), {name: lambda self, data: {}})
