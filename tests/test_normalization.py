"""Batch normalisation: its statistics, what training and inference make of them, and files."""

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, layers, ops
from fastnn.compiler.program import Program
from fastnn.errors import LabelError, ShapeError
from fastnn.layers import Activation, BatchNormalization, Conv2D, Dense, Flatten
from fastnn.reference.cases import Case
from fastnn.reference.harness import Trial


def images(rows=6, seed=0):
    return np.random.default_rng(seed).normal(2, 3, (rows, 5, 4, 3))


def normalised(dtype="float64", **options):
    """A normalisation alone, with the loss of its output."""
    layer = BatchNormalization(**options)
    model = Sequential([Input((5, 4, 3)), layer], dtype=dtype)
    model.compile(fastnn.optimizers.SGD(0.0), "mse")
    return model, layer


def loss(y, target):
    return np.mean((y - target) ** 2)


def test_training_is_the_formula():
    model, layer = normalised()
    gamma, beta = np.array([0.5, 2, -1]), np.array([1.0, -3, 0])
    layer.set_weights([gamma, beta, np.full(3, 7), np.full(3, 9)])
    x, target = images(), images(seed=1)
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    y = (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    assert np.isclose(model.train_on_batch(x, target), loss(y, target), rtol=1e-13)
    assert np.allclose(layer.moving_mean.numpy(), 0.99 * 7 + 0.01 * mean, rtol=1e-14)
    assert np.allclose(layer.moving_variance.numpy(), 0.99 * 9 + 0.01 * variance, rtol=1e-14)


def test_inference_is_the_formula_with_the_moving_statistics():
    model, layer = normalised(epsilon=0.5)
    gamma, beta, mean, variance = np.arange(12.0).reshape(4, 3) + 1
    layer.set_weights([gamma, beta, mean, variance])
    x = images()
    y = (x - mean) / np.sqrt(variance + 0.5) * gamma + beta
    assert np.allclose(model.predict(x), y, rtol=1e-13, atol=1e-13)
    assert np.isclose(model.evaluate(x, y, verbose=0), 0, atol=1e-25)
    assert np.array_equal(layer.get_weights()[2], mean)


@pytest.mark.parametrize(("center", "scale"), [(False, True), (True, False), (False, False)])
def test_without_center_or_scale(center, scale):
    model, layer = normalised(center=center, scale=scale)
    names = ["gamma"] * scale + ["beta"] * center + ["moving_mean", "moving_variance"]
    assert [variable.name for variable in layer.weights] == names
    x, target = images(), images(seed=1)
    y = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-3)
    assert np.isclose(model.train_on_batch(x, target), loss(y, target), rtol=1e-13)


def test_only_gamma_and_beta_are_trainable_and_counted_as_such():
    _, layer = normalised()
    assert [v.name for v in layer.trainable_weights] == ["gamma", "beta"]
    assert [v.name for v in layer.non_trainable_weights] == ["moving_mean", "moving_variance"]


def test_a_frozen_layer_computes_as_at_inference_and_stays_as_it_is():
    model, layer = normalised()
    layer.set_weights(np.arange(12.0).reshape(4, 3) + 1)
    layer.trainable = False
    model.compile("sgd", "mse")
    before, x, target = layer.get_weights(), images(), images(seed=1)
    assert np.isclose(model.train_on_batch(x, target), loss(model.predict(x), target), rtol=1e-13)
    assert all(map(np.array_equal, before, layer.get_weights()))
    assert not layer.trainable_weights


def test_gradients_pass_through_a_frozen_layer():
    frozen = BatchNormalization(trainable=False, moving_variance_initializer="he_uniform")
    model = Sequential([Input((3,)), Dense(4, "tanh"), frozen, Dense(2)], dtype="float64")
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    frozen.set_weights(rng.random((4, 4)) + 0.5)
    check = fastnn.gradcheck(model, rng.normal(size=(5, 3)), rng.normal(size=(5, 2)))
    assert check.ok, str(check)


