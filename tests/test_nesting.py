"""Models and layers inside of models and layers: calls, weights, names, files."""

import copy

import numpy as np
import pytest

import fastnn
from fastnn import Input, Model, Sequential, ops
from fastnn.errors import ModelFileError, NotBuiltError, ShapeError
from fastnn.layers import Add, BatchNormalization, Concatenate, Dense, Dropout, Layer
from fastnn.models import load_model

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(23, 5)), RNG.normal(size=(23, 2))


class Block(Layer):
    """A residual block: layers as attributes, in a list and in a dict."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.units = units
        self.hidden = [Dense(units, "tanh") for _ in range(2)]
        self.more = {"drop": Dropout(0.3), "norm": BatchNormalization()}
        self.project = Dense(units, use_bias=False)

    def build(self, input_shape):
        self.gain = self.add_weight((self.units, self.units), "orthogonal", name="gain")

    def call(self, x):
        y = x
        for layer in self.hidden:
            y = layer(y)
        y = self.more["norm"](self.more["drop"](y))
        return ops.add(self.project(x), ops.dense(y, self.gain, None))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Net(Model):
    """As people write them for Keras."""

    def __init__(self, units=4, **options):
        super().__init__(**options)
        self.units = units
        self.block = Block(units)
        self.drop = Dropout(0.5)
        self.out = Dense(2, name="out")

    def call(self, x, training=None):
        return self.out(self.drop(self.block(x), training=training))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


CUSTOM = {"Block": Block, "Net": Net}


def functional():
    x = Input((5,), name="x")
    encoder = Sequential([Dense(4, "tanh", name="a"), Dense(3, name="b")], name="encoder")
    z = Input((3,), name="z")
    decoder = Model(z, Dense(2, name="c")(Add()([z, Dense(3, name="d")(z)])), name="decoder")
    return Model(x, decoder(encoder(x)), name="outer")


def sequential():
    inner = Sequential([Dense(4, "relu", name="a"), Dropout(0.2)], name="inner")
    return Sequential([Input((5,)), inner, Sequential([Block(3, name="block")]), Dense(2)])


def in_blocks():
    x = Input((5,))
    return Model(x, Dense(2)(Block(4, name="block")(x)))


MAKERS = {"functional": functional, "sequential": sequential, "blocks": in_blocks, "net": Net}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_it_learns_to_the_same_bits_as_the_interpreter_and_from_files(make, tmp_path):
    results = []
    for eager in (True, False):
        fastnn.set_seed(5)
        model = make()
        model.compile("adam", "mse", run_eagerly=eager)
        losses = model.fit(X, Y, epochs=4, batch_size=6, verbose=0).history["loss"]
        assert losses[-1] < losses[0]
        results.append(model.get_weights())
    assert all(np.allclose(a, b, rtol=1e-3, atol=1e-4) for a, b in zip(*results, strict=True))
    model.save(tmp_path / "model")
    loaded, copied = load_model(tmp_path / "model", CUSTOM), copy.deepcopy(model)
    for each in (model, loaded, copied):
        assert each.get_config() == model.get_config()
        each.fit(X, Y, epochs=1, verbose=0)
    for other in (loaded, copied):
        assert all(map(np.array_equal, other.get_weights(), model.get_weights()))
        assert np.array_equal(other.predict(X), model.predict(X))


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_gradients(make):
    model = make()
    model.compile("sgd", "mse")
    check = fastnn.gradcheck(model, X[:5], Y[:5])
    assert check.ok, str(check)
    assert check.checked == sum(v.size for v in model.trainable_weights)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_precision_reaches_all_that_is_inside(dtype):
    for model in (Net(dtype=dtype), Sequential([Block(3), Sequential([Dense(2)])], dtype=dtype)):
        assert model.predict(X).dtype == dtype
        assert {w.dtype for w in model.get_weights()} == {np.dtype(dtype)}
    x = Input((5,), dtype=dtype)
    model = Model(x, Sequential([Block(3), Sequential([Dense(2)])])(x))
    assert {w.dtype for w in model.get_weights()} == {np.dtype(dtype)}


def test_a_nested_model_is_what_its_parts_are():
    model = functional()
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    assert np.allclose(model.predict(X), decoder.predict(encoder.predict(X)), atol=1e-6)
    assert [layer.name for layer in model.layers] == ["x", "encoder", "decoder"]
    assert list(model.named_weights()) == [
        *(f"encoder/{n}/{w}" for n in "ab" for w in ("kernel", "bias")),
        *(f"decoder/{n}/{w}" for n in "dc" for w in ("kernel", "bias")),
    ]
    assert model.count_params() == encoder.count_params() + decoder.count_params()
    assert [v.path for v in model.weights] == list(model.named_weights())


def test_listings_and_summaries_name_the_whole_way():
    model, lines = functional(), []
    model.explain(print_fn=lines.append)
    assert "encoder/a " in lines[0]
    model.summary(print_fn=lines.append)
    assert "encoder (Sequential)" in lines[1]


def test_layers_inside_of_layers_are_tracked_wherever_they_are():
    block = Block(4)
    assert list(block.sublayers()) == ["hidden/0", "hidden/1", "more/drop", "more/norm", "project"]
    Sequential([Input((5,)), block])
    assert list(block.named_weights())[:3] == ["gain", "hidden/0/kernel", "hidden/0/bias"]
    assert len(block.weights) == 1 + 4 + 4 + 1
    assert len(block.trainable_weights) == 8
    block.trainable = False
    assert block.trainable_weights == []
    assert not block.hidden[1].trainable
    block.trainable = True
    assert len(block.trainable_weights) == 8


def test_what_is_frozen_inside_does_not_learn():
    model = functional()
    encoder = model.get_layer("encoder")
    encoder.trainable = False
    model.compile("adam", "mse")
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    kept = [np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert kept == [True] * 4 + [False] * 4
    encoder.layers[0].trainable = True
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    kept = [np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert kept == [False] * 2 + [True] * 2 + [False] * 4


@pytest.mark.parametrize("make", [Block, lambda n, **o: Sequential([Dense(n)], **o)])
def test_what_is_made_frozen_is_frozen_inside(make):
    x = Input((5,))
    frozen = make(3, trainable=False)
    model = Model(x, Dense(2)(frozen(x)))
    assert len(model.trainable_weights) == 2
    again = Model.from_config(model.get_config()) if isinstance(frozen, Sequential) else model
    assert len(again.trainable_weights) == 2


def test_layers_inside_know_whether_the_model_trains():
    class Inner(Layer):
        def __init__(self):
            super().__init__()
            self.norm = BatchNormalization(momentum=0.0)

        def call(self, x):  # which says nothing of training
            return self.norm(x)

    inner = Inner()
    model = Sequential([Input((5,), dtype="float64"), inner])
    model.compile(fastnn.optimizers.SGD(0.0), "mse")
    z = (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-3)
    assert np.isclose(model.train_on_batch(X, X), ((z - X) ** 2).mean())
    assert np.allclose(inner.norm.moving_mean.numpy(), X.mean(0))


# ---- parts of networks ---------------------------------------------------------------------------


def test_a_part_of_a_model_is_a_model():
    base = Sequential([Input((5,)), Dense(4, "tanh", name="a"), Dense(3, name="b"), Dense(2)])
    features = Model(base.input, [layer.output for layer in base.layers])
    outs = features.predict(X)
    assert np.array_equal(outs[-1], base.predict(X))
    kernel, bias = base.layers[0].get_weights()
    assert np.allclose(outs[0], np.tanh(X @ kernel + bias), atol=1e-6)
    base.compile("sgd", "mse")
    base.fit(X, Y, verbose=0)
    assert np.array_equal(features.predict(X)[-1], base.predict(X))


def test_a_model_may_begin_in_the_middle_of_another():
    base = Sequential([Input((5,)), Dense(4, "tanh", name="a"), Dense(3, name="b"), Dense(2)])
    head = Model(base.get_layer("a").output, base.output)
    middle = Model(base.input, base.get_layer("a").output).predict(X)
    assert head.input_shape == (None, 4)
    assert np.allclose(head.predict(middle), base.predict(X), atol=1e-6)
    assert base.get_layer("b").output is not None  # it counts as called once
    again = Model.from_config(head.get_config())
    again.set_weights(head.get_weights())
    assert np.array_equal(again.predict(middle), head.predict(middle))


def test_two_sequential_models_side_by_side():
    left, right = (Sequential([Input((5,)), Dense(3, name=name)]) for name in "lr")
    both = Model([left.input, right.input], Concatenate()([left.output, right.output]))
    want = np.concatenate([left.predict(X), right.predict(X + 1)], 1)
    assert np.allclose(both.predict([X, X + 1]), want, atol=1e-6)


def test_a_layer_called_twice_has_no_one_output():
    dense, x = Dense(5), Input((5,))
    with pytest.raises(AttributeError, match="on no symbol yet"):
        _ = dense.output
    y = dense(x)
    assert dense.output is y
    assert dense.input is x
    dense(y)
    with pytest.raises(AttributeError, match="2 times"):
        _ = dense.output


def test_add_moves_outputs_on():
    model = Sequential([Input((5,)), Dense(4, name="a")])
    model.add(Dense(2))
    assert Model(model.input, model.get_layer("a").output).predict(X).shape == (23, 4)


# ---- sub-classed models --------------------------------------------------------------------------


def test_a_sub_classed_model_is_built_by_data_or_by_shape():
    net = Net()
    with pytest.raises(NotBuiltError):
        net.count_params()
    assert net.predict(X).shape == (23, 2)
    assert net.input_shape == (None, 5)
    assert [layer.name for layer in net.layers][1:] == [net.drop.name, "out"]
    other = Net()
    other.build((None, 5))
    assert other.count_params() == net.count_params()
    other.set_weights(net.get_weights())
    assert np.array_equal(other.predict_one(X[0]), net.predict(X)[0])


def test_a_sub_classed_model_is_a_layer():
    x = Input((5,))
    net = Net(name="net")
    model = Model(x, Dense(1)(net(x)))
    assert next(iter(model.named_weights())) == "net/block/gain"
    assert np.allclose(net.predict(X), Model(x, net.output).predict(X), atol=1e-6)


class Two(Model):
    """Several inputs and outputs, and training given on."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.drop = Dense(3), Dense(3), Dropout(0.5)

    def call(self, inputs, training=False):
        left, right = self.a(inputs["left"]), self.b(inputs["right"])
        both = self.drop(ops.add(left, right), training=training)
        return {"sum": both, "left": left}


