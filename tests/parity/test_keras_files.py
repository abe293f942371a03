"""Models and weights from Keras's files and to them: predictions are equal, whoever wrote them."""

import warnings

import numpy as np
import pytest

import fastnn
from fastnn.errors import ModelFileError

pytestmark = pytest.mark.filterwarnings("ignore:__array__ impl")  # of Keras's variables

RNG = np.random.default_rng(5)
IMAGES = ((8, 8, 4), lambda n: RNG.normal(size=(n, 8, 8, 4)))
STEPS = ((6, 4), lambda n: RNG.normal(size=(n, 6, 4)))
ROWS = ((5,), lambda n: RNG.normal(size=(n, 5)))
IDS = ((6,), lambda n: RNG.integers(0, 7, (n, 6)).astype(float))

# layer -> samples, and what makes it, and others around it, of either's layers
LAYERS = {
    "Dense": (ROWS, lambda L: [L.Dense(3, "tanh", kernel_regularizer="l2", use_bias=False)]),
    "Activation": (ROWS, lambda L: [L.Activation("gelu")]),
    "Identity": (ROWS, lambda L: [L.Identity()]),
    "Dropout": (ROWS, lambda L: [L.Dropout(0.5, seed=3)]),
    "Flatten": (IMAGES, lambda L: [L.Flatten()]),
    "Reshape": (IMAGES, lambda L: [L.Reshape((-1, 8))]),
    "Permute": (STEPS, lambda L: [L.Permute((2, 1))]),
    "RepeatVector": (ROWS, lambda L: [L.RepeatVector(2)]),
    "ReLU": (ROWS, lambda L: [L.ReLU(max_value=1.0, negative_slope=0.1)]),
    "LeakyReLU": (ROWS, lambda L: [L.LeakyReLU(0.2)]),
    "PReLU": (IMAGES, lambda L: [L.PReLU(shared_axes=[1, 2])]),
    "ELU": (ROWS, lambda L: [L.ELU(0.5)]),
    "Softmax": (ROWS, lambda L: [L.Softmax()]),
    "ActivityRegularization": (ROWS, lambda L: [L.ActivityRegularization(0.1, 0.2)]),
    "Conv1D": (STEPS, lambda L: [L.Conv1D(3, 2, padding="causal", dilation_rate=2)]),
    "Conv2D": (IMAGES, lambda L: [L.Conv2D(6, 3, strides=2, padding="same", groups=2)]),
    "Conv1DTranspose": (STEPS, lambda L: [L.Conv1DTranspose(3, 3, 2)]),
    "Conv2DTranspose": (IMAGES, lambda L: [L.Conv2DTranspose(3, 3, 2, "same")]),
    "DepthwiseConv1D": (STEPS, lambda L: [L.DepthwiseConv1D(3, depth_multiplier=2)]),
    "DepthwiseConv2D": (IMAGES, lambda L: [L.DepthwiseConv2D(3)]),
    "SeparableConv1D": (STEPS, lambda L: [L.SeparableConv1D(3, 3)]),
    "SeparableConv2D": (IMAGES, lambda L: [L.SeparableConv2D(3, 3)]),
    "MaxPooling1D": (STEPS, lambda L: [L.MaxPooling1D()]),
    "MaxPooling2D": (IMAGES, lambda L: [L.MaxPooling2D()]),
    "AveragePooling1D": (STEPS, lambda L: [L.AveragePooling1D(2)]),
    "AveragePooling2D": (IMAGES, lambda L: [L.AveragePooling2D(3, 1, "same")]),
    "GlobalAveragePooling1D": (STEPS, lambda L: [L.GlobalAveragePooling1D()]),
    "GlobalAveragePooling2D": (IMAGES, lambda L: [L.GlobalAveragePooling2D(keepdims=True)]),
    "GlobalMaxPooling1D": (STEPS, lambda L: [L.GlobalMaxPooling1D()]),
    "GlobalMaxPooling2D": (IMAGES, lambda L: [L.GlobalMaxPooling2D()]),
    "ZeroPadding1D": (STEPS, lambda L: [L.ZeroPadding1D(2)]),
    "ZeroPadding2D": (IMAGES, lambda L: [L.ZeroPadding2D(((1, 2), (0, 1)))]),
    "Cropping1D": (STEPS, lambda L: [L.Cropping1D(1)]),
    "Cropping2D": (IMAGES, lambda L: [L.Cropping2D(((1, 2), (0, 1)))]),
    "UpSampling1D": (STEPS, lambda L: [L.UpSampling1D(2)]),
    "UpSampling2D": (IMAGES, lambda L: [L.UpSampling2D((2, 1))]),
    "Embedding": (IDS, lambda L: [L.Embedding(7, 3, mask_zero=True), L.LSTM(2)]),
    "Masking": (STEPS, lambda L: [L.Masking(), L.GRU(2)]),
    "SimpleRNN": (STEPS, lambda L: [L.SimpleRNN(3, return_sequences=True)]),
    "LSTM": (STEPS, lambda L: [L.LSTM(3, go_backwards=True)]),
    "GRU": (STEPS, lambda L: [L.GRU(3, reset_after=False)]),
    "RNN": (STEPS, lambda L: [L.RNN(L.LSTMCell(3)), L.Dense(2)]),
    "LSTMCell": (STEPS, lambda L: [L.RNN([L.LSTMCell(3), L.LSTMCell(2)])]),
    "GRUCell": (STEPS, lambda L: [L.RNN(L.GRUCell(3))]),
    "SimpleRNNCell": (STEPS, lambda L: [L.RNN(L.SimpleRNNCell(3))]),
    "StackedRNNCells": (STEPS, lambda L: [L.RNN([L.GRUCell(3), L.SimpleRNNCell(2)])]),
    "Bidirectional": (STEPS, lambda L: [L.Bidirectional(L.LSTM(3), merge_mode="sum")]),
    "TimeDistributed": (STEPS, lambda L: [L.TimeDistributed(L.Dense(3)), L.Dense(2)]),
    "BatchNormalization": (IMAGES, lambda L: [L.BatchNormalization(epsilon=0.01)]),
    "LayerNormalization": (IMAGES, lambda L: [L.LayerNormalization(axis=[1, 2])]),
    "GroupNormalization": (IMAGES, lambda L: [L.GroupNormalization(2)]),
    "RMSNormalization": (ROWS, lambda L: [L.RMSNormalization()]),
    "UnitNormalization": (ROWS, lambda L: [L.UnitNormalization()]),
    "Normalization": (ROWS, lambda L: [L.Normalization(), L.Normalization(mean=2.0, variance=3.0)]),
    "Rescaling": (ROWS, lambda L: [L.Rescaling(0.5, 1.0), L.Rescaling([1, 2, 3, 4, 5], 6)]),
    "CategoryEncoding": (IDS, lambda L: [L.CategoryEncoding(7, "multi_hot")]),
    "Discretization": (ROWS, lambda L: [L.Discretization([-0.5, 0.0, 1.0])]),
    "Resizing": (IMAGES, lambda L: [L.Resizing(4, 16)]),
    "CenterCrop": (IMAGES, lambda L: [L.CenterCrop(5, 6)]),
    "GaussianNoise": (ROWS, lambda L: [L.GaussianNoise(0.5)]),
    "GaussianDropout": (ROWS, lambda L: [L.GaussianDropout(0.5)]),
    "AlphaDropout": (ROWS, lambda L: [L.AlphaDropout(0.5)]),
    "SpatialDropout1D": (STEPS, lambda L: [L.SpatialDropout1D(0.5)]),
    "SpatialDropout2D": (IMAGES, lambda L: [L.SpatialDropout2D(0.5)]),
    "RandomFlip": (IMAGES, lambda L: [L.RandomFlip("horizontal")]),
    "RandomTranslation": (IMAGES, lambda L: [L.RandomTranslation(0.1, 0.1)]),
    "RandomRotation": (IMAGES, lambda L: [L.RandomRotation(0.1)]),
    "RandomZoom": (IMAGES, lambda L: [L.RandomZoom(0.1)]),
    "RandomCrop": (IMAGES, lambda L: [L.RandomCrop(8, 8)]),
    "RandomContrast": (IMAGES, lambda L: [L.RandomContrast(0.1)]),
    "RandomBrightness": (IMAGES, lambda L: [L.RandomBrightness(0.1)]),
    "Add": (ROWS, lambda L: _merged(L, L.Add())),
    "Subtract": (ROWS, lambda L: _merged(L, L.Subtract())),
    "Multiply": (ROWS, lambda L: _merged(L, L.Multiply())),
    "Average": (ROWS, lambda L: _merged(L, L.Average())),
    "Maximum": (ROWS, lambda L: _merged(L, L.Maximum())),
    "Minimum": (ROWS, lambda L: _merged(L, L.Minimum())),
    "Concatenate": (ROWS, lambda L: _merged(L, L.Concatenate())),
    "Dot": (ROWS, lambda L: _merged(L, L.Dot(1))),
}

