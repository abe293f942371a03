"""Keras as a peer: imported once, in float64, on jax; without it these files are skipped, unless
FASTNN_REQUIRE_PARITY=1 makes its absence an error.

FASTNN_PARITY_SEEDS=3 leaves out all seeds of a test but the first three, FASTNN_PARITY_EVERY=2 each
second of what is left: for those in a hurry."""

import os
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import fastnn


class _Absent(pytest.Module):
    """A file whose tests have nobody to be compared with."""

    def collect(self):
        pytest.skip("Keras or JAX is not installed", allow_module_level=True)


def pytest_pycollect_makemodule(module_path, parent):
    required = os.environ.get("FASTNN_REQUIRE_PARITY") == "1"
    if required or (find_spec("keras") and find_spec("jax")):
        return None  # as everywhere
    return _Absent.from_parent(parent, path=module_path)


def pytest_collection_modifyitems(config, items):
    seeds = float(os.environ.get("FASTNN_PARITY_SEEDS") or "inf")
    every = int(os.environ.get("FASTNN_PARITY_EVERY") or 1)
    early = [item for item in items if _is_parity(item) and _seed(item) < seeds]
    kept = {*early[::every], *(item for item in items if not _is_parity(item))}
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


def _is_parity(item):
    return Path(__file__).parent in item.path.parents


def _seed(item):
    """The seed of a test, 0 if it has none."""
    seed = item.callspec.params.get("seed", 0) if hasattr(item, "callspec") else 0
    return seed if isinstance(seed, int) else 0


@pytest.fixture(scope="session", autouse=True)
def keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    # each small model is compiled once and run a few times
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peer's own affair
        import keras
        from keras.src.backend.common import dtypes

        keras.config.set_floatx("float64")
        # on jax Keras computes float64 models in float32 unless told so
        dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    return keras


class Pair:
    """The same model twice: ``ours`` and ``theirs``, with the same weights, in Keras's ``floatx``.

    Args:
        keras: the module.
        shape: the shape of a sample.
        layers: ``layers(module)`` returns the layers, made from ``module.layers``.
        loss, optimizer, metrics: names, or functions of the module.
    """

    def __init__(self, keras, shape, layers, loss="mse", optimizer="sgd", metrics=()):
        made = []
        for module, options in ((fastnn, {"dtype": keras.config.floatx()}), (keras, {})):
            model = module.Sequential([module.Input(shape, **options), *layers(module)])
            chosen = [x(module) if callable(x) else x for x in (optimizer, loss)]
            model.compile(*chosen, metrics=list(metrics))
            made.append(model)
        self.ours, self.theirs = made
        rng = np.random.default_rng(7)
        # moderate scores: Keras clips probabilities by 1e-7
        self.weights = [
            rng.normal(size=w.shape) / np.sqrt(np.prod(w.shape[:-1], initial=4))
            for w in self.ours.get_weights()
        ]
        self.reset()

    def reset(self):
        """Give both the same weights."""
        for model in (self.ours, self.theirs):
            model.set_weights(self.weights)

    def assert_same_weights(self, rtol):
        """Compare the weights, relative to the largest of each."""
        for a, b in zip(self.ours.get_weights(), self.theirs.get_weights(), strict=True):
            assert a.shape == b.shape
            assert np.abs(a - b).max() <= rtol * max(np.abs(b).max(), 1e-3)


@pytest.fixture
def pair(keras):
    def make(*arguments, **options):
        return Pair(keras, *arguments, **options)

    return make


@pytest.fixture
def float32(keras):
    """Let both be in float32 while a test runs."""
    for dtype in ("float32", "float64"):
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)  # which does not follow once a layer was made
        if dtype == "float32":
            yield


@pytest.fixture
def beside(keras):
    """Compares a model that is built twice: ``beside(build, x, seed)``."""

    def compare(build, x, seed, losses=1, dtype="float64", rtol=1e-11):
        """Compare outputs, and one step of gradient descent, which is the gradient of every weight.

        Args:
            build: ``build(module, options of Input)`` makes the model, ours and theirs.
            x: its samples.
            seed: what weights and targets are drawn from.
            losses: how many outputs there are.
            dtype: the precision of ours.
            rtol: how far numbers may differ, relative to the largest.
        """
        ours, theirs = _twice(keras, build, seed, losses, dtype)
        mine, peers = (
            outs if isinstance(outs, list) else [outs]
            for outs in (ours.predict(x), theirs.predict(x, verbose=0))
        )
        for a, b in zip(mine, map(np.asarray, peers), strict=True):
            assert a.shape == b.shape
            assert np.abs(a - b).max() <= rtol * max(1, np.abs(b).max())
        rng = np.random.default_rng(seed)
        y = [rng.normal(size=a.shape) for a in mine]
        y = y if len(y) > 1 else y[0]
        ours.train_on_batch(x, y)
        theirs.train_on_batch(x, y)
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            assert a.shape == b.shape
            assert np.abs(a - b).max() <= rtol * max(np.abs(b).max(), 1e-3)

    return compare


def _twice(keras, build, seed, losses, dtype):
    """Return the model of ours and theirs, compiled, with the same weights."""
    made = [build(fastnn, {"dtype": dtype}), build(keras, {"dtype": "float64"})]
    rng = np.random.default_rng(seed)
    weights = [
        rng.normal(size=w.shape) / np.sqrt(np.prod(w.shape[:-1], initial=4))
        for w in made[0].get_weights()
    ]
    for module, model in zip((fastnn, keras), made, strict=True):
        model.compile(module.optimizers.SGD(1.0), "mse" if losses == 1 else ["mse"] * losses)
        model.set_weights(weights)
    return made
