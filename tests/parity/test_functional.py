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


def copied(ours, theirs):
    """Give both models the same weights, in the same order, or the shapes clash."""
    rng = np.random.default_rng(2)
    weights = [rng.normal(size=w.shape) / np.sqrt(max(w.size, 4)) for w in theirs.get_weights()]
    weights = [
        np.abs(w) + 0.5 if "variance" in v.path else w
        for w, v in zip(weights, theirs.weights, strict=True)
    ]
    ours.set_weights(weights)
    theirs.set_weights(weights)


def trained_alike(ours, theirs, x, y, tolerance=1e-7):
    """Compare some steps, and predictions before and after."""
    for _ in range(4):
        found, want = ours.predict(x), theirs.predict(x, verbose=0)
        assert np.allclose(found, want, rtol=tolerance, atol=tolerance)
        loss = theirs.train_on_batch(x, y)
        assert np.allclose(ours.train_on_batch(x, y), np.asarray(loss), rtol=tolerance)
    for mine, peers in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert np.allclose(mine, peers, rtol=1e-6, atol=1e-7)


def nested(m, **options):
    la = m.layers
    z = m.Input((4,), **options)
    inner = m.Model(z, la.Dense(3, "tanh")(la.Add()([z, la.Dense(4, "relu")(z)])), name="inner")
    chain = m.Sequential(
        [m.Input((5,), **options), la.Dense(4), la.BatchNormalization()], name="chain"
    )
    x = m.Input((5,), **options)
    return m.Model(x, la.Dense(2)(inner(chain(x))))


def twice(m, **options):
    """A model called on two inputs, whose outputs meet: a Siamese network."""
    la = m.layers
    tower = m.Sequential([m.Input((5,), **options), la.Dense(4, "relu"), la.Dense(3)], name="tower")
    a, b = m.Input((5,), **options), m.Input((5,), **options)
    return m.Model([a, b], la.Dense(2)(la.Subtract()([tower(a), tower(b)])))


def frozen(m, **options):
    model = nested(m, **options)
    model.get_layer("inner").trainable = False
    model.get_layer("chain").layers[0].trainable = False
    return model


def head_on_features(m, **options):
    """Transfer: the middle of a model that exists, and a new head."""
    la = m.layers
    layers = [la.Dense(6, "relu", name="a"), la.Dense(4, "tanh", name="b"), la.Dense(9, name="c")]
    base = m.Sequential([m.Input((5,), **options), *layers])
    base.trainable = False
    return m.Model(base.inputs[0], la.Dense(2)(base.get_layer("b").output))


def subclassed(m, **options):
    la = m.layers

    class Block(la.Layer):
        def __init__(self, units):
            super().__init__()
            self.inside = [la.Dense(units, "tanh"), la.Dense(units)]
            self.norm = la.BatchNormalization()

        def call(self, x, training=None):
            y = x
            for layer in self.inside:
                y = layer(y)
            return self.norm(y, training=training)

    class Net(m.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.one, self.two, self.out = Block(4), Block(3), la.Dense(2)
            self.drop = la.Dropout(0.0)

        def call(self, x, training=None):
            y = self.two(self.one(x, training=training), training=training)
            return self.out(self.drop(y, training=training))

    return Net(**options)


@pytest.mark.parametrize("build", [nested, twice, frozen, head_on_features, subclassed])
def test_models_in_models_learn_as_kerass(keras, build):
    ours, theirs = build(fastnn, dtype="float64"), build(keras)
    if build is subclassed:
        ours.build((None, 5))
        theirs(np.zeros((1, 5)))
    for model, module in ((ours, fastnn), (theirs, keras)):
        model.compile(module.optimizers.SGD(0.1, momentum=0.9), "mse")
    assert len(ours.trainable_weights) == len(theirs.trainable_weights)
    copied(ours, theirs)
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(11, 5)) for _ in range(2 if build is twice else 1)]
    trained_alike(ours, theirs, x if build is twice else x[0], rng.normal(size=(11, 2)))


def test_adversaries_learn_as_kerass(keras):
    """The generator learns through a discriminator that is frozen there and learns by itself.

    Keras 3 has to be told before each step; to fastnn it is what ``compile`` found.
    """

    def build(m, **options):
        la = m.layers
        judge = m.Sequential(
            [m.Input((4,), **options), la.Dense(6, "relu"), la.Dense(1, "sigmoid")]
        )
        judge.compile(m.optimizers.Adam(0.01), "binary_crossentropy")
        make = m.Sequential([m.Input((3,), **options), la.Dense(6, "tanh"), la.Dense(4)])
        judge.trainable = False
        z = m.Input((3,), **options)
        both = m.Model(z, judge(make(z)))
        both.compile(m.optimizers.Adam(0.01), "binary_crossentropy")
        return judge, make, both

    ours, theirs = build(fastnn, dtype="float64"), build(keras)
    copied(ours[2], theirs[2])
    rng = np.random.default_rng(0)
    noise, real = rng.normal(size=(16, 3)), rng.normal(size=(16, 4))
    losses = []
    for judge, make, both in (ours, theirs):
        steps = []
        for _ in range(5):
            judge.trainable = judge is theirs[0]
            fake = make.predict(noise, verbose=0)
            x, y = np.concatenate([real, fake]), np.repeat([[1.0], [0.0]], 16, axis=0)
            steps.append(float(judge.train_on_batch(x, y)))
            judge.trainable = False
            steps.append(float(both.train_on_batch(noise, np.ones((16, 1)))))
        losses.append(steps)
    assert np.allclose(*losses, rtol=1e-6)
    for mine, peers in zip(ours[2].get_weights(), theirs[2].get_weights(), strict=True):
        assert np.allclose(mine, peers, rtol=1e-4, atol=1e-6)


def test_clones_are_kerass(keras):
    ours, theirs = nested(fastnn), nested(keras)
    made = fastnn.models.clone_model(ours), keras.models.clone_model(theirs)
    for model, peer in ((ours, theirs), made):
        assert [w.shape for w in model.get_weights()] == [w.shape for w in peer.get_weights()]
        names = [[layer.name for layer in each.layers[1:3]] for each in (model, peer)]
        assert names[0] == names[1]
        assert model.count_params() == peer.count_params()
