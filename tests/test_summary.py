"""The summary: what it counts, and the arithmetic of windows."""

import numpy as np
import pytest

from fastnn import Input, Model, Sequential, ops
from fastnn.layers import (
    LSTM,
    Add,
    AveragePooling2D,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePooling2D,
    Layer,
    MaxPooling1D,
    MaxPooling2D,
    UpSampling2D,
)


def table(model, **options):
    lines = []
    model.summary(print_fn=lines.append, **options)
    titles, _, *rows = lines[0].splitlines()[1:]
    starts = [titles.index(word) for word in titles.split("  ") if word.strip()]
    return lines[0], titles, {row.split(" (")[0].strip(): row for row in rows}, starts


def test_flops_of_a_sample():
    text, titles, rows, _ = table(Sequential([Input((5,)), Dense(7, name="a"), Dense(2, name="b")]))
    assert "FLOPs" in titles
    assert "Receptive" not in titles
    assert " 70" in rows["a"]  # 2 * 5 * 7
    assert " 28" in rows["b"]
    assert "FLOPs: 98 a sample" in text


WINDOWS = [
    (Conv2D(2, 3), "(28 - 3 + 0)/1 + 1 = 26", "3 x 3"),
    (Conv2D(2, 3, padding="same"), "(28 - 3 + 2)/1 + 1 = 28", "3 x 3"),
    (Conv2D(2, 4, strides=3), "(28 - 4 + 0)/3 + 1 = 9", "4 x 4"),
    (Conv2D(2, 3, strides=2), "floor((28 - 3 + 0)/2) + 1 = 13", "3 x 3"),
    (Conv2D(2, 3, strides=2, padding="same"), "(28 - 3 + 1)/2 + 1 = 14", "3 x 3"),
    (Conv2D(2, (1, 5)), "(28 - 1 + 0)/1 + 1 = 28 x (28 - 5 + 0)/1 + 1 = 24", "1 x 5"),
    (Conv2D(2, 3, strides=2, padding=1), "floor((28 - 3 + 2)/2) + 1 = 14", "3 x 3"),
    (Conv2D(2, 3, dilation_rate=2), "(28 - 5 + 0)/1 + 1 = 24", "5 x 5"),
    (DepthwiseConv2D(3, padding="same"), "(28 - 3 + 2)/1 + 1 = 28", "3 x 3"),
    (MaxPooling2D(3), "floor((28 - 3 + 0)/3) + 1 = 9", "3 x 3"),
    (AveragePooling2D(2, strides=1), "(28 - 2 + 0)/1 + 1 = 27", "2 x 2"),
]


@pytest.mark.parametrize(("layer", "arithmetic", "field"), WINDOWS)
def test_the_arithmetic_of_a_window(layer, arithmetic, field):
    _, _, rows, _ = table(Sequential([Input((28, 28, 1)), layer]))
    assert f"  {arithmetic}  " in rows[layer.name]
    assert rows[layer.name].endswith(field)


def layers_of_windows():
    return [
        Conv2D(3, 3, padding="same", name="c1"),
        Conv2D(3, 3, strides=2, name="c2"),
        MaxPooling2D(name="p"),
        Conv2D(2, (2, 3), name="c3"),
    ]


def test_the_receptive_field_is_what_a_pixel_depends_on():
    model = Sequential([Input((40, 40, 1)), *layers_of_windows()])
    _, _, rows, _ = table(model)
    fields = [rows[name].split("  ")[-1].strip() for name in ("c1", "c2", "p", "c3")]
    assert fields == ["3 x 3", "5 x 5", "7 x 7", "11 x 15"]
    for pooled in model.layers:  # weights of one sign: no sum of them hides a pixel
        pooled.set_weights([np.ones_like(w) for w in pooled.get_weights()])
    x = np.zeros((1, 40, 40, 1))
    base = model.predict(x)[0, 4, 4, 0]
    seen = []
    for row, column in np.ndindex(40, 40):
        x[0, row, column] = 1.0
        if model.predict(x)[0, 4, 4, 0] != base:
            seen.append((row, column))
        x[0, row, column] = 0.0
    extent = np.ptp(seen, axis=0) + 1
    assert extent.tolist() == [11, 15]


