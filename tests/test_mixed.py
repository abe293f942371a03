"""Models of mixed precision: who decides on it, what it changes and what it leaves alone.

The kernels themselves are tested in test_kernels.py and test_bits.py, as any other.
"""

import os

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, _core, config
from fastnn.layers import Activation, Conv2D, Dense, Flatten, MaxPooling2D
from fastnn.reference.cases import CASES, cases
from fastnn.reference.contract import bfloat16
from fastnn.reference.harness import Trial

MIXED = "mixed_bfloat16"
RNG = np.random.default_rng(1)
X = RNG.standard_normal((96, 8, 8, 2)).astype(np.float32)
Y = X[:, :4].mean((1, 2, 3)).argsort().argsort() * 3 // 96  # thirds, by the mean of one half


@pytest.fixture
def policy():
    """Set the process's policy; it is what it was afterwards."""
    yield fastnn.mixed_precision.set_global_policy
    config._policy = None


def network(dtype=None):
    fastnn.set_seed(3)
    layers = [Conv2D(8, 3, activation="relu"), MaxPooling2D(2), Flatten(), Dense(3, "softmax")]
    return Sequential([Input((8, 8, 2)), *layers], dtype=dtype)


def compiled(dtype=None, **options):
    model = network()
    model.compile("adam", "sparse_categorical_crossentropy", dtype=dtype, **options)
    return model


# ---- who decides ---------------------------------------------------------------------------------


def test_the_policy_of_the_process_is_that_of_models_made_after(policy):
    before = network()
    policy(MIXED)
    assert fastnn.mixed_precision.global_policy() == config.dtype_policy() == MIXED
    assert network().dtype_policy == MIXED
    assert before.dtype_policy == "float32"
    assert network("float64").dtype_policy == "float64"
    assert config.floatx() == "float32"


def test_a_model_of_mixed_precision_holds_float32():
    model = network(MIXED)
    assert model.dtype == "float32"
    assert all(weight.dtype == np.float32 for weight in model.get_weights())
    assert model.predict(X).dtype == np.float32


def test_compile_changes_what_is_computed_not_the_weights():
    model = compiled()
    single, weights = model.predict(X), model.get_weights()
    model.compile("adam", "sparse_categorical_crossentropy", dtype=MIXED)
    mixed = model.predict(X)
    assert 1e-5 < np.abs(mixed - single).max() < 2e-2
    model.compile("adam", "sparse_categorical_crossentropy")
    assert model.predict(X).tobytes() == mixed.tobytes()
    model.compile("adam", "sparse_categorical_crossentropy", dtype="float32")
    assert model.predict(X).tobytes() == single.tobytes()
    assert all(map(np.array_equal, weights, model.get_weights()))


def test_a_compile_that_fails_changes_no_policy():
    model = compiled()
    with pytest.raises(ValueError, match="softmax"):
        model.compile("adam", "binary_crossentropy", dtype=MIXED)
    assert model.dtype_policy == "float32"
    assert model.runtime.policy == "float32"


@pytest.mark.parametrize("wrong", ["float64", MIXED])
def test_weights_do_not_change_their_type(wrong):
    model = network("float32" if wrong == "float64" else "float64")
    with pytest.raises(ValueError, match="make the model with Sequential") as caught:
        model.compile("adam", "sparse_categorical_crossentropy", dtype=wrong)
    assert wrong in str(caught.value)
    assert model.dtype in str(caught.value)


@pytest.mark.parametrize("who", [network, config.set_dtype_policy, compiled])
def test_a_policy_without_kernels_is_refused(who):
    with pytest.raises(ValueError, match=r"mixed_bfloat16.*range of float32"):
        who("mixed_float16")
    with pytest.raises(ValueError, match='"float32", "float64", "mixed_bfloat16", got \'half\''):
        who("half")


def test_the_policy_is_saved(tmp_path):
    model = compiled(MIXED)
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "model.fastnn")
    copy = fastnn.models.load_model(tmp_path / "model.fastnn")
    assert copy.dtype_policy == MIXED
    assert copy.predict(X).tobytes() == model.predict(X).tobytes()


def test_the_listing_names_the_policy_and_its_instruction_set(capsys):
    compiled(MIXED).explain()
    assert f"{MIXED}, {_core.isa_names(MIXED)[0]}, " in capsys.readouterr().out


# ---- what it changes -----------------------------------------------------------------------------