#: What Keras does not have, and what is not a layer by itself.
ELSEWHERE = {"InputLayer", "Lambda", "MinMaxScaling"}


def _merged(L, layer):
    """A model as the only layer of another."""
    module = fastnn if L is fastnn.layers else __import__("keras")
    x = L.Input((5,))
    return [module.Model(x, layer([L.Dense(3)(x), L.Dense(3, "relu")(x)]))]


def random_weights(model):
    """Weights that differ from layer to layer; variances are positive."""
    model.set_weights([RNG.uniform(0.1, 0.9, np.shape(w)) for w in model.get_weights()])
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()  # without which a Normalization goes on with the old ones


def close(a, b):
    """Compare one array, or a list or a dict of them."""
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        a, b = (list(each.values()) for each in (a, b))
    if not isinstance(a, list):
        a, b = [a], [b]
    for p, q in zip(a, map(np.asarray, b), strict=True):
        assert p.shape == q.shape
        assert np.abs(np.subtract(p, q)).max() <= 1e-6 * max(1, np.abs(q).max())


def keras_says(model, x):
    return model(x, training=False)  # which compiles nothing


def keras_reads(keras, path, custom_objects=None):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Skipping variable loading")
        return keras.models.load_model(path, custom_objects=custom_objects)


def check(keras, theirs, x, folder, custom_objects=None, their_objects=None):
    """A model of Keras's, read, imported live, written, and read by Keras again."""
    expected = keras_says(theirs, x)
    theirs.save(folder / "theirs.keras")
    theirs.save_weights(folder / "theirs.weights.h5")
    ours = fastnn.from_keras(folder / "theirs.keras", custom_objects)
    close(ours.predict(x), expected)
    close(fastnn.from_keras(theirs, custom_objects).predict(x), expected)

    fresh = fastnn.models.clone_model(ours)
    fresh.load_weights(folder / "theirs.weights.h5")
    close(fresh.predict(x), expected)

    ours.save(folder / "ours.keras", format="keras")
    close(keras_says(keras_reads(keras, folder / "ours.keras", their_objects), x), expected)
    ours.save_weights(folder / "ours.weights.h5", format="keras")
    random_weights(theirs)
    theirs.load_weights(folder / "ours.weights.h5")
    close(keras_says(theirs, x), expected)
    return ours


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer(keras, float32, tmp_path, name):
    (shape, samples), make = LAYERS[name]
    theirs = keras.Sequential([keras.Input(shape), *make(keras.layers)])
    random_weights(theirs)
    check(keras, theirs, samples(3).astype("float32"), tmp_path)