def test_a_sub_classed_model_of_several(tmp_path):
    model = Two()
    data = {"left": X, "right": X[:, :2]}
    found = model.predict(data)
    assert list(found) == ["sum", "left"]
    (k, c), (m, d) = model.a.get_weights(), model.b.get_weights()
    assert np.allclose(found["sum"], X @ k + c + X[:, :2] @ m + d, atol=1e-5)
    model.compile("adam", {"sum": "mse", "left": "mse"})
    targets = {"sum": X[:, :3], "left": X[:, 1:4]}
    history = model.fit(data, targets, epochs=30, verbose=0).history
    assert history["left_loss"][-1] < history["left_loss"][0]
    assert set(history) == {"loss", "sum_loss", "left_loss"}
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model", {"Two": Two})
    assert np.array_equal(again.predict(data)["sum"], model.predict(data)["sum"])


class Built(Model):
    """Makes a weight of its own, the way Keras's users do."""

    def __init__(self, call_super):
        super().__init__()
        self.dense, self.call_super = Dense(3), call_super

    def build(self, input_shape):
        self.shift = self.add_weight((3,), "ones", name="shift")
        self.dense.build(input_shape)
        if self.call_super:
            super().build(input_shape)

    def call(self, x):
        return ops.add(self.dense(x), ops.scale(self.dense(x), 0.5))


