"""The contract of what is given to a layer, to ``compile`` or to ``fit``: what the tests of every
optimizer, schedule, regularizer, constraint, initializer and callback share."""

import copy
import inspect
import json
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential
from fastnn.errors import ModelFileError
from fastnn.layers import Dense, Dropout

RNG = np.random.default_rng(11)
X, Y = RNG.normal(size=(23, 5)), RNG.normal(size=(23, 3))


def every(cases):
    """A parameter for each case of each class."""
    return [
        pytest.param(cls, options, id=f"{cls.__name__} {', '.join(options)}")
        for cls, known in cases.items()
        for options in known
    ]


def public(module, base):
    """The classes of a kind that a module exports, each once."""
    known = (getattr(module, name) for name in module.__all__)
    return {cls for cls in known if isinstance(cls, type) and issubclass(cls, base)} - {base}


def two_layers(optimizer="sgd", dtype="float64", **options):
    """A compiled model of two layers, always with the same weights, and with dropout between."""
    fastnn.set_seed(7)
    first = Dense(6, "tanh", name="one", **options)
    parts = [Input((5,)), first, Dropout(0.2), Dense(3, name="two", **options)]
    model = Sequential(parts, dtype=dtype)
    model.compile(optimizer, "mse")
    return model


def bits(model):
    """All that training changes."""
    buffers = model.runtime.buffers
    return [buffers[name].tobytes() for name in ("params", "slots", "step", "scalars")]


def trained(model, **options):
    model.fit(X, Y, **{"batch_size": 4, "epochs": 2, "verbose": 0, **options})
    return bits(model)


def assert_same_config(one, two):
    assert type(one) is type(two)
    assert one.get_config() == two.get_config()


def assert_described(module, thing):
    """A thing goes through its config, JSON, a pickle and a copy, and stays what it is."""
    description = module.serialize(thing)
    assert json.loads(json.dumps(description)) == description
    assert_same_config(thing, module.deserialize(description))
    assert_same_config(thing, type(thing).from_config(thing.get_config()))
    for again in (pickle.loads(pickle.dumps(thing)), copy.deepcopy(thing), copy.copy(thing)):
        assert_same_config(thing, again)


def assert_found_by_name(module, cls):
    """A class is found by itself, by its name, and what it made is found as it is."""
    for identifier in (cls, cls.__name__, {"class_name": cls.__name__, "config": {}}):
        assert type(module.get(identifier)) is cls
    made = cls()
    assert module.get(made) is made


#: What some argument is given by mistake.
ODD = ("a", "", -1, None, [], {}, 1.5, np.ones(3), object(), True, float("nan"), 10**30, (1,) * 99)


def assert_teaches(error, name):
    """A message is short, shows no data, and names the argument, or is about a part of it."""
    message = str(error)
    assert name in message or isinstance(error, ModelFileError), message
    assert len(message) <= 400
    assert "\n" not in message
    assert "array(" not in message


def assert_odd_values_are_taken_or_refused(cls, options):
    """Whatever an argument is given, it is taken, or a short message says what is wrong."""
    for name in set(inspect.signature(cls).parameters) - {"options", "others"}:
        for value in ODD:
            try:
                cls(**{**options, name: value})
            except (ValueError, TypeError) as error:
                assert_teaches(error, name)


def assert_options_are_checked(cls, options):
    """What no argument is called is refused, and so is text where a number belongs."""
    with pytest.raises(TypeError, match=r"unheard_of|takes no arguments"):
        cls(**options, unheard_of=1)
    for name, parameter in inspect.signature(cls).parameters.items():
        if isinstance(parameter.default, float):
            with pytest.raises((TypeError, ValueError), match=name) as caught:
                cls(**{**options, name: "0.5"})
            assert len(str(caught.value)) < 400
    assert_odd_values_are_taken_or_refused(cls, options)


class TrainsAlike:
    """What holds for whatever takes part in a training step; ``model(dtype)`` makes one."""

    def assert_the_reference_does_the_same(self, make, dtype):
        models = [make(dtype), make(dtype)]
        models[1].compile(models[1].optimizer, "mse", run_eagerly=True)
        for model in models:
            model.fit(X, Y, batch_size=8, verbose=0)
        tolerance = {"float64": 1e-11, "float32": 2e-5}[dtype]
        for ours, theirs in zip(*(model.get_weights() for model in models), strict=True):
            assert np.allclose(ours, theirs, rtol=tolerance, atol=tolerance)

    def assert_threads_change_no_bit(self, make, monkeypatch):
        monkeypatch.setattr("fastnn.compiler.bind._WORTH_SHARING", 0)
        results, before = [], fastnn.get_num_threads()
        try:
            for count in (1, 2, 3):
                fastnn.set_num_threads(count)
                results.append(trained(make("float32")))
        finally:
            fastnn.set_num_threads(before)
        assert results[0] == results[1] == results[2]

    def assert_a_file_goes_on(self, make, path):
        model = make("float32")
        trained(model, epochs=3)
        model.save(path)
        again = fastnn.models.load_model(path)
        assert bits(again) == bits(model)
        assert trained(again) == trained(model)