def test_a_bias_before_a_normalisation_has_no_gradient_and_passes_the_check():
    model = Sequential([Input((3,)), Dense(4), BatchNormalization(), Dense(2)], dtype="float64")
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    check = fastnn.gradcheck(model, rng.normal(size=(7, 3)), rng.normal(size=(7, 2)))
    assert check.ok, str(check)


# ---- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4096, 3), (16, 31, 9, 5)])
@pytest.mark.parametrize("offset", [0.0, 1e4, -3e5])
def test_a_mean_that_is_large_does_not_cancel_the_variance(shape, offset):
    """Deviations are as good as the means they are taken from, which are rounded to float32."""
    x = (np.random.default_rng(0).normal(size=shape) + offset).astype(np.float32)
    exact = x.astype(float)
    axes = tuple(range(len(shape) - 1))
    channels = shape[-1:]
    layer = BatchNormalization(momentum=0.0)
    model = Sequential([Input(shape[1:]), layer])
    model.compile(fastnn.optimizers.SGD(0.0), "mse")
    model.train_on_batch(x, np.zeros_like(x))
    mean, variance = layer.get_weights()[2:]
    assert mean.shape == variance.shape == channels
    ulp = np.spacing(np.float32(abs(offset)))
    assert np.abs(mean - exact.mean(axes)).max() <= 2 * ulp + 1e-7
    assert np.allclose(variance, exact.var(axes), rtol=1e-6 + 0.1 * ulp, atol=0)


def test_a_sum_over_a_large_image_stays_in_its_bound():
    case = Case("moments", {"r": (None,), "n": (300, 300), "c": (2,)}, 1, data="uniform")
    trial = Trial(case, "float32")
    assert trial.ratio(trial.compiled(fastnn.isa())) <= 0.5


def test_a_constant_channel_is_normalised_to_beta():
    model, layer = normalised("float32")
    x = np.full((4, 5, 4, 3), 3.7)
    assert model.train_on_batch(x, np.zeros_like(x)) == 0.0
    assert layer.moving_variance.numpy().tolist() == [np.float32(0.99)] * 3


# ---- the list of operations ----------------------------------------------------------------------


def operations(model, mode):
    nodes = Program.of(model.runtime.graph(mode), 8, "float32").nodes
    return [node.op.name for node in nodes]


def convolutional():
    fastnn.set_seed(1)
    made = [
        *(Input((6, 6, 2)), Conv2D(4, 3, use_bias=False), BatchNormalization(), Activation("relu")),
        *(Conv2D(3, 3), BatchNormalization(), Activation("tanh"), Flatten(), Dense(5, "softmax")),
    ]
    model = Sequential(made)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def test_activations_are_part_of_the_normalisation_on_both_ways():
    names = operations(convolutional(), "train")
    assert not {"activation_bwd", "add"} & set(names)
    assert names.count("normalize_fwd") == names.count("normalize_bwd_x") == 2


def test_at_inference_a_normalisation_is_part_of_the_product_before_it():
    model = convolutional()
    assert "normalize_fwd" not in operations(model, "predict")
    assert operations(model, "predict").count("normalize_fold") == 2
    assert operations(model, "evaluate").count("normalize_fold") == 2
    assert "normalize_fold" not in operations(model, "train")


@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("options", [{}, {"center": False}, {"scale": False}])
@pytest.mark.parametrize("product", ["dense", "convolution"])
def test_a_folded_normalisation_is_the_formula(product, options, use_bias):
    shape = (5, 4, 3)
    made = Conv2D(7, 2, use_bias=use_bias) if product == "convolution" else Dense(7, None, use_bias)
    alone = Sequential([Input(shape), made], dtype="float64")
    layer = BatchNormalization(**options)
    model = Sequential(
        [Input(shape), type(made).from_config(made.get_config()), layer, Activation("tanh")],
        dtype="float64",
    )
    rng = np.random.default_rng(0)
    model.set_weights([rng.random(w.shape) + 0.5 for w in model.get_weights()])
    alone.set_weights(model.layers[0].get_weights())
    values = {variable.name: variable.numpy() for variable in layer.weights}
    z = alone.predict(images()) - values["moving_mean"]
    z = z / np.sqrt(values["moving_variance"] + 1e-3) * values.get("gamma", 1)
    expected = np.tanh(z + values.get("beta", 0))
    assert np.allclose(model.predict(images()), expected, rtol=1e-12, atol=1e-13)


