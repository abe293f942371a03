"""State dicts of PyTorch: the weights are the same, and so is what a model makes of samples.

``tests/tools/torch_states.py`` made the state dicts, samples and results with PyTorch.
"""

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

import fastnn
from fastnn import layers as L
from fastnn.errors import ModelFileError, ShapeError

with np.load(Path(__file__).parent / "torch_states.npz", allow_pickle=False) as archive:
    STORED = dict(archive)

EPSILON = {"epsilon": 1e-5}  # PyTorch's


def state_of(case):
    prefix = f"{case}|state|"
    return {k.removeprefix(prefix): v for k, v in STORED.items() if k.startswith(prefix)}


def sequential(*made, **options):
    return lambda shape: fastnn.Sequential([fastnn.Input(shape), *made], **options)


def tagger(shape):
    return fastnn.Sequential(
        [
            fastnn.Input(shape),
            L.Embedding(9, 4, name="words"),
            L.Bidirectional(L.LSTM(3, return_sequences=True), name="first"),
            L.Bidirectional(L.LSTM(3, return_sequences=True), name="second"),
            L.Dense(2, name="out"),
        ]
    )


def net(shape):
    return fastnn.Sequential(
        [
            fastnn.Input(shape),
            *(L.Conv2D(5, 3, activation="relu", name="conv1"), L.MaxPooling2D((2, 1))),
            *(L.Flatten(), L.Dropout(0.5), L.BatchNormalization(**EPSILON, name="norm")),
            *(L.Dense(6, "relu", name="fc1"), L.Dense(3, name="fc2")),
        ]
    )


def decoder(shape):
    return fastnn.Sequential(
        [
            *(fastnn.Input(shape), L.Dense(24), L.BatchNormalization(**EPSILON), L.ReLU()),
            *(L.Reshape((3, 2, 4)), L.Conv2DTranspose(2, 3, 2)),
        ]
    )


# case -> the model in fastnn, and the modules of its layers
CASES = {
    "linear": (sequential(L.Dense(3)), [""]),
    "linear_without_bias": (sequential(L.Dense(3, use_bias=False)), [""]),
    "conv1d": (sequential(L.Conv1D(6, 3, 2, groups=2)), [""]),
    "conv2d": (sequential(L.Conv2D(6, (3, 2), dilation_rate=(1, 2))), [""]),
    "conv_transpose1d": (sequential(L.Conv1DTranspose(3, 3, 2)), [""]),
    "conv_transpose2d": (sequential(L.Conv2DTranspose(3, (3, 2), 2)), [""]),
    "depthwise1d": (sequential(L.DepthwiseConv1D(3, depth_multiplier=2)), [""]),
    "depthwise2d": (sequential(L.DepthwiseConv2D((3, 2), depth_multiplier=2)), [""]),
    "separable2d": (
        sequential(L.SeparableConv2D(3, 3, depth_multiplier=2)),
        ["depthwise", "pointwise"],
    ),
    "batch_norm1d": (sequential(L.BatchNormalization(**EPSILON)), [""]),
    "batch_norm2d": (sequential(L.BatchNormalization(**EPSILON)), [""]),
    "batch_norm_without_affine": (
        sequential(L.BatchNormalization(**EPSILON, scale=False, center=False)),
        [""],
    ),
    "layer_norm": (sequential(L.LayerNormalization(**EPSILON)), [""]),
    "layer_norm_of_images": (sequential(L.LayerNormalization([1, 2, 3], **EPSILON)), [""]),
    "group_norm": (sequential(L.GroupNormalization(2, **EPSILON)), [""]),
    "rms_norm": (sequential(L.RMSNormalization(**EPSILON)), [""]),
    "embedding": (sequential(L.Embedding(9, 4)), [""]),
    "prelu": (sequential(L.PReLU(shared_axes=[1, 2])), [""]),
    "prelu_of_one": (sequential(L.PReLU()), [""]),
    "lstm": (sequential(L.LSTM(3, return_sequences=True)), ["rnn"]),
    "lstm_without_bias": (
        sequential(L.LSTM(3, return_sequences=True, use_bias=False)),
        ["rnn"],
    ),
    "gru": (sequential(L.RNN(L.GRUCell(3), return_sequences=True)), ["rnn"]),
    "gru_both_ways": (
        sequential(L.Bidirectional(L.GRU(3, return_sequences=True))),
        ["rnn"],
    ),
    "rnn": (sequential(L.SimpleRNN(3, return_sequences=True)), ["rnn"]),
    "rnn_of_two": (
        sequential(L.RNN([L.SimpleRNNCell(3, "relu") for _ in range(2)], return_sequences=True)),
        ["rnn", "rnn.l1"],
    ),
    "tagger": (tagger, {"first": "rnn", "second": "rnn.l1"}),
    "net": (net, None),  # by names
    "flat_signal": (sequential(L.Conv1D(3, 3), L.Flatten(), L.Dense(2)), None),  # by order
    "flat_steps": (sequential(L.GRU(3, return_sequences=True), L.Flatten(), L.Dense(2)), None),
    "flat_words": (sequential(L.Embedding(9, 4), L.Flatten(), L.Dense(2)), None),
    "decoder": (decoder, None),
}


