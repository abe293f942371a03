"""Models that were saved come back to the bit, and the old file stays whole."""

import copy
import os
import pickle
import re

import numpy as np
import pytest
from attacks import tiny

import fastnn
from fastnn import Input, Model, Sequential, ops, registry, saving
from fastnn.errors import ModelFileError, NotBuiltError
from fastnn.layers import (
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPooling2D,
    MinMaxScaling,
    Normalization,
)
from fastnn.models import load_model

RNG = np.random.default_rng(6)
X = RNG.normal(size=(20, 6, 6, 1))
Y = np.arange(20) % 3


def convnet(optimizer="adam", dtype=None):
    model = Sequential(
        [
            Input((6, 6, 1)),
            Conv2D(2, 3, activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dropout(0.3),
            Dense(3, "softmax"),
        ],
        dtype=dtype,
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return model


def state(model):
    arrays = [*model.get_weights()]
    arrays += [model.runtime.buffers[home] for home in ("slots", "step")]
    return b"".join(array.tobytes() for array in arrays)


OPTIMIZERS = [
    "adam",
    "sgd",
    fastnn.optimizers.SGD(0.02, momentum=0.9, nesterov=True),
    fastnn.optimizers.Adam(0.01, beta_1=0.5),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_round_trip_keeps_every_bit_and_training_goes_on_as_if_nothing_happened(
    tmp_path, optimizer, dtype
):
    model = convnet(optimizer, dtype)
    model.fit(X, Y, epochs=2, batch_size=8, verbose=0)
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert state(again) == state(model)
    assert again.predict(X).tobytes() == model.predict(X).tobytes()
    assert again.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    assert again.optimizer.get_config() == model.optimizer.get_config()
    for each in (model, again):
        each.fit(X, Y, epochs=2, batch_size=8, verbose=0)
    assert state(again) == state(model)


def test_saving_the_loaded_gives_the_same_bytes():
    content = saving.to_bytes(convnet())
    assert saving.to_bytes(saving.from_bytes(content)) == content


@pytest.mark.parametrize("name", ["m", "m.fastnn", "m.keras", "ä b.model", "m.1", ".csv"])
def test_any_suffix_will_do_that_is_of_no_other_kind_of_file(tmp_path, name):
    model = convnet()
    model.save(str(tmp_path / name))
    assert os.listdir(tmp_path) == [name]
    assert state(load_model(str(tmp_path / name))) == state(model)


def test_keras_has_saving_in_three_places(tmp_path):
    model, path = tiny(), tmp_path / "model.keras"
    fastnn.models.save_model(model, path)
    again = fastnn.saving.load_model(path)
    assert np.array_equal(again.predict([[2.0]]), model.predict([[2.0]]))
    with pytest.raises(FileExistsError):
        fastnn.models.save_model(model, path, overwrite=False)


def test_statistics_are_saved_with_the_model():
    x = np.random.default_rng(0).normal(size=(9, 2))
    scaling = fastnn.layers.MinMaxScaling()
    scaling.adapt(x)
    model = fastnn.Sequential([fastnn.Input((2,)), scaling, Dense(1)])
    model.compile("sgd", "mse")
    assert np.array_equal(saving.from_bytes(saving.to_bytes(model)).predict(x), model.predict(x))


def test_classes_are_handed_over_for_the_whole_process_or_in_a_block(monkeypatch):
    class Shifted(fastnn.layers.Layer):
        def call(self, x):
            return x + 1

    content = saving.to_bytes(fastnn.Sequential([fastnn.Input((1,)), Shifted()]))
    with pytest.raises(ModelFileError, match="Shifted"):
        saving.from_bytes(content)
    with saving.custom_object_scope({"Shifted": Shifted}):
        assert saving.from_bytes(content).predict([[1.0]]) == 2
    own = Own(by=2.0)
    assert own.predict([[1.0]]) == 3
    whole = saving.to_bytes(own)
    with saving.custom_object_scope({"Own": Own}):
        assert saving.from_bytes(whole).predict([[1.0]]) == 3
    monkeypatch.setattr(registry, "_registered", {})
    assert saving.register_keras_serializable(package="mine")(Shifted) is Shifted
    assert saving.from_bytes(content).predict([[1.0]]) == 2
    with pytest.raises(ModelFileError, match="no model class 'Own'"):
        saving.from_bytes(whole)
    assert saving.register_keras_serializable()(Own) is Own
    assert saving.from_bytes(whole).predict([[1.0]]) == 3


class Own(Model):
    """A model of a caller's."""

    def __init__(self, by, **options):
        super().__init__(**options)
        self.by = by

    def call(self, x):
        return x + self.by


def test_a_class_without_config_is_not_registered():
    with pytest.raises(ValueError, match="no get_config"):
        fastnn.utils.register_keras_serializable()(type("Plain", (), {}))


def test_numpy_opens_it_without_pickle(tmp_path):
    model = convnet()
    model.save(tmp_path / "m.fastnn")
    with np.load(tmp_path / "m.fastnn", allow_pickle=False) as archive:
        assert np.array_equal(archive["weights/" + model.weights[0].path], model.get_weights()[0])
        assert all(archive[name].dtype.kind in "fui" for name in archive.files)


def test_not_compiled_not_built_and_empty_models_have_files_too():
    for model in (Sequential([Input((2,)), Dense(3)]), Sequential([Dense(3)]), Sequential()):
        again = saving.from_bytes(saving.to_bytes(model))
        assert (again.built, again.loss) == (model.built, None)
        assert all(map(np.array_equal, again.get_weights(), model.get_weights()))


@pytest.mark.parametrize("layer", [Normalization, MinMaxScaling])
@pytest.mark.parametrize(
    "work", [saving.to_bytes, copy.deepcopy, pickle.dumps, lambda model: model.save("m.fastnn")]
)
def test_what_a_file_could_not_give_back_is_not_written(tmp_path, monkeypatch, layer, work):
    monkeypatch.chdir(tmp_path)
    model = Sequential([layer(name="scaled"), Dense(2)])
    model.layers[0].adapt(X)
    with pytest.raises(NotBuiltError, match=r"it has scaled/m\w+ already.*; start the layers wi"):
        work(model)
    assert not os.listdir()
    model.build((None, *X.shape[1:]))
    again = copy.deepcopy(model)
    assert np.array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_compiled_but_not_built():
    model = Sequential([Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    again = saving.from_bytes(saving.to_bytes(model))
    again.fit(np.ones((4, 2)), [0, 1, 2, 0], verbose=0)


def test_without_compile_it_only_predicts():
    again = saving.from_bytes(saving.to_bytes(convnet()), compile=False)
    assert again.loss is None
    assert again.predict(X).shape == (20, 3)


def test_frozen_layers_stay_frozen():
    model = convnet()
    model.layers[0].trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, Y, verbose=0)
    again = saving.from_bytes(saving.to_bytes(model))
    assert [v.trainable for v in again.weights] == [v.trainable for v in model.weights]
    assert state(again) == state(model)


def test_freezing_after_compile_can_be_saved():
    model = convnet()
    model.fit(X, Y, verbose=0)
    model.layers[0].trainable = False
    again = saving.from_bytes(saving.to_bytes(model))
    assert again.predict(X).tobytes() == model.predict(X).tobytes()


# ---- copies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies_and_pickles_are_models_of_their_own(duplicate):
    model = convnet()
    model.fit(X, Y, verbose=0)
    other, before = duplicate(model), state(model)
    assert state(other) == before
    other.fit(X, Y, verbose=0)
    assert state(model) == before
    model.fit(X, Y, verbose=0)
    assert state(model) == state(other)


class Shift(Layer):
    """A user's layer, with an option."""

    def __init__(self, by, **options):
        super().__init__(**options)
        self.by = by

    def build(self, input_shape):
        self.w = self.add_weight(input_shape[1:], "ones", name="w")

    def forward(self, x, w):
        return x * w + self.by

    def backward(self, dy, x, w, y):
        return dy * w, (dy * x).sum(axis=0)

    def get_config(self):
        return {"by": self.by, **super().get_config()}


class Square(Layer):
    def build(self, input_shape):
        self.w = self.add_weight((input_shape[-1], input_shape[-1]), name="w")

    def call(self, x):
        return ops.add(x, ops.dense(x, self.w))


def own():
    model = Sequential([Input((4,)), Shift(0.5), Square(), Dense(1)])
    model.compile("adam", "mse")
    model.fit(np.ones((3, 4)), np.ones(3), verbose=0)
    return model


def test_own_layers_are_given_by_the_caller():
    content = saving.to_bytes(own())
    with pytest.raises(ModelFileError, match=r"'Shift'.*custom_objects"):
        saving.from_bytes(content)
    again = saving.from_bytes(content, {"Shift": Shift, "Square": Square})
    assert again.layers[0].by == 0.5
    assert saving.to_bytes(again) == content


def test_own_layers_can_be_copied():
    model = own()
    assert state(copy.deepcopy(model)) == state(model)


class Bands(Layer):
    """A layer that has no get_config; its first argument is called as in other languages."""

    def __init__(this, units, scales=(1, 2), factor=1.0, **options):
        super().__init__(**options)
        this.units, this.scales, this.factor = units, scales, factor

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units))

    def call(self, x):
        return ops.matmul(x, self.kernel) * self.factor * sum(self.scales)


class Banded(Model):
    """A model that has none."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.bands = Bands(units, factor=0.5)

    def call(self, x):
        return self.bands(x)


def test_plain_arguments_of_own_layers_are_saved_without_a_get_config():
    scales = [2, 3]
    layer = Bands(4, scales, name="bands", activity_regularizer="l2")
    scales.append(4)  # who changes it afterwards changes no argument
    config = layer.get_config()
    assert (config["units"], config["scales"], config["name"]) == (4, [2, 3], "bands")
    assert "factor" not in config
    classes = {"Bands": Bands, "Banded": Banded}
    for model in (Sequential([Input((3,)), Bands(4, (2, 3)), Dense(1)]), Banded(2, name="banded")):
        x = np.arange(6.0).reshape(2, 3)
        expected = model.predict(x)
        again = saving.from_bytes(saving.to_bytes(model), classes)
        for each in (again, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert each.predict(x).tobytes() == expected.tobytes()
            assert each.get_config() == model.get_config()


class Gained(Dense):
    """A layer of fastnn's with one more argument, and with the one of another meaning."""

    def __init__(self, units, gain=2.0, **options):
        super().__init__(units, **options)
        self.gain = gain

    def call(self, x):
        return super().call(x) * self.gain


class Bare(Layer):
    """A layer whose constructor does not take what every layer has."""

    def __init__(self, units):
        super().__init__(dtype="float32")
        self.inner = Dense(units)

    def call(self, x):
        return self.inner(x)


class Ready(Sequential):
    """A model whose constructor makes its layers."""

    def __init__(self, units=3):
        super().__init__([Input((3,))])
        self.add(Dense(units))


class Listed(Sequential):
    """A model that takes layers and more."""

    def __init__(self, layers=None, label="", name=None, dtype=None):
        super().__init__(layers, name=name, dtype=dtype)
        self.label = label


class Twice(Bands):
    """A layer whose base was given something else."""

    def __init__(self, pairs, **options):
        super().__init__(2 * pairs, **options)
        self.pairs = pairs


class Named(Twice):
    """A layer that says itself what there is to say."""

    def __init__(self, word):
        super().__init__(len(word), name=word)
        self.word = word

    def get_config(self):
        return {"word": self.word}


def test_what_sub_classes_were_given_is_saved_too():
    makers = (lambda: Gained(2, 3.0, name="gained"), lambda: Bare(2), lambda: Twice(2, factor=3))
    own = {cls.__name__: cls for cls in (Gained, Bare, Bands, Twice, Named)}
    x = np.arange(6.0).reshape(2, 3)
    models = [Sequential([Input((3,)), make(), Dense(1)]) for make in makers]
    listed = Listed([Input((3,), batch_size=2), Dense(2)], label="mine")
    for model in [*models, Sequential([Input((3,)), Named("abc")]), listed]:
        expected = model.predict(x)
        again = saving.from_bytes(saving.to_bytes(model), {**own, "Listed": Listed})
        for each in (again, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert each.predict(x).tobytes() == expected.tobytes()
            assert type(each) is type(model)
        assert fastnn.models.clone_model(model).output_shape == model.output_shape
    assert models[0].layers[0].get_config()["gain"] == 3.0
    assert "units" not in models[2].layers[0].get_config()
    assert models[2].layers[0].get_config()["pairs"] == 2
    assert copy.deepcopy(listed).label == "mine"
    with pytest.raises(NotImplementedError, match="Ready: its constructor makes the layers"):
        saving.to_bytes(Ready(4))


class Tilted(fastnn.losses.Loss):
    def __init__(self, tilt, **options):
        super().__init__(**options)
        self.tilt = tilt

    def call(self, y_true, y_pred):
        return ops.mean(ops.maximum(self.tilt * (y_true - y_pred), y_pred - y_true), axis=-1)


class Scaled(fastnn.losses.Huber):
    def __init__(self, scale, delta=1.0):
        super().__init__(delta)
        self.scale = scale

    def call(self, y_true, y_pred):
        return self.scale * super().call(y_true, y_pred)


@pytest.mark.parametrize("loss", [Tilted(3.0, name="tilted"), Scaled(3, 0.5), Scaled(scale=2)])
def test_plain_arguments_of_own_losses_are_saved_too(loss):
    model = compiled_by(loss)
    x, y = np.eye(2), np.array([1.0, -2.0])
    expected = model.evaluate(x, y, verbose=0)
    again = saving.from_bytes(saving.to_bytes(model), {"Tilted": Tilted, "Scaled": Scaled})
    for each in (again, pickle.loads(pickle.dumps(model))):
        assert each.evaluate(x, y, verbose=0) == expected
        assert each.loss.get_config() == loss.get_config()


@pytest.mark.parametrize("argument", [np.ones(2), Dense, [Dense(3)], {"a": lambda x: x}, {1: 2}])
def test_other_arguments_of_own_layers_need_a_get_config(argument):
    with pytest.raises(
        NotImplementedError, match="Bands: its config would lose scales; write get_config"
    ):
        Bands(4, argument).get_config()


class Wide(Model):
    """A model whose config would lose its argument."""

    def __init__(self, dense):
        super().__init__(name="wide")
        self.dense = dense

    def call(self, x):
        return self.dense(x)


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, pickle.dumps])
@pytest.mark.parametrize(
    ("model", "why"),
    [
        (lambda: Wide(Dense(3)), "its config would lose dense; write get_config"),
        (lambda: Sequential([Dense(2, lambda z: z)], name="wide"), "a function of your own"),
        (lambda: compiled_by(lambda t, y: (t - y) ** 2), r"has no name .* clone_model\(model\)"),
    ],
)
def test_what_cannot_be_copied_says_so_and_no_word_of_files(copied, model, why):
    with pytest.raises(ValueError, match=r"^wide: it can be neither copied nor pickled") as error:
        copied(model())
    assert re.search(why, str(error.value))
    assert "file" not in str(error.value)


def compiled_by(loss):
    model = Sequential([Input((2,)), Dense(1)], name="wide")
    model.compile("sgd", loss)
    return model


def test_own_activation_functions_cannot_be_saved_and_say_so(tmp_path):
    model = Sequential([Input((2,)), Dense(2, activation=lambda z: ops.add(z, z))])
    with pytest.raises(ValueError, match="function of your own"):
        model.save(tmp_path / "m")
    assert os.listdir(tmp_path) == []


def l2(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def gap(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


def of_functions(loss=l2):
    model = Sequential([Input((4,)), Dense(1)])
    model.compile("adam", loss, [gap], weighted_metrics=[gap])
    model.fit(np.eye(4), np.arange(4.0), verbose=0)
    return model


def test_losses_and_metrics_that_are_functions_are_saved_by_their_names(tmp_path, monkeypatch):
    model = of_functions()
    model.save(tmp_path / "m.keras")
    again = fastnn.models.load_model(tmp_path / "m.keras", custom_objects={"l2": l2, "gap": gap})
    assert (again.loss.fn, state(again)) == (l2, state(model))
    with pytest.raises(ModelFileError, match=r"no function 'l2'.*custom_objects=\{'l2': l2\}"):
        fastnn.models.load_model(tmp_path / "m.keras")
    assert not fastnn.models.load_model(tmp_path / "m.keras", compile=False).compiled
    monkeypatch.setattr(registry, "_registered", {})
    for function in (l2, gap):
        saving.register_keras_serializable()(function)
    assert fastnn.models.load_model(tmp_path / "m.keras").loss.fn is l2


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_have_the_functions_of_the_model(duplicate):
    model = of_functions()
    other = duplicate(model)
    assert other.loss.fn is l2
    assert [each.fn for each in other.metrics] == [gap, gap]
    assert state(other) == state(model)
    assert not fastnn.models.clone_model(model).compiled


def test_two_functions_of_one_name_cannot_be_told_apart(tmp_path):
    def named_l2(y_true, y_pred):
        return l2(y_true, y_pred) * 2

    named_l2.__name__ = "l2"
    outputs = Input((4,))
    model = fastnn.Model(outputs, [Dense(1)(outputs), Dense(1)(outputs)])
    model.compile("adam", [l2, named_l2])
    with pytest.raises(ValueError, match=r"two functions are called 'l2'.*__name__ = 'l2_2'"):
        model.save(tmp_path / "m")


def test_how_a_model_is_compiled_may_be_left_out(tmp_path):
    model = of_functions(lambda y_true, y_pred: l2(y_true, y_pred))
    with pytest.raises(ValueError, match=r"write it with def.*include_optimizer=False"):
        model.save(tmp_path / "m")
    assert os.listdir(tmp_path) == []
    fastnn.models.save_model(model, tmp_path / "m", include_optimizer=False)
    again = fastnn.models.load_model(tmp_path / "m")
    assert not again.compiled
    assert np.array_equal(again.predict(np.eye(4)), model.predict(np.eye(4)))


# ---- the file system -----------------------------------------------------------------------------


def test_an_existing_file_is_kept_if_asked(tmp_path):
    path = tmp_path / "m"
    tiny().save(path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite"):
        convnet().save(path, overwrite=False)
    assert path.read_bytes() == before
    convnet().save(path)
    assert path.read_bytes() != before


def test_a_missing_file_is_pythons_own_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        tiny().save(tmp_path / "none" / "m")