def test_all_layers_are_tried():
    from fastnn.layers import serialization

    assert LAYERS.keys() == serialization.classes().keys() - ELSEWHERE


def test_a_model_of_float64(keras, tmp_path):
    theirs = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3), keras.layers.Dense(2)])
    random_weights(theirs)
    ours = check(keras, theirs, RNG.normal(size=(4, 5)), tmp_path)
    assert ours.dtype == "float64"


# ---- networks ------------------------------------------------------------------------------------


def residual(keras):
    """Inputs and outputs in dicts, models inside, a layer shared, operators and functions."""
    L, ops = keras.layers, keras.ops
    image, more = L.Input((8, 8, 4), name="image"), L.Input((3,), name="more")
    x = L.BatchNormalization()(L.Conv2D(4, 3, padding="same")(image))
    y = L.Conv2D(4, 3, padding="same")(x)
    y = ops.relu(L.Add()([x, y]) * 2.0 + y) - 0.25
    inner = keras.Sequential([L.Flatten(), L.Dense(4)])
    source = L.Input((4,))
    outer = keras.Model(source, L.Dense(3)(source), name="outer")
    features = outer(inner(y))
    shared = L.Dense(2, name="shared")
    parts = L.Concatenate()([shared(features), shared(more)])
    a, b = ops.split(parts, 2, axis=-1)
    outputs = {"a": outer(L.Dense(4)(more)), "b": ops.concatenate([b, a[:, ::-1]], axis=-1)}
    return keras.Model({"image": image, "more": more}, outputs)


