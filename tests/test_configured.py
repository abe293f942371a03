"""What a config tells of classes of callers who write none."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, losses, optimizers, regularizers, saving
from fastnn.layers import LSTM, Bidirectional, Dense, Layer, Softmax, TimeDistributed


def again(thing):
    return type(thing).from_config(thing.get_config())


class Passing(Dense):
    """A constructor that passes all on."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)


class PassingLSTM(LSTM):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)


class PassingAdam(optimizers.Adam):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)


class PassingModel(Sequential):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)


def test_constructors_that_pass_all_on_are_as_their_base():
    assert again(Passing(3, "relu")).get_config()["activation"] == "relu"
    assert again(PassingAdam(0.5)).learning_rate == 0.5
    layers = [Input((4, 3)), Bidirectional(PassingLSTM(2, return_sequences=True)), Passing(3)]
    model = PassingModel(layers)
    classes = {each.__name__: each for each in (Passing, PassingLSTM, PassingModel)}
    x = np.ones((2, 4, 3))
    for other in (saving.from_bytes(saving.to_bytes(model), classes), copy.deepcopy(model)):
        assert other.predict(x).tobytes() == model.predict(x).tobytes()
    with saving.custom_object_scope(classes):
        assert again(TimeDistributed(Passing(3))).layer.units == 3


@dataclasses.dataclass
class Priced(regularizers.Regularizer):
    price: float = 1.0

    def __call__(self, x):
        return self.price * fastnn.ops.sum(fastnn.ops.square(x))


@dataclasses.dataclass(frozen=True)
class Frozen(regularizers.Regularizer):
    price: float = 1.0

    def __call__(self, x):
        return self.price * fastnn.ops.sum(fastnn.ops.square(x))


@pytest.mark.parametrize("cls", [Priced, Frozen])
def test_constructors_that_a_decorator_makes(cls):
    assert cls(0.5).get_config() == {"price": 0.5}
    assert again(cls(0.5)).price == 0.5


class Scaling:
    """A mixin."""

    def __init__(self, scale=1.0, **options):
        super().__init__(**options)
        self.scale = scale


class Scaled(Scaling, Layer):
    def call(self, x):
        return x * self.scale


def test_constructors_of_what_is_mixed_in():
    assert again(Scaled(3.0, name="it")).scale == 3.0
    assert again(again(Scaled(scale=2.0))).scale == 2.0


class Emptying(Layer):
    def __init__(self, widths):
        super().__init__()
        self.first, self.widths = widths.pop(0), widths


def test_what_was_given_is_kept_as_it_was():
    layer = Emptying([3, 2])
    config = layer.get_config()
    assert config["widths"] == [3, 2]
    config["widths"].append(1)
    layer.widths.append(7)
    assert layer.get_config()["widths"] == [3, 2]
    assert again(layer).first == 3


class Doubled(Dense):
    def __init__(self, units):
        super().__init__(2 * units)


class Wide(Dense):
    def __init__(self, width, **options):
        super().__init__(width, **options)


def test_a_constructor_that_gives_its_base_something_else():
    assert again(again(Doubled(3))).units == 6
    wide = Wide(3, activation="relu", name="wide")
    assert (again(wide).units, again(wide).name) == (3, "wide")
    assert again(wide).get_config() == wide.get_config()


class Fast(optimizers.Adam):
    def __init__(self):
        super().__init__(learning_rate=0.05)


class Chosen(optimizers.SGD):
    def __init__(self, learning_rate=0.1, shout=False):
        super().__init__(learning_rate)
        self.shout = shout


def test_what_has_changed_since_is_told_or_refused():
    chosen = Chosen(0.3, shout=True)
    chosen.learning_rate = 0.25
    assert (again(chosen).learning_rate, again(chosen).shout) == (0.25, True)
    assert again(Fast()).learning_rate == 0.05
    fast = Fast()
    fast.learning_rate = 0.001
    with pytest.raises(NotImplementedError, match="Fast: its config would lose learning_rate; wr"):
        fast.get_config()
    layer = Wide(2, activity_regularizer="l2")
    assert again(layer).activity_regularizer is not None
    layer.activity_regularizer = None
    assert again(layer).activity_regularizer is None
    layer = Wide(2, trainable=True)
    layer.trainable = False
    assert not again(layer).trainable