@pytest.mark.parametrize("call_super", [False, True])
@pytest.mark.parametrize("first", ["build", "predict", "symbol"])
def test_a_build_of_ones_own_runs_once(call_super, first):
    model = Built(call_super)
    if first == "symbol":
        x = Input((5,))
        Model(x, model(x))
    elif first == "build":
        model.build((None, 5))
    model.predict(X)
    assert [v.shape for v in model.weights] == [(3,), (5, 3), (3,)]


class Fixed(Model):
    """Made of symbols, with a method of its own."""

    def __init__(self):
        x = Input((5,), name="x")
        super().__init__(x, Dense(2, name="y")(x), name="fixed")

    def best(self, x):
        return self.predict(x).argmax(1)


def test_a_class_of_models_made_of_symbols(tmp_path):
    model = Fixed()
    assert model.best(X).shape == (23,)
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model", {"Fixed": Fixed})
    assert np.array_equal(again.best(X), model.best(X))
    assert isinstance(copy.deepcopy(model), Fixed)
    assert isinstance(fastnn.models.clone_model(model), Fixed)


class Sum(Model):
    """Several inputs in a list."""

    def __init__(self, **options):
        super().__init__(**options)
        self.a, self.b = Dense(3), Dense(3)

    def call(self, inputs):
        left, right = inputs
        return ops.add(self.a(left), self.b(right))