def of_functions(keras):
    """What NumPy's functions make of a tensor."""
    ops, x = keras.ops, keras.layers.Input((5, 4))
    y = ops.sum(x[:, 1:3, ::-1], axis=-1, keepdims=True) + ops.mean(x, -1, keepdims=True)[:, :2]
    y = ops.reshape(ops.concatenate([y, y], axis=-1), (-1, 4))
    z = ops.where(ops.greater(y, 0.0), ops.sqrt(ops.abs(y)), ops.exp(y)) / 2.0
    z = ops.maximum(ops.clip(z, 0.1, 3.0), ops.log_softmax(y)) ** 2
    transposed = ops.transpose(x, (0, 2, 1))
    products = ops.matmul(transposed, x)
    pooled = ops.max(ops.pad(products, ((0, 0), (1, 1), (0, 0))), axis=1)
    return keras.Model(x, [z, pooled, ops.take(x, 2, axis=1), ops.logsumexp(x, axis=1)])


def of_states(keras):
    """A recurrent layer that begins with the states of another; masks that others pass on."""
    L = keras.layers
    ids = L.Input((6,), dtype="int32")
    x, h, c = L.LSTM(3, return_sequences=True, return_state=True)(L.Embedding(9, 4)(ids))
    masked = L.Dropout(0.5)(L.Embedding(9, 4, mask_zero=True)(ids))
    y = L.GRU(3)(L.Bidirectional(L.SimpleRNN(3, return_sequences=True))(masked))
    return keras.Model(ids, [L.LSTM(3)(x, initial_state=[h, c]), y])


def stacked(keras):
    """A trunk whose weights lie in models inside of models."""
    L = keras.layers
    block = keras.Sequential([L.Input((4,)), L.Dense(5, "relu"), L.Dense(4)], name="block")
    return keras.Sequential([L.Input((4,)), block, keras.Sequential([L.Dense(4), L.PReLU()])])


NETWORKS = {
    residual: {"image": RNG.normal(size=(3, 8, 8, 4)), "more": RNG.normal(size=(3, 3))},
    of_functions: RNG.normal(size=(3, 5, 4)),
    of_states: RNG.integers(0, 9, (3, 6)),
    stacked: RNG.normal(size=(3, 4)),
}


@pytest.mark.parametrize("build", NETWORKS, ids=lambda each: each.__name__)
def test_a_network(keras, float32, tmp_path, build):
    theirs = build(keras)
    random_weights(theirs)
    x = NETWORKS[build]
    x = x if isinstance(x, dict) else np.asarray(x)
    cast = {name: each.astype("float32") for name, each in x.items()} if isinstance(x, dict) else x
    if not isinstance(cast, dict) and cast.dtype.kind == "f":
        cast = cast.astype("float32")
    check(keras, theirs, cast, tmp_path)


