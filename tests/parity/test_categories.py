"""Ids and ranges beside Keras's: indicators, and the quantiles that adapt finds."""

import numpy as np
import pytest

import fastnn

SEEDS = range(30)


def through(layer, x, dtype="float64"):
    return fastnn.Sequential([fastnn.Input(x.shape[1:]), layer], dtype=dtype).predict(x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", SEEDS)
def test_ids_and_ranges(keras, seed, dtype):
    rng = np.random.default_rng(seed)
    size, n = (int(k) for k in rng.integers(1, 9, 2))
    ids = rng.integers(0, size, (7, n))
    bounds = sorted(rng.normal(size=size))
    x = rng.normal(size=(7, n)).astype(np.float32)
    x[0, 0] = bounds[0]
    bounds = [float(b) for b in np.float32(bounds)]
    for mode in ("one_hot", "multi_hot", "count"):
        made = [m.layers.CategoryEncoding(size, mode) for m in (fastnn, keras)]
        assert np.array_equal(through(made[0], ids, dtype), np.asarray(made[1](ids)))
    for mode in ("int", "one_hot", "multi_hot", "count"):
        made = [m.layers.Discretization(bounds, output_mode=mode) for m in (fastnn, keras)]
        assert np.array_equal(through(made[0], x, dtype), np.asarray(made[1](x)))


@pytest.mark.parametrize("seed", SEEDS)
def test_weighted_counts(keras, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 9))
    ids, w = rng.integers(0, 5, (7, n)), rng.normal(size=(7, n))
    x, weights = fastnn.Input((n,), dtype="int32"), fastnn.Input((n,), dtype="float64")
    y = fastnn.layers.CategoryEncoding(5, "count")(x, count_weights=weights)
    ours = fastnn.Model([x, weights], y).predict([ids, w])
    theirs = keras.layers.CategoryEncoding(5, "count", dtype="float64")(ids, count_weights=w)
    np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_quantiles(keras, seed):
    """Those of Keras, which rounds to float32 on the way."""
    rng = np.random.default_rng(seed)
    bins, epsilon = int(rng.integers(2, 12)), float(rng.uniform(0.005, 0.1))
    batches = [rng.gamma(2.0, size=(int(rng.integers(20, 400)), 3)) for _ in range(seed % 4 + 1)]
    ours, theirs = (m.layers.Discretization(None, bins, epsilon) for m in (fastnn, keras))
    ours.adapt(iter(batches) if seed % 4 else batches[0])
    theirs.reset_state()  # its adapt imports TensorFlow
    for batch in batches:
        theirs.update_state(batch)
    theirs.finalize_state()
    np.testing.assert_allclose(ours.bin_boundaries, theirs.bin_boundaries, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("CategoryEncoding", {"num_tokens": 4, "output_mode": "count"}),
        ("Discretization", {"bin_boundaries": [0.0, 1.0], "output_mode": "one_hot"}),
        ("Discretization", {"num_bins": 4, "epsilon": 0.1}),
        ("Resizing", {"height": 3, "width": 4, "pad_to_aspect_ratio": True, "fill_value": 0.5}),
        ("CenterCrop", {"height": 3, "width": 4}),
    ],
)
def test_configs(keras, name, options):
    ours, theirs = (getattr(m.layers, name)(**options).get_config() for m in (fastnn, keras))
    assert set(ours) - {"trainable"} <= set(theirs)
    same = set(ours) & set(theirs) - {"name", "dtype"}
    assert {key: ours[key] for key in same} == {key: theirs[key] for key in same}