def test_a_product_that_others_read_keeps_its_output():
    x = Input((3,), dtype="float64")
    y = Dense(4)(x)
    layer = BatchNormalization(moving_mean_initializer="ones")
    model = fastnn.Model(x, layers.Add()([layer(y), y]))
    data = np.random.default_rng(0).normal(size=(5, 3))
    kernel, bias = model.layers[1].get_weights()
    z = data @ kernel + bias
    assert np.allclose(model.predict(data), z + (z - 1) / np.sqrt(1.001), rtol=1e-12)


def residual(dtype="float64"):
    """Two residual blocks, the second of two normalisations."""
    fastnn.set_seed(2)
    x = Input((4, 3), dtype=dtype)
    y = Activation("relu")(layers.Add()([BatchNormalization()(Dense(3)(x)), x]))
    z = layers.Add()([BatchNormalization()(Dense(3)(y)), BatchNormalization()(Dense(3)(y))])
    model = fastnn.Model(x, Dense(2)(Flatten()(Activation("tanh")(z))))
    model.compile("sgd", "mse")
    return model


def test_the_sum_and_activation_of_a_residual_block_are_part_of_its_normalisation():
    names = operations(residual(), "train")
    assert names.count("normalize_fwd") == 3
    assert "activation_fwd" not in names[: names.index("loss_fwd")]
    forward = names[: names.index("loss_fwd")]
    assert "add" not in forward


def test_fusing_the_sum_changes_no_bit(monkeypatch):
    x, y = np.random.default_rng(0).normal(size=(9, 4, 3)), np.ones((9, 2))
    trained = []
    for fused in (True, False):
        if not fused:
            monkeypatch.setattr("fastnn.compiler.fusion.absorb_sums", lambda nodes: nodes)
        model = residual("float32")
        model.fit(x, y, epochs=3, batch_size=4, verbose=0)
        trained.append(model.get_weights())
    assert all(map(np.array_equal, *trained))


def test_the_gradient_of_residual_blocks():
    x = np.random.default_rng(0).normal(size=(9, 4, 3))
    check = fastnn.gradcheck(residual(), x, np.ones((9, 2)))
    assert check.ok, str(check)


def test_a_normalisation_added_to_itself_stays_as_it_is():
    x = Input((3,), dtype="float64")
    y = layers.Activation("linear")(x)
    y = BatchNormalization(moving_mean_initializer="ones")(layers.Multiply()([y, y]))
    model = fastnn.Model(x, y + y)
    assert np.allclose(model.predict([[1.0, 2.0, 3.0]]), np.array([[0, 6, 16]]) / np.sqrt(1.001))


def test_a_frozen_normalisation_is_folded_in_training_too():
    model = convolutional()
    for layer in model.layers:
        layer.trainable = not isinstance(layer, BatchNormalization)
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert operations(model, "train").count("normalize_fold") == 2
    x = np.random.default_rng(0).normal(size=(6, 6, 6, 2))
    check = fastnn.gradcheck(model, x, np.arange(6) % 5)
    assert check.ok, str(check)