def test_fields_of_branches_and_of_models_inside():
    x = Input((20, 20, 1))
    inner = Sequential([Conv2D(2, 5, padding="same", name="inside")], name="inner")
    small = Conv2D(2, 1, name="small")(x)
    joined = Add(name="sum")([inner(x), small])
    y = Conv2D(2, 3, name="after")(joined)
    y = Dense(2, name="d")(GlobalAveragePooling2D(name="g")(y))
    _, titles, rows, _ = table(Model(x, y), expand_nested=True, show_trainable=True)
    assert "Connected to" in titles
    assert "5 x 5" in rows["sum"]
    assert "  inside (Conv2D)" in rows["inside"]
    assert "5 x 5" in rows["inside"]
    assert "7 x 7" in rows["after"]
    assert " x " not in rows["g"]
    assert rows["d"].rstrip().endswith("Y")


def test_sequences_and_what_is_not_known():
    layers = [
        Conv1D(4, 3, dilation_rate=2, name="a"),
        MaxPooling1D(name="b"),
        Conv1D(2, 3, name="c"),
    ]
    _, _, rows, _ = table(Sequential([Input((28, 2)), *layers, LSTM(3, name="d")]))
    assert [rows[name].split("  ")[-1].strip() for name in "abc"] == ["5", "6", "10"]
    assert " + 1 = " not in rows["d"]
    layers = [Conv2D(2, 3, name="a"), UpSampling2D(2, name="b"), Conv2D(2, 3, name="c")]
    more = [Conv2DTranspose(2, 3, name="d"), Conv2D(2, 3, name="e")]
    _, _, rows, _ = table(Sequential([Input((9, 9, 1)), *layers, *more]))
    fields = [rows[name].split("  ")[-1].strip() for name in "abc"]
    assert fields == ["3 x 3", "3 x 3", "4 x 4"]
    assert rows["e"].endswith("= 12")  # what is before a transposed one is not followed


def test_outputs_in_lists_and_dicts():
    class Parts(Layer):
        def __init__(self, nest, **options):
            super().__init__(**options)
            self.nest = nest

        def call(self, x):
            return self.nest(x)

    x = Input((3,))
    both = Parts(lambda x: [x, ops.concatenate([x, x], axis=-1)], name="list")(x)
    named = Parts(lambda x: {"b": x, "a": ops.concatenate([x, x], axis=-1)}, name="dict")(x)
    _, _, rows, _ = table(Model(x, [*both, named["a"], named["b"]]))
    assert "(None, 3), (None, 6)" in rows["list"]
    assert "(None, 6), (None, 3)" in rows["dict"]


def test_a_sub_classed_model_lists_the_layers_that_it_holds():
    class Net(Model):
        def __init__(self):
            super().__init__()
            self.first, self.last = Dense(4, name="first"), Dense(2, name="last")

        def call(self, x):
            return self.last(self.first(x))

    net = Net()
    net.build((None, 3))
    text, titles, rows, _ = table(net)
    assert "Connected to" not in titles
    assert "(None, 4)" in rows["first"]
    assert "(None, 2)" in rows["last"]
    assert "Total params: 26" in text


def test_unbuilt_and_without_windows():
    text, titles, _, _ = table(Sequential([Dense(3), Sequential([Flatten()])]))
    assert [line.split()[-1] for line in text.split("\n")[3:5]] == ["?", "?"]
    assert "Not built: an Input, build or fit makes the weights" in text
    assert "FLOPs" not in titles


@pytest.mark.parametrize(
    ("ends", "shown"),
    [(("b", "c"), "bc"), (["a", "a"], "a"), (("[bc]", "[bc]"), "bc"), (("c", "b"), "")],
)
def test_a_range_of_layers(ends, shown):
    layers = [Dense(2, name=name) for name in "abcd"]
    text, _, rows, _ = table(Sequential([Input((3,)), *layers]), layer_range=ends)
    assert [name for name in "abcd" if name in rows] == list(shown)
    assert "Total params: 26" in text


def test_an_input_has_no_weights():
    a = Input((5,), name="a")
    _, titles, rows, _ = table(Model(a, Dense(2)(a)))
    assert rows["a"][titles.index("Param #") :].split()[0] == "0"