def loaded(case, names="of the case"):
    build, modules = CASES[case]
    model = build(STORED[f"{case}|x"].shape[1:])
    chosen = modules if names == "of the case" else names
    fastnn.load_state_dict(model, state_of(case), chosen)
    return model


def test_all_cases_are_tried():
    assert {key.partition("|")[0] for key in STORED} == CASES.keys()


@pytest.mark.parametrize("case", CASES)
def test_predictions_are_equal(case):
    y = STORED[f"{case}|y"]
    found = loaded(case).predict(STORED[f"{case}|x"])
    assert found.shape == y.shape
    assert np.abs(found - y).max() <= 2e-6 * max(1, np.abs(y).max())


@pytest.mark.parametrize("case", CASES)
def test_what_is_written_is_what_was_read(case):
    state = state_of(case)
    modules = CASES[case][1]
    if modules is None and case != "net":
        modules = list(dict.fromkeys(key.rpartition(".")[0] for key in state))
    made = fastnn.state_dict(loaded(case), modules)
    assert made.keys() == state.keys()
    for key, array in made.items():
        other = key.replace("bias_ih", "bias_hh")
        if other != key and "gru" not in case and case != "flat_steps":
            assert np.allclose(array + made[other], state[key] + state[other])  # which is one here
        elif "bias_hh" not in key or "gru" in case:
            wanted = np.broadcast_to(state[key], array.shape)  # a slope of all channels
            assert np.array_equal(array, wanted) or key.endswith("num_batches_tracked")
        assert array.flags["C_CONTIGUOUS"]


def test_files_and_objects_are_read(tmp_path):
    state = state_of("net")
    np.savez(tmp_path / "net.npz", **state)
    safetensors.numpy.save_file(state, tmp_path / "net.safetensors")
    expected = loaded("net").get_weights()
    for source in (tmp_path / "net.npz", str(tmp_path / "net.safetensors")):
        model = net((6, 5, 4))
        fastnn.load_state_dict(model, source)
        assert all(map(np.array_equal, model.get_weights(), expected))
    model = net((6, 5, 4))
    model.save_weights(tmp_path / "other.h5", format="keras")
    with pytest.raises(ModelFileError, match="no npz and no safetensors file"):
        fastnn.load_state_dict(model, tmp_path / "other.h5")
    with pytest.raises(TypeError, match="arrays by name"):
        fastnn.load_state_dict(model, 3)


def test_a_branch_and_a_model_inside_see_the_order():
    """Flat images that meet numbers, and a head that is a model of its own."""
    image, numbers = fastnn.Input((3, 2, 4)), fastnn.Input((5,))
    both = L.Concatenate()([numbers, L.Activation("relu")(L.Flatten()(image))])
    head = fastnn.Sequential([L.Dense(2, name="fc")], name="head")
    model = fastnn.Model([image, numbers], head(both))
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(2, 29))
    fastnn.load_state_dict(model, {"fc.weight": weight, "fc.bias": np.zeros(2)})
    x, n = rng.normal(size=(6, 3, 2, 4)), rng.normal(size=(6, 5))
    there = np.maximum(np.moveaxis(x, -1, 1).reshape(6, -1), 0)
    assert np.allclose(model.predict([x, n]), np.hstack([n, there]) @ weight.T, atol=1e-5)