def test_moving_statistics_change_at_the_end_of_a_step():
    """A batch whose labels are refused has changed nothing, though it was normalised before."""
    model = convolutional()
    x, y = np.ones((64, 6, 6, 2)), np.zeros(64)
    y[-1] = 9
    before = model.get_weights()
    with pytest.raises(LabelError):
        model.train_on_batch(x, y)
    assert all(map(np.array_equal, before, model.get_weights()))
    program = Program.of(model.runtime.graph("train"), 8, "float32")
    assert program.nodes[program.commit].op.name == "moving_average"
    assert operations(model, "gradients").count("moving_average") == 0


def test_statistics_move_though_nothing_is_trained():
    model, layer = normalised(center=False, scale=False)
    model.train_on_batch(images(), images())
    assert (layer.moving_mean.numpy() != 0).all()


def test_the_numpy_interpreter_does_the_same():
    results = []
    for eager in (False, True):
        model = convolutional()
        model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=eager)
        x = np.random.default_rng(0).normal(size=(20, 6, 6, 2))
        model.fit(x, np.arange(20) % 5, epochs=3, batch_size=7, verbose=0)
        results.append([*model.get_weights(), model.predict(x)])
    for one, other in zip(*results, strict=True):
        assert np.allclose(one, other, rtol=1e-4, atol=1e-5)


def test_a_saved_model_has_its_statistics(tmp_path):
    model = convolutional()
    x = np.random.default_rng(0).normal(size=(20, 6, 6, 2))
    model.fit(x, np.arange(20) % 5, epochs=2, verbose=0)
    model.save(tmp_path / "model")
    again = fastnn.models.load_model(tmp_path / "model")
    assert np.array_equal(again.predict(x), model.predict(x))
    for each in (model, again):
        each.fit(x, np.arange(20) % 5, verbose=0)
    assert all(map(np.array_equal, model.get_weights(), again.get_weights()))


def test_moments_of_any_shape():
    class Centre(layers.Layer):
        def call(self, x):
            return ops.batch_normalization(x, *ops.batch_moments(x), -1, epsilon=1e-9, batch=True)

    for shape in ((7,), (3, 4), (2, 3, 4)):
        x = np.random.default_rng(0).normal(size=(6, *shape))
        y = Sequential([Input(shape), Centre()], dtype="float64").predict(x)
        axes = tuple(range(len(shape)))
        assert np.allclose(y.mean(axes), 0, atol=1e-12)
        assert np.allclose(y.var(axes), 1, rtol=1e-6)


# ---- axes ----------------------------------------------------------------------------------------


def by_axes(axis, shape):
    """The axes that are normalised together, and the shape of weights that go with them."""
    axes = sorted(a % len(shape) for a in (axis if isinstance(axis, list) else [axis]))
    return tuple(axes), tuple(n if i in axes else 1 for i, n in enumerate(shape))


@pytest.mark.parametrize("axis", [1, 2, -2, [1], [1, 3], [-1, 1], [2, 1], [3, 2, 1]])
def test_rows_of_any_axes_are_normalised_together(axis):
    layer = layers.LayerNormalization(axis, epsilon=0.1)
    model = Sequential([Input((5, 4, 3)), layer], dtype="float64")
    x, rng = images(), np.random.default_rng(0)
    gamma, beta = (rng.normal(size=w.shape) for w in layer.get_weights())
    layer.set_weights([gamma, beta])
    axes, broadcast = by_axes(axis, x.shape)
    assert gamma.shape == tuple(x.shape[a] for a in axes)
    y = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 0.1)
    y = y * gamma.reshape(broadcast) + beta.reshape(broadcast)
    assert np.allclose(model.predict(x), y, rtol=1e-12, atol=1e-13)
    for other, scale in (
        (layers.UnitNormalization(axis), np.sqrt((x**2).sum(axes, keepdims=True))),
        (
            layers.RMSNormalization(axis, epsilon=0.1),
            np.sqrt((x**2).mean(axes, keepdims=True) + 0.1) / gamma.reshape(broadcast),
        ),
    ):
        model = Sequential([Input((5, 4, 3)), other], dtype="float64")
        other.set_weights([gamma][: len(other.weights)])
        assert np.allclose(model.predict(x), x / scale, rtol=1e-12)


