"""Running out of memory: every allocation of an array fails in turn, and nothing has happened."""

import gc
import itertools
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn import _core
from fastnn.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D

sys.path.append(str(Path(__file__).with_name("tools")))
from allocator import Allocator

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 6, 6, 1)).astype("float32")
Y = RNG.integers(0, 3, 20)


@pytest.fixture(scope="module")
def allocator(tmp_path_factory):
    return Allocator(tmp_path_factory.mktemp("allocator"))


@pytest.fixture(scope="module")
def trained():
    model = fastnn.Sequential(
        [
            fastnn.Input((6, 6, 1)),
            Conv2D(4, 3, activation="relu"),
            BatchNormalization(),
            MaxPooling2D(),
            Flatten(),
            Dropout(0.3),
            Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X, Y, epochs=1, verbose=0)
    return pickle.dumps(model)


def replace(model):
    model.set_weights([weights.astype("float64") + 1 for weights in model.get_weights()])


def quiet(_):
    pass


USES = {
    "fit": lambda m: m.fit(X, Y, epochs=2, batch_size=8, verbose=0, validation_data=(X, Y)),
    "fit on a part": lambda m: m.fit(X, Y, epochs=2, verbose=0, validation_split=0.25),
    "fit with weights": lambda m: m.fit(X, Y, sample_weight=np.ones(20), verbose=0),
    "fit on lists": lambda m: m.fit(X.tolist(), Y.tolist(), verbose=0),
    "predict": lambda m: m.predict(X),
    "predict_one": lambda m: m.predict_one(X[0]),
    "evaluate": lambda m: m.evaluate(X, Y, verbose=0),
    "train_on_batch": lambda m: m.train_on_batch(X, Y),
    "compile": lambda m: m.compile("sgd", "sparse_categorical_crossentropy"),
    "set_weights": replace,
    "copy": lambda m: pickle.loads(pickle.dumps(m)),
    "clone_model": fastnn.models.clone_model,
    "explain": lambda m: m.explain(x=X[:1], y=Y[:1], print_fn=quiet),
    "diagnose": lambda m: m.diagnose(X, Y),
    "gradients": lambda m: fastnn.grad(m)(X),
}


#: Those that are refused; explain makes thousands.
FIRST, LATER = range(20), (*range(20, 200), *range(200, 10**6, 499))


@pytest.mark.parametrize("for_ever", [False, True], ids=["one", "all"])
@pytest.mark.parametrize("use", USES)
def test_each_allocation_that_fails_is_a_memory_error_that_changes_nothing(
    allocator, trained, use, for_ever, some
):
    """Allocation 0, 1, 2, ... is refused until none is left to refuse (as SQLite's tests do)."""
    for number in (*FIRST, *some(LATER, 3)):
        model = pickle.loads(trained)
        try:
            with allocator.refusing(number, for_ever):
                USES[use](model)
        except MemoryError:
            assert pickle.dumps(model) == trained, f"allocation {number}"
        else:
            break
    assert not allocator.refused
    assert number > 0


@pytest.mark.parametrize("use", ["fit", "predict", "evaluate", "train_on_batch", "diagnose"])
def test_each_allocation_of_the_core_that_fails_changes_nothing(trained, use):
    for number in itertools.count():
        model = pickle.loads(trained)
        _core.limit_allocations(number)
        try:
            USES[use](model)
        except MemoryError as error:
            assert "no memory" in str(error)  # noqa: PT017 - it may be refused or not
            _core.limit_allocations(-1)
            assert pickle.dumps(model) == trained, f"allocation {number}"
        else:
            break
        finally:
            _core.limit_allocations(-1)
    assert number > 2


def test_after_memory_ran_out_training_is_what_it_would_have_been(allocator, trained):
    failed, other = pickle.loads(trained), pickle.loads(trained)
    with allocator.refusing(3, for_ever=False), pytest.raises(MemoryError):
        USES["fit"](failed)
    for model in failed, other:
        USES["fit"](model)
    assert pickle.dumps(failed) == pickle.dumps(other)


@pytest.mark.parametrize("use", USES)
def test_nothing_that_was_allocated_stays(allocator, trained, use):
    """After a first round, which fills caches, further rounds keep no byte."""
    live = []
    with allocator.counting():
        for _ in range(3):
            USES[use](pickle.loads(trained))
            gc.collect()
            live.append(allocator.live_bytes)
    assert live[1:] == live[1:2] * 2
