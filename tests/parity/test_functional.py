"""Models of branches beside Keras's: outputs, gradients, the order of layers and weights."""

import numpy as np
import pytest

import fastnn

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the peer's own


def residual(m, x):
    """Blocks with and without a projection, as in ResNet."""
    relu = m.layers.Activation
    y = relu("relu")(m.layers.BatchNormalization()(m.layers.Conv2D(4, 3, padding="same")(x)))
    for filters, stride in ((4, 1), (6, 2)):
        z = m.layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(y)
        z = relu("relu")(m.layers.BatchNormalization()(z))
        z = m.layers.BatchNormalization()(m.layers.Conv2D(filters, 3, padding="same")(z))
        if stride > 1:
            y = m.layers.BatchNormalization()(m.layers.Conv2D(filters, 1, strides=stride)(y))
        y = relu("relu")(m.layers.Add()([z, y]))
    return m.layers.Dense(3)(m.layers.GlobalAveragePooling2D()(y))


def merges(m, x):
    """Every merge, branches of several depths, a shared layer."""
    la = m.layers
    shared = la.Conv2D(2, 3, padding="same", activation="tanh")
    a, b = shared(x), la.Conv2D(2, 1)(x)
    c = shared(la.Multiply()([a, la.Average()([b, a, x])]))
    d = la.Maximum()([la.Subtract()([a, b]), la.Minimum()([b, c])])
    e = la.Concatenate()([la.Conv2D(3, 2, padding="same")(d), c, x])
    f = la.Concatenate(axis=1)([la.GlobalMaxPooling2D()(e), la.Flatten()(la.Conv2D(1, 3)(d))])
    return la.Dense(3)(f)


@pytest.mark.parametrize("layers", [residual, merges])
def test_a_network(keras, layers):
    models = []
    for module, options in ((fastnn, {"dtype": "float64"}), (keras, {})):
        x = module.Input((6, 6, 2), **options)
        model = module.Model(x, layers(module, x))
        model.compile(module.optimizers.SGD(0.1), "mse")
        models.append(model)
    ours, theirs = models
    kinds = [[type(layer).__name__ for layer in model.layers] for model in models]
    assert kinds[0] == kinds[1]
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=w.shape) / np.sqrt(max(w.size, 4)) for w in theirs.get_weights()]
    weights = [
        np.abs(w) + 0.5 if "variance" in v.path else w
        for w, v in zip(weights, theirs.weights, strict=True)
    ]
    for model in models:
        model.set_weights(weights)  # in the same order, or the shapes clash
    data = rng.normal(size=(5, 6, 6, 2))
    assert np.allclose(ours.predict(data), theirs.predict(data, verbose=0), rtol=1e-9, atol=1e-10)
    for _ in range(3):
        data, targets = rng.normal(size=(5, 6, 6, 2)), rng.normal(size=(5, 3))
        loss = float(theirs.train_on_batch(data, targets))
        assert np.isclose(ours.train_on_batch(data, targets), loss, rtol=1e-9)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert np.abs(a - b).max() <= 1e-8 * max(np.abs(b).max(), 1)


def test_several_inputs_and_outputs(keras):
    def build(m, **options):
        la = m.layers
        a, b = m.Input((3,), name="a", **options), m.Input((4, 2), name="b", **options)
        h = la.Concatenate()([a, la.Flatten()(la.Dense(3, "tanh")(b))])
        h = la.Dense(6, "relu")(h)
        one, two = la.Dense(2, name="one")(h), la.Dense(1, "sigmoid", name="two")(la.Add()([h, h]))
        model = m.Model([a, b], [one, two])
        model.compile(m.optimizers.SGD(0.1), ["mse", "binary_crossentropy"], metrics=[["mse"], []])
        return model

    ours, theirs = build(fastnn, dtype="float64"), build(keras)
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=w.shape) for w in theirs.get_weights()]
    for model in (ours, theirs):
        model.set_weights(weights)
    x = [rng.normal(size=(11, 3)), rng.normal(size=(11, 4, 2))]
    y = [rng.normal(size=(11, 2)), rng.integers(0, 2, (11, 1)).astype(float)]
    for mine, peers in zip(ours.predict(x), theirs.predict(x, verbose=0), strict=True):
        assert np.allclose(mine, peers, rtol=1e-6, atol=1e-7)
    options = {"batch_size": 4, "epochs": 3, "shuffle": False, "verbose": 0}
    histories = [
        model.fit(dict(zip("ab", x, strict=True)), y, **options, validation_data=(x, y)).history
        for model in (ours, theirs)
    ]
    assert set(histories[0]) == set(histories[1])
    for name, values in histories[1].items():
        assert np.allclose(histories[0][name], values, rtol=1e-5), name
    found, want = ours.evaluate(x, y, verbose=0), theirs.evaluate(x, y, verbose=0)
    assert np.allclose(found, want, rtol=1e-5)