def classes(module):
    """The same layer, and the same model, of one's own: of ``module``."""
    L = module.layers

    class Block(L.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.z, self._a = L.Dense(4), L.Dense(4)
            self.more = [L.Dense(4), {"inner": L.Dense(4)}]

        def build(self, input_shape):
            self.fixed = self.add_weight((4,), name="fixed", trainable=False)
            self.learned = self.add_weight((4,), name="learned")
            for layer in (self.z, self._a, self.more[0], self.more[1]["inner"]):
                layer.build(input_shape)
                layer.built = True

        def call(self, x):
            for layer in (self.z, self._a, self.more[0], self.more[1]["inner"]):
                x = layer(x)
            return x * self.fixed + self.learned

    class Net(module.Model):
        def __init__(self, **options):
            super().__init__(**options)
            self.zeroth, self.a, self.block = L.Dense(4), L.Dense(4), Block()
            self.blocks = [L.Dense(4), L.Dense(4)]
            self.seq = module.Sequential([L.Dense(4)])
            self._private = L.Dense(2)

        def build(self, input_shape):
            super().build(input_shape)

        def call(self, x):
            for layer in (self.zeroth, self.a, self.block, *self.blocks, self.seq):
                x = layer(x)
            return self._private(x)

    return {"Block": Block, "Net": Net}


def test_classes_of_ones_own(keras, float32, tmp_path):
    own, peers = classes(fastnn), classes(keras)
    theirs = keras.Sequential([keras.Input((4,)), peers["Block"](), keras.layers.Dense(2)])
    random_weights(theirs)
    check(keras, theirs, RNG.normal(size=(3, 4)).astype("float32"), tmp_path, own, peers)


@pytest.mark.parametrize(
    ("name", "shape", "make", "said"),
    [
        ("MultiHeadAttention", (4, 8), lambda L, x: L.MultiHeadAttention(1, 2)(x, x), "attention"),
        ("Conv3D", (3, 3, 3, 1), lambda L, x: L.Conv3D(1, 2)(x), "no layers of volumes"),
        ("RandomHue", (4, 4, 3), lambda L, x: L.RandomHue(0.1)(x), "fastnn does not have it"),
    ],
)
def test_what_keras_alone_has(keras, float32, tmp_path, name, shape, make, said):
    x = keras.Input(shape)
    theirs = keras.Model(x, make(keras.layers, x))
    theirs.save(tmp_path / "m.keras")
    message = f"'{name}'; it is Keras's own, .*{said}"
    for source in (theirs, tmp_path / "m.keras"):
        with pytest.raises(ModelFileError, match=message) as caught:
            fastnn.from_keras(source)
        assert "if it is yours" not in str(caught.value)
        assert len(str(caught.value)) < 400


def test_a_class_of_ones_own_takes_the_place_of_keras_own(keras, float32):
    class RandomHue(fastnn.layers.Layer):
        def __init__(self, factor, **options):
            super().__init__(**{k: v for k, v in options.items() if k in ("name", "trainable")})

        def call(self, x):
            return x * 2

        def get_config(self):
            return {**super().get_config(), "factor": 0.1}

    theirs = keras.Sequential([keras.Input((2, 2, 3)), keras.layers.RandomHue(0.1)])
    ours = fastnn.from_keras(theirs, {"RandomHue": RandomHue})
    assert np.array_equal(ours.predict(np.ones((1, 2, 2, 3))), 2 * np.ones((1, 2, 2, 3)))


@pytest.mark.parametrize(
    ("rule", "loss", "message"),
    [
        ("SGD", "Circle", "no loss class 'Circle'; it is Keras's own, fastnn has no Circle loss"),
        ("Muon", "Huber", "no optimizer class 'Muon'; it is Keras's own"),
    ],
)
def test_losses_and_optimizers_that_keras_alone_has(keras, float32, rule, loss, message):
    theirs = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    theirs.compile(getattr(keras.optimizers, rule)(0.1), getattr(keras.losses, loss)())
    with pytest.raises(ModelFileError, match=f"{message}.*compile=False"):
        fastnn.from_keras(theirs)
    assert fastnn.from_keras(theirs, compile=False).built


def test_a_sub_classed_model(keras, float32, tmp_path):
    own, peers = classes(fastnn), classes(keras)
    x = RNG.normal(size=(3, 4)).astype("float32")
    theirs, ours = peers["Net"](), own["Net"]()
    expected = keras_says(theirs, x)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    ours.build((None, 4))
    ours.load_weights(tmp_path / "theirs.weights.h5")
    close(ours.predict(x), expected)
    ours.save_weights(tmp_path / "ours.weights.h5", format="keras")
    random_weights(theirs)
    theirs.load_weights(tmp_path / "ours.weights.h5")
    close(keras_says(theirs, x), expected)


# ---- how they learn ------------------------------------------------------------------------------


def learning(keras):
    """A model with two losses, a schedule, and metrics of each kind."""
    L = keras.layers
    x = L.Input((4,))
    y = L.Dense(5, "tanh")(x)
    model = keras.Model(x, {"a": L.Dense(1, name="a")(y), "b": L.Dense(3, "softmax", name="b")(y)})
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.9)
    losses = {"a": "mse", "b": keras.losses.SparseCategoricalCrossentropy()}
    model.compile(
        keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
        losses,
        loss_weights={"a": 1.0, "b": 0.5},
        metrics={"a": ["mae", keras.metrics.RootMeanSquaredError()], "b": "accuracy"},
    )
    return model