def test_a_sub_classed_model_is_built_by_a_list_of_arrays_or_of_shapes():
    by_data, by_shape = Sum(), Sum()
    assert by_data.predict([X, X[:, :2]]).shape == (23, 3)
    for _ in range(2):  # the second time nothing is new
        by_shape.build([(None, 5), (None, 2)])
        by_shape.set_weights(by_data.get_weights())
    assert by_shape.input_shape == by_data.input_shape == [(None, 5), (None, 2)]
    assert np.array_equal(by_shape.predict([X, X[:, :2]]), by_data.predict([X, X[:, :2]]))


def test_a_model_made_frozen_does_not_learn():
    x = Input((5,))
    for model in (Model(x, Dense(2)(x), trainable=False), Sum(trainable=False)):
        data = [X, X[:, :2]] if isinstance(model, Sum) else X
        model.compile("sgd", "mse")
        before = model.predict(data)
        model.train_on_batch(data, np.ones_like(before))
        assert model.trainable_weights == []
        assert np.array_equal(model.predict(data), before)


def test_a_sequential_model_has_one_input():
    with pytest.raises(ShapeError, match="a Sequential has one input"):
        Sequential([Dense(2)]).build([(None, 2), (None, 3)])


def test_the_input_of_a_sub_classed_model_is_what_it_was_called_on():
    x = Input((5,))
    net = Net()
    net(x)
    assert net.input is x