@pytest.mark.parametrize("axis", [1, 2, 3, -1, -2, -3])
def test_channels_may_be_any_axis(axis):
    layer = BatchNormalization(axis, momentum=0.0)
    model = Sequential([Input((5, 4, 3)), layer], dtype="float64")
    model.compile(fastnn.optimizers.SGD(0.0), "mse")
    x = images()
    others = tuple(i for i in range(4) if i != axis % 4)
    y = (x - x.mean(others, keepdims=True)) / np.sqrt(x.var(others, keepdims=True) + 1e-3)
    assert np.isclose(model.train_on_batch(x, y), 0, atol=1e-25)
    assert layer.moving_mean.shape == (x.shape[axis],)
    assert np.allclose(layer.moving_mean.value, x.mean(others), rtol=1e-13)
    assert np.allclose(model.predict(x), y, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("axis", [1, 2, 3, -1, -2, -3])
def test_groups_may_be_of_any_axis(axis):
    layer = layers.GroupNormalization(2, axis)
    moved = Sequential([Input((4, 6, 8)), layer], dtype="float64")
    last = layers.GroupNormalization(2)
    there = np.random.default_rng(0).normal(1, 2, (3, 4, 6, 8))
    x = np.moveaxis(there, axis, -1)
    plain = Sequential([Input(x.shape[1:]), last], dtype="float64")
    weights = np.random.default_rng(1).normal(size=(2, x.shape[-1]))
    for each in (layer, last):
        each.set_weights(weights)
    assert np.allclose(np.moveaxis(moved.predict(there), axis, -1), plain.predict(x), rtol=1e-12)


AXES = [
    lambda axis: BatchNormalization(axis=axis),
    lambda axis: layers.GroupNormalization(axis=axis, groups=1),
    lambda axis: layers.LayerNormalization(axis=axis),
    lambda axis: layers.RMSNormalization(axis=axis),
    lambda axis: layers.UnitNormalization(axis=axis),
    lambda axis: layers.Normalization(axis=axis),
    lambda axis: layers.MinMaxScaling(axis=axis),
]


@pytest.mark.parametrize("axis", [0, -4, 4, -5])
@pytest.mark.parametrize("make", AXES)
def test_axes_are_those_of_a_sample(make, axis):
    with pytest.raises(ShapeError, match="must name axes of a sample, each once: 1, 2, 3, or"):
        Sequential([Input((5, 4, 3)), make(axis)])


@pytest.mark.parametrize("make", AXES)
@pytest.mark.parametrize("axis", ["x", 1.5, True])
def test_axes_are_integers(make, axis):
    with pytest.raises(TypeError, match="axis must be an integer"):
        make(axis)


@pytest.mark.parametrize("make", AXES[2:])
def test_axes_are_named_once(make):
    with pytest.raises(ShapeError, match="each once"):
        Sequential([Input((5, 4, 3)), make([1, -3])])


@pytest.mark.parametrize("groups", [2, 5, 7])
def test_groups_divide_the_channels(groups):
    with pytest.raises(ShapeError, match=f"groups={groups} does not divide the 3 channels"):
        Sequential([Input((5, 4, 3)), layers.GroupNormalization(groups)])


def test_channels_that_are_last_are_not_moved():
    for layer in (BatchNormalization(), layers.LayerNormalization(), layers.GroupNormalization(3)):
        assert "swap" not in operations(Sequential([Input((5, 4, 3)), layer]), "predict")


def test_statistics_are_those_of_all_places():
    made = [layers.Masking(), BatchNormalization(momentum=0.0)]
    model = Sequential([Input((4, 3)), *made], dtype="float64")
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(1, 2, (5, 4, 3))
    x[:, 2:] = 0
    model.train_on_batch(x, x)
    assert np.allclose(made[1].moving_mean.value, x.mean((0, 1)), rtol=1e-13)