def test_training_goes_on_alike(keras, float32, tmp_path):
    theirs = learning(keras)
    theirs.save(tmp_path / "theirs.keras")
    ours = fastnn.from_keras(tmp_path / "theirs.keras")
    ours.save(tmp_path / "ours.keras", format="keras")
    again = keras_reads(keras, tmp_path / "ours.keras")
    x = RNG.normal(size=(12, 4)).astype("float32")
    y = {"a": x[:, :1], "b": RNG.integers(0, 3, (12, 1))}
    for _ in range(3):
        logs = [model.train_on_batch(x, y, return_dict=True) for model in (ours, theirs, again)]
    assert logs[0].keys() == logs[1].keys() == logs[2].keys()
    assert all(np.isclose(logs[0][key], logs[1][key], rtol=1e-5) for key in logs[0])
    for a, b, c in zip(*(model.get_weights() for model in (ours, theirs, again)), strict=True):
        assert np.abs(a - b).max() < 1e-6
        assert np.abs(a - c).max() < 1e-6


def l2(y_true, y_pred):
    """A loss of tensors of either library."""
    return ((y_true - y_pred) ** 2)[..., 0]


def test_functions_are_named_as_keras_names_them(keras, float32, tmp_path):
    theirs = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    theirs.compile("sgd", l2, metrics=[l2, keras.losses.huber])
    theirs.save(tmp_path / "theirs.keras")
    ours = fastnn.from_keras(tmp_path / "theirs.keras", {"l2": l2})
    ours.save(tmp_path / "ours.keras", format="keras")
    again = keras.models.load_model(tmp_path / "ours.keras", custom_objects={"l2": l2})
    x = RNG.normal(size=(12, 4)).astype("float32")
    for _ in range(3):
        logs = [m.train_on_batch(x, x[:, :1], return_dict=True) for m in (ours, theirs, again)]
    assert logs[0].keys() == logs[1].keys() == logs[2].keys()
    assert all(np.isclose(logs[0][key], logs[n][key], rtol=1e-5) for key in logs[0] for n in (1, 2))
    ours.save(tmp_path / "plain.keras", include_optimizer=False, format="keras")
    assert not keras_reads(keras, tmp_path / "plain.keras").compiled