def test_a_call_that_fails_leaves_the_layers_unbuilt():
    class Wrong(Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = Dense(3), Dense(4)

        def call(self, x):
            return ops.add(self.a(x), self.b(x))

    model = Wrong()
    with pytest.raises(ShapeError):
        model.predict(X)
    assert not model.a.built
    assert model.weights == []


def test_mistakes(tmp_path):
    with pytest.raises(NotImplementedError, match="write call"):
        type("Empty", (Model,), {})().predict(X)
    with pytest.raises(ShapeError, match=r"encoder: it is built for \(None, 5\), got \(None, 3\)"):
        functional().get_layer("encoder")(Input((3,)))
    net = Net()
    net.predict(X)
    net.save(tmp_path / "model")
    with pytest.raises(ModelFileError, match=r"custom_objects=\{'Net'"):
        load_model(tmp_path / "model")
    wide = Sequential([Input((5,), dtype="float64"), Dense(2)])
    with pytest.raises(ValueError, match="float32, float64"):
        wide(Input((5,)))
    with pytest.raises(ValueError, match="its dtype is float64"):
        Sequential([Input((5,)), wide])

    class Lossy(Model):
        def __init__(self, units):
            super().__init__()

        def call(self, x):
            return x

    with pytest.raises(NotImplementedError, match="units"):
        Lossy(Dense(3)).get_config()


# ---- on arrays -----------------------------------------------------------------------------------


def test_a_layer_called_on_arrays_shows_what_it_makes_of_them():
    dense = Dense(3, "tanh")
    found = dense(X)
    kernel, bias = dense.get_weights()
    assert np.allclose(found, np.tanh(X @ kernel + bias), atol=1e-6)
    assert np.array_equal(dense(X), found)
    assert np.allclose(Add()([X, X]), 2 * X, atol=1e-6)
    model = Sequential([Input((5,)), dense])  # whose weights they are now
    model.set_weights([w + 1 for w in model.get_weights()])
    assert np.array_equal(dense(X), model.predict(X))
    assert dense.output is model.output


def test_training_is_for_arrays_too():
    drop = Dropout(0.5)
    ones = np.ones((40, 50))
    assert np.array_equal(drop(ones), ones)
    assert set(np.unique(drop(ones, training=True))) == {0.0, 2.0}
    model = Sequential([Input((50,)), drop])
    assert np.array_equal(model(ones), ones)
    assert set(np.unique(model(ones, training=True))) == {0.0, 2.0}


# ---- whole models from descriptions --------------------------------------------------------------


def test_a_layer_in_several_models_of_one_whole_is_one_again(tmp_path):
    x = Input((5,), name="x")
    shared = Dense(5, "tanh", name="shared")
    inner = Sequential([Input((5,)), shared, Dense(3, name="last")], name="inner")
    part = Model(inner.input, shared.output, name="part")
    model = Model(x, [inner(shared(x)), part(x), inner(x)], name="outer")
    assert len(model.weights) == 4
    text = model.to_json()
    assert text.count('"Dense"') == 2
    again = fastnn.models.model_from_json(text)
    assert again.get_layer("inner").layers[0] is again.get_layer("shared")
    again.set_weights(model.get_weights())
    for ours, theirs in zip(again.predict(X), model.predict(X), strict=True):
        assert np.array_equal(ours, theirs)
    assert again.get_config() == model.get_config()
    model.save(tmp_path / "model")
    assert len(load_model(tmp_path / "model").weights) == 4


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_clone_has_weights_of_its_own(make):
    model = make()
    model.predict(X)
    if isinstance(model, Net):
        clone = fastnn.models.clone_model(model)
        clone.build((None, 5))
    else:
        clone = fastnn.models.clone_model(model)
    assert [w.shape for w in clone.get_weights()] == [w.shape for w in model.get_weights()]
    assert not np.array_equal(clone.predict(X), model.predict(X))
    clone.set_weights(model.get_weights())
    assert np.array_equal(clone.predict(X), model.predict(X))
    assert clone.get_config() == model.get_config()
    assert not set(clone.weights) & set(model.weights)
    if isinstance(model, Net):
        with pytest.raises(ValueError, match="sub-classed"):
            fastnn.models.clone_model(model, clone_function=lambda layer: layer)


def test_a_clone_of_other_layers_and_inputs():
    def wider(layer):
        if isinstance(layer, Dense):
            return Dense.from_config({**layer.get_config(), "units": 2 * layer.units})
        return type(layer).from_config(layer.get_config())

    x = Input((5,), name="x")
    for model in (
        Model(x, Dense(2, name="b")(Dense(3, name="a")(x))),
        Sequential([Input((5,)), Dense(3, name="a"), Dense(2, name="b")]),
    ):
        wide = fastnn.models.clone_model(model, clone_function=wider)
        assert [layer.units for layer in wide.layers[-2:]] == [6, 4]
        other = fastnn.models.clone_model(model, Input((9,)))
        assert other.input_shape == (None, 9)
        kept = fastnn.models.clone_model(model, Input((5,)), lambda layer: layer)
        assert set(kept.weights) == set(model.weights)
        assert np.array_equal(kept.predict(X), model.predict(X))
    model = Model([x, y := Input((5,))], Add()([x, y]))
    with pytest.raises(ValueError, match="has 2 inputs, input_tensors has 1"):
        fastnn.models.clone_model(model, Input((5,)))


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"class_name": "Dense", "config": {"units": 3}}']
)
def test_what_is_no_model_is_refused(text):
    with pytest.raises(ModelFileError, match="model_from_json"):
        fastnn.models.model_from_json(text)