class Stack(Sequential):
    def __init__(self, units=3):
        super().__init__([Input((4,)), Dense(units)])


@pytest.mark.parametrize("change", [lambda m: None, lambda m: m.add(Softmax())])
def test_a_constructor_that_makes_the_layers_is_refused_before_any_is_lost(change):
    change(model := Stack())
    for copied in (copy.deepcopy, pickle.dumps, saving.to_bytes):
        with pytest.raises((NotImplementedError, ValueError), match="constructor makes the layers"):
            copied(model)


class Slotted(losses.Loss):
    __slots__ = ("scale",)

    def __init__(self, scale):
        super().__init__()
        self.scale = scale

    def call(self, y_true, y_pred):
        return self.scale * fastnn.ops.mean(fastnn.ops.square(y_true - y_pred), axis=-1)


class Made(losses.Loss):
    def __new__(cls, scale=1.0):
        thing = super().__new__(cls)
        thing.scale = scale
        return thing

    def __init__(self, scale=1.0):
        super().__init__()


class Without(regularizers.Regularizer):
    def __new__(cls, price=1.0):
        thing = super().__new__(cls)
        thing.price = price
        return thing


def test_other_ways_to_make_things():
    assert again(Slotted(3)).scale == 3
    assert again(Made(scale=2)).scale == 2
    assert Without(price=3).price == 3
    assert pickle.loads(pickle.dumps(Slotted(3))).get_config() == Slotted(3).get_config()


class Valued(Dense):
    def __init__(self, units, v=4, **options):
        super().__init__(units, **options)
        self.v = v


class Telling(Valued):
    """A class that tells more of what its base was given."""

    def get_config(self):
        return {**super().get_config(), "v": self.v}


class Made2(Sequential):
    """A model that tells itself how it is made."""

    def __init__(self, n=3, name=None):
        super().__init__([Input((4,)), Dense(n)], name=name)
        self.n = n

    def get_config(self):
        return {"name": super().get_config()["name"], "n": self.n}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


class Shallow(fastnn.Model):
    """A model that takes but a name of what every model does."""

    def __init__(self, n=3, name=None):
        super().__init__(name=name)
        self.dense = Dense(n)

    def call(self, x):
        return self.dense(x)


class Deep(Shallow):
    def __init__(self, depth=2, **options):
        super().__init__(**options)
        self.more = [Dense(3) for _ in range(depth)]

    def call(self, x):
        for each in self.more:
            x = each(x)
        return super().call(x)


def test_classes_that_tell_a_part_themselves():
    telling = Telling(3, v=7, name="it")
    assert (again(telling).v, again(telling).units, again(telling).name) == (7, 3, "it")
    x = np.ones((2, 4))
    for model in (Made2(5), Deep(depth=3, n=2, name="deep"), Deep()):
        expected = model.predict(x)
        other = saving.from_bytes(saving.to_bytes(model), {"Made2": Made2, "Deep": Deep})
        for each in (other, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert each.predict(x).tobytes() == expected.tobytes()
            assert each.name == model.name
        if not isinstance(model, Sequential):  # whose clone is a Sequential
            assert fastnn.models.clone_model(model).get_config() == model.get_config()


def with_a_secret(constructor):
    def decorated(self, *given):
        constructor(self, 7, *given)

    decorated.__wrapped__ = constructor
    return decorated


class Nameless(Layer):
    """A class whose constructor is called with what a decorator adds."""

    @with_a_secret
    def __init__(self, secret, units):
        super().__init__()
        self.units = units


def test_what_cannot_be_told_is_refused():
    with pytest.raises(NotImplementedError, match="Nameless: its config would lose secret, units"):
        Nameless(3).get_config()