def differs(case):
    mixed, single = (Trial(case, policy).expected for policy in (MIXED, "float32"))
    return any(mixed[name].tobytes() != single[name].tobytes() for name in mixed)


def test_operations_with_kernels_of_mixed_precision_are_those_whose_twins_round(some):
    known = set(_core.kernels(MIXED))
    others = {op: some(cases(op), 4) for op in set(CASES) - known}
    assert all(any(map(differs, cases(op))) for op in known)
    assert not [op for op, few in others.items() if any(map(differs, few))]


def test_whole_numbers_that_bfloat16_holds_lose_nothing():
    model = Sequential([Input((300,)), Dense(40)])
    x, w = (RNG.integers(-256, 257, shape) for shape in ((50, 300), (300, 40)))
    model.set_weights([w, np.zeros(40)])
    model.compile("sgd", "mse", dtype=MIXED)
    assert np.array_equal(model.predict(x), x @ w)


def test_factors_are_rounded_and_nothing_else():
    model = Sequential([Input((2,)), Dense(1), Activation("tanh")])
    model.set_weights([[[1.0], [0.0]], [1e-4]])
    model.compile("sgd", "mse", dtype=MIXED)
    third = np.float32(1 / 3)
    seen = float(bfloat16(third))
    expected = np.tanh(np.float64(np.float32(seen + np.float64(np.float32(1e-4)))))
    assert model.predict([[third, 0]])[0, 0] == pytest.approx(expected, rel=1e-6)
    assert abs(seen - third) > 1e-4


@pytest.mark.parametrize("eager", [False, True])
def test_training_follows_float32(eager):
    """Half an ulp of bfloat16 is 2^-9; a step that mixed up operands would not follow."""
    histories = []
    for dtype in ("float32", MIXED):
        model = compiled(dtype, run_eagerly=eager)
        histories.append(model.fit(X, Y, epochs=40, verbose=0).history["loss"])
    single, mixed = histories
    assert mixed != single
    assert single[-1] < 0.7 * single[0]
    assert np.allclose(mixed, single, rtol=5e-2)


@pytest.mark.parametrize("rows", [1, 17, 96])
def test_gradients_are_float32s_within_the_roundings(rows):
    """Without kinks: next to one, a rounding decides who gets the gradient."""
    gradients = []
    for dtype in ("float32", MIXED):
        fastnn.set_seed(3)
        layers = [Conv2D(8, 3, activation="tanh"), Flatten(), Dense(16, "sigmoid"), Dense(3)]
        model = Sequential([Input((8, 8, 2)), *layers], dtype=dtype)
        model.compile(fastnn.optimizers.SGD(1.0), "mse")
        before = model.get_weights()
        model.train_on_batch(X[:rows], np.eye(3)[Y[:rows]])
        gradients.append([b - a for a, b in zip(model.get_weights(), before, strict=True)])
    for single, mixed in zip(*gradients, strict=True):
        assert 0 < np.linalg.norm(mixed - single) < 0.02 * np.linalg.norm(single)


def test_the_reference_and_the_kernels_train_alike():
    runs = []
    for eager in (False, True):
        model = compiled(MIXED, run_eagerly=eager)
        model.fit(X, Y, batch_size=96, epochs=1, shuffle=False, verbose=0)
        runs.append(np.concatenate([weight.ravel() for weight in model.get_weights()]))
    assert np.abs(runs[0] - runs[1]).max() < 1e-4


# ---- instruction sets ----------------------------------------------------------------------------


def test_fastnn_isa_holds_for_mixed_precision_too(monkeypatch):
    for name in _core.isa_names(MIXED):
        monkeypatch.setenv("FASTNN_ISA", name)
        assert config.isa(MIXED) == name
        assert config.isa() == (name if name in _core.isa_names() else _core.isa_names()[0])


def test_an_unknown_instruction_set_is_refused_and_amx_is_named(monkeypatch):
    monkeypatch.setenv("FASTNN_ISA", "sse9")
    with pytest.raises(ValueError, match=", ".join(_core.isa_names(MIXED))):
        config.isa(MIXED)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_multiplies_as_its_parent():
    model = compiled(MIXED)
    known = model.predict(X).tobytes()
    child = os.fork()
    if child == 0:
        os._exit(model.predict(X).tobytes() != known)
    assert os.waitpid(child, 0)[1] == 0