RULES = {
    "SGD": {},
    "SGD momentum": {"momentum": 0.9},
    "RMSprop": {},
    "RMSprop momentum": {"momentum": 0.5},
    "RMSprop centered": {"centered": True},
    "RMSprop both": {"momentum": 0.5, "centered": True},
    "Adagrad": {},
    "Adadelta": {},
    "Adam": {"use_ema": True, "gradient_accumulation_steps": 2},
    "Adam amsgrad": {"amsgrad": True},
    "AdamW": {},
    "Adamax": {},
    "Nadam": {},
    "Ftrl": {},
    "Lion": {},
    "Lamb": {},
}


def layered(keras, rich):
    """A model of a few weights, or of layers inside of layers, some of them frozen."""
    L = keras.layers
    x = L.Input((5, 3))
    if not rich:
        return keras.Model(x, L.Dense(2)(L.Flatten()(x)))
    y = L.Concatenate()([L.Bidirectional(L.LSTM(3))(x), L.GRU(4)(x)])
    inner = keras.Sequential([L.Input((10,)), L.Dense(4, "tanh"), L.BatchNormalization()])
    frozen = L.Dense(10, trainable=False)
    return keras.Model(x, L.Dense(2)(inner(frozen(y))))


def trained(model, x, y, batches):
    for _ in range(batches):
        model.train_on_batch(x, y)
    return model


def goes_on_alike(keras, optimizer, path, rich=False):
    """Train a model of Keras, take it over, train both, and take it back and train on."""
    x = RNG.normal(size=(12, 5, 3)).astype("float32")
    y = RNG.normal(size=(12, 2)).astype("float32")
    theirs = layered(keras, rich)
    theirs.compile(optimizer, "mse")
    trained(theirs, x, y, 3)
    theirs.save(path)
    taken = [fastnn.from_keras(theirs), fastnn.from_keras(path)]
    for ours in taken:
        assert ours.optimizer.iterations == int(optimizer.iterations)
    taken[1].save(path, format="keras")
    taken.append(keras_reads(keras, path))
    for model in (theirs, *taken):
        trained(model, x, y, 2)
    for ours in taken:
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            assert np.abs(a - b).max() < 3e-6


@pytest.mark.parametrize("rule", RULES)
def test_the_optimizer_goes_on_where_it_was(keras, float32, tmp_path, rule):
    optimizer = getattr(keras.optimizers, rule.split()[0])(0.01, **RULES[rule])
    goes_on_alike(keras, optimizer, tmp_path / "m.keras")


def test_every_optimizer_but_adafactor_goes_on():
    every = {name for name in fastnn.optimizers.__all__ if name[0].isupper()}
    assert every - {rule.split()[0] for rule in RULES} == {"Adafactor", "Optimizer"}


def test_what_is_remembered_finds_its_weights(keras, float32, tmp_path):
    rate = keras.optimizers.schedules.ExponentialDecay(0.05, 2, 0.9)
    goes_on_alike(keras, keras.optimizers.Adam(rate), tmp_path / "m.keras", rich=True)


def test_what_a_scaled_loss_has_taught_goes_on(keras, float32, tmp_path):
    x = RNG.normal(size=(12, 5, 3)).astype("float32")
    theirs = layered(keras, rich=False)
    inner = keras.optimizers.SGD(0.01, momentum=0.9)
    theirs.compile(keras.optimizers.LossScaleOptimizer(inner), "mse")
    trained(theirs, x, x[:, 0, :2], 3)
    theirs.save(tmp_path / "m.keras")
    for ours in (fastnn.from_keras(theirs), fastnn.from_keras(tmp_path / "m.keras")):
        assert ours.optimizer.iterations == 3
        for a, b in zip(ours.optimizer.variables[1:], inner.variables[2:], strict=True):
            close(a.numpy(), b)