class Classifier(fastnn.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.flat, self.fc = L.Flatten(), L.Dense(2)

    def call(self, x):
        return self.fc(self.flat(x))


def test_a_sub_classed_model_is_told_what_was_flattened():
    model = Classifier()
    model.build((None, 3, 2, 4))
    weight = np.random.default_rng(0).normal(size=(2, 24)).astype("float32")
    state = {"fc.weight": weight, "fc.bias": np.zeros(2)}
    fastnn.load_state_dict(model, state)
    assert np.array_equal(model.get_weights()[0], weight.T)
    fastnn.load_state_dict(model, state, flattened={"fc": (3, 2, 4)})
    x = np.random.default_rng(1).normal(size=(5, 3, 2, 4))
    there = np.moveaxis(x, -1, 1).reshape(5, -1)
    assert np.allclose(model.predict(x), there @ weight.T, atol=1e-5)
    written = fastnn.state_dict(model, flattened={"fc": (3, 2, 4)})
    assert np.array_equal(written["fc.weight"], weight)
    with pytest.raises(ShapeError, match="fc has 24 features, not 12"):
        fastnn.load_state_dict(model, state, flattened={"fc": (3, 4)})
    with pytest.raises(ValueError, match="no layer 'nobody'"):
        fastnn.load_state_dict(model, state, flattened={"nobody": (3, 4)})


def test_in_a_network_the_order_can_be_switched_off():
    model = fastnn.Sequential([fastnn.Input((3, 2, 4)), L.Flatten(), L.Dense(2, name="fc")])
    state = {"fc.weight": np.arange(48.0).reshape(2, 24), "fc.bias": np.zeros(2)}
    fastnn.load_state_dict(model, state, flattened={"fc": None})
    assert np.array_equal(model.get_weights()[0], state["fc.weight"].T)


def two():
    return fastnn.Sequential([fastnn.Input((3,)), L.Dense(4, name="a"), L.Dense(2, name="b")])


def state_of_two():
    return fastnn.state_dict(two())


def without(key):
    state = state_of_two()
    del state[key]
    return state


MISTAKES = {
    "a shape": (
        lambda: {**state_of_two(), "b.weight": np.zeros((3, 4))},
        ShapeError,
        r"b: expected 'b\.weight' of shape \(2, 4\), got \(3, 4\)",
    ),
    "a missing tensor": (
        lambda: without("b.bias"),
        ModelFileError,
        r"no 'b\.bias' of shape \(2,\)",
    ),
    "a tensor too many": (
        lambda: {**state_of_two(), "b.weight_g": np.zeros(1)},
        ModelFileError,
        r"has 'b\.weight_g', which the layer has no place for",
    ),
    "a module too many": (
        lambda: {**state_of_two(), "c.weight": np.zeros((2, 2))},
        ModelFileError,
        "no layer takes the module 'c'",
    ),
    "a module too few": (
        lambda: {k: v for k, v in state_of_two().items() if k[0] == "a"},
        ModelFileError,
        "no module 'b'; it has 1: a; the model has 2 layers",
    ),
    "text": (
        lambda: {**state_of_two(), "b.bias": np.array(["x", "y"])},
        TypeError,
        "b/bias",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_told_and_change_nothing(mistake):
    make, error, match = MISTAKES[mistake]
    model = two()
    before = model.get_weights()
    with pytest.raises(error, match=match) as caught:
        fastnn.load_state_dict(model, make())
    assert len(str(caught.value)) < 400
    assert all(map(np.array_equal, model.get_weights(), before))


def test_names_that_are_not_there():
    with pytest.raises(ValueError, match="no layer 'c' has weights"):
        fastnn.load_state_dict(two(), state_of_two(), {"c": "a"})
    with pytest.raises(ValueError, match="there are 2 layers with weights, got 1 names"):
        fastnn.state_dict(two(), ["0"])


def test_what_fits_is_taken():
    model, state = two(), state_of_two()
    state["b.weight"] = np.zeros((3, 4))
    with pytest.warns(UserWarning, match=r"1 weights stay as they are; b: expected 'b\.weight'"):
        fastnn.load_state_dict(model, state, skip_mismatch=True)
    assert np.array_equal(model.get_weights()[0], state["a.weight"].T)


class Scale(L.Layer):
    def build(self, input_shape):
        self.factor = self.add_weight(input_shape[1:], name="factor")

    def call(self, x):
        return x * self.factor


def test_layers_of_ones_own_go_by_the_names_of_their_weights():
    model = fastnn.Sequential([fastnn.Input((3,)), Scale(name="scale"), L.Dense(1, name="fc")])
    state = fastnn.state_dict(model)
    assert list(state) == ["scale.factor", "fc.weight", "fc.bias"]
    state["scale.factor"] = np.arange(3)
    fastnn.load_state_dict(model, state)
    assert model.get_weights()[0].tolist() == [0, 1, 2]


def test_what_pytorch_lacks_is_told():
    gru = fastnn.Sequential([fastnn.Input((4, 3)), L.GRU(2, reset_after=False, name="g")])
    with pytest.raises(ValueError, match="g: PyTorch's GRU is one with reset_after=True"):
        fastnn.state_dict(gru)
    slopes = fastnn.Sequential([fastnn.Input((2, 2, 3)), L.PReLU(name="p")])
    fastnn.load_state_dict(slopes, {"p.weight": np.arange(3)})
    assert np.array_equal(fastnn.state_dict(slopes)["p.weight"], np.arange(3))
    slopes.set_weights([np.arange(12).reshape(2, 2, 3)])
    with pytest.raises(ValueError, match="p: PyTorch's PReLU has one slope for each channel"):
        fastnn.state_dict(slopes)
