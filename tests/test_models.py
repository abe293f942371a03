"""Models: how they are put together, looked at, taken apart; their weights, names and configs."""

import copy
import re
import tracemalloc

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, explain
from fastnn.errors import DTypeError, NotBuiltError, NotCompiledError, ShapeError
from fastnn.layers import Activation, Conv2D, Dense, Dropout, Flatten, Layer, MaxPooling2D

X = np.linspace(-1, 1, 44).reshape(11, 4).astype(np.float32)
Y = np.arange(11) % 3


def mlp(**options):
    layers = [Input((4,)), Dense(5, "relu", name="first"), Dense(3, "softmax", name="last")]
    return Sequential(layers, **options)


def same(some, others):
    return len(some) == len(others) and all(
        a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(some, others, strict=True)
    )


def compiled(model):
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


def test_an_input_builds_at_once():
    model = mlp()
    assert model.built
    assert model.input_shape == (None, 4)
    assert model.output_shape == (None, 3)
    assert model.count_params() == 4 * 5 + 5 + 5 * 3 + 3


def test_layers_come_as_a_list_or_one_by_one_or_by_add():
    fastnn.set_seed(3)
    as_list = Sequential([Input((4,)), Dense(5), Dense(3)])
    fastnn.set_seed(3)
    one_by_one = Sequential(Input((4,)), Dense(5), Dense(3))
    fastnn.set_seed(3)
    added = Sequential()
    for layer in (Input((4,)), Dense(5), Dense(3)):
        added.add(layer)
    assert same(as_list.get_weights(), one_by_one.get_weights())
    assert same(as_list.get_weights(), added.get_weights())


@pytest.mark.parametrize(
    "shape", [{"input_shape": (4,)}, {"input_shape": [4]}, {"input_dim": 4}, {"input_shape": 4},
              {"batch_input_shape": (None, 4)}],
)  # fmt: skip
def test_the_first_layer_may_be_given_the_shape_of_the_input(shape):
    model = Sequential([Dense(5, **shape), Dense(3)])
    assert model.input_shape == (None, 4)
    added = Sequential()
    added.add(Dense(5, "relu", **shape))
    added.add(Dense(3, input_shape=(9,)))  # of no meaning here, as in Keras
    assert added.count_params() == 43
    assert Dense(5, **shape).get_config().keys() == Dense(5).get_config().keys()


def test_a_shape_that_is_none_is_refused():
    for wrong in ({"input_shape": (None, 4)}, {"input_shape": ()}, {"input_dim": "x"}):
        with pytest.raises(ShapeError, match="positive integers"):
            Dense(5, **wrong)
    with pytest.raises(TypeError):
        Dense(5, input_size=4)


def test_without_input_the_first_data_builds():
    model = Sequential([Dense(5), Dense(3)])
    assert not model.built
    assert model.get_weights() == []
    assert model.predict(X).shape == (11, 3)
    assert model.input_shape == (None, 4)


def test_fit_builds_what_compile_could_not():
    model = compiled(Sequential([Dense(3, "softmax")]))
    history = model.fit(X, Y, verbose=0)
    assert set(history.history) == {"loss", "accuracy"}


@pytest.mark.parametrize("first", ["build", "predict", "predict_proba", "evaluate"])
def test_a_model_compiled_first_and_built_later_can_train(first):
    model = compiled(Sequential([Dense(3, "softmax")]))
    use = {
        "build": lambda: model.build((None, 4)),
        "predict": lambda: model.predict(X),
        "predict_proba": lambda: model.predict_proba(X),
        "evaluate": lambda: model.evaluate(X, Y, verbose=0),
    }
    use[first]()
    model.fit(X, Y, verbose=0)
    assert int(model.runtime.buffers["step"][0]) == 1


def test_a_loss_that_does_not_fit_is_noticed_once_built_and_the_model_can_be_compiled_again():
    model = Sequential([Dense(3)])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="softmax"):
        model.fit(X, Y, verbose=0)
    model.compile("sgd", "mse")
    model.fit(X, X[:, :3], verbose=0)


def test_a_build_that_fails_leaves_the_layers_unbuilt():
    model = Sequential([Dense(4), Conv2D(2, 3)])
    with pytest.raises(ShapeError, match="images"):
        model.predict(X)
    assert not model.built
    assert not any(layer.built for layer in model.layers)
    assert model.predict(np.zeros((2, 5, 5, 3))).shape == (2, 3, 3, 2)


def test_building_again_for_another_shape_is_refused_and_changes_nothing():
    model = mlp()
    before = model.get_weights()
    with pytest.raises(ShapeError, match="axis"):
        model.build((None, 7))
    assert same(model.get_weights(), before)
    assert model.predict(X).shape == (11, 3)


def test_shapes_of_an_unbuilt_model_are_unknown():
    model = Sequential([Dense(3)])
    for read in (lambda: model.output_shape, model.count_params, model.explain):
        with pytest.raises(NotBuiltError, match="Input"):
            read()


def test_a_model_without_layers_is_the_identity():
    assert np.array_equal(Sequential().predict(X), X)
    assert np.array_equal(Sequential([Input((4,))]).predict(X), X)


def test_add_appends_and_pop_removes():
    model = mlp()
    model.add(Dense(2, name="more"))
    assert model.predict(X).shape == (11, 2)
    assert model.pop().name == "more"
    assert model.output_shape == (None, 3)
    assert [layer.name for layer in model.layers] == ["first", "last"]


@pytest.mark.parametrize("change", [lambda m: m.add(Dense(2)), lambda m: m.pop()])
def test_a_model_of_other_layers_than_were_compiled_says_so(change):
    model = compiled(mlp())
    change(model)
    with pytest.raises(NotCompiledError, match="other layers than when it was compiled; call com"):
        model.fit(X, Y, verbose=0)
    assert not model.compiled
    with pytest.raises(NotCompiledError, match="has no loss yet"):
        mlp().fit(X, Y, verbose=0)


def test_add_and_pop_keep_the_weights_that_stay():
    model = compiled(mlp())
    model.fit(X, Y, verbose=0)
    before = model.get_weights()
    model.add(Dense(2))
    assert same(model.get_weights()[:4], before)
    model.pop()
    assert same(model.get_weights(), before)


def test_add_that_fails_changes_nothing():
    model = compiled(mlp())
    model.fit(X, Y, verbose=0)
    before, predicted = model.get_weights(), model.predict(X)
    with pytest.raises(ShapeError, match="images"):
        model.add(MaxPooling2D())
    assert len(model.layers) == 2
    assert same(model.get_weights(), before)
    assert np.array_equal(model.predict(X), predicted)
    model.fit(X, Y, verbose=0)  # it is compiled still
    assert int(model.runtime.buffers["step"][0]) == 2


def test_summary_tells_names_types_shapes_and_counts():
    lines = []
    model = Sequential(
        [Input((6, 6, 1)), Conv2D(2, 3), Flatten(), Dropout(0.5), Dense(3, name="scores")],
        name="small",
    )
    model.layers[0].trainable = False
    model.summary(print_fn=lines.append)
    text = lines[0]
    assert '"small"' in text
    assert "scores (Dense)" in text
    assert "(None, 4, 4, 2)" in text
    assert "Total params: 119" in text
    assert "Trainable params: 99" in text
    assert "Non-trainable params: 20" in text


def test_summary_prints(capsys):
    assert mlp().summary() is None
    assert "first (Dense)" in capsys.readouterr().out


def test_summary_of_an_unbuilt_model_has_question_marks(capsys):
    Sequential([Dense(3, name="d")]).summary()
    assert "?" in capsys.readouterr().out


def test_weights_are_copies_in_the_order_of_layers():
    model = mlp()
    weights = model.get_weights()
    assert [w.shape for w in weights] == [(4, 5), (5,), (5, 3), (3,)]
    assert [v.path for v in model.weights] == [
        "first/kernel",
        "first/bias",
        "last/kernel",
        "last/bias",
    ]
    weights[0][:] = 7
    assert not (model.get_weights()[0] == 7).any()


def test_set_weights_sets_what_predict_uses():
    model, other = mlp(), mlp()
    other.set_weights(model.get_weights())
    assert np.array_equal(model.predict(X), other.predict(X))


def test_set_weights_before_the_first_predict_and_after():
    model = Sequential([Input((2,)), Dense(1)])
    for factor in (1.0, 2.0):
        model.set_weights([np.full((2, 1), factor), np.zeros(1)])
        assert model.predict([[1.0, 1.0]]).item() == 2 * factor


@pytest.mark.parametrize(
    "last",
    [np.zeros(4), np.array(["a", "b", "c"]), np.zeros(3, complex), [[1], [2, 3]]],
    ids=["shape", "strings", "complex", "ragged"],
)
def test_set_weights_sets_all_or_none(last):
    model = mlp()
    before = model.get_weights()
    with pytest.raises((ShapeError, TypeError)):
        model.set_weights([*(w + 1 for w in before[:3]), last])
    assert same(model.get_weights(), before)


def test_a_layers_weights_are_the_models():
    model = mlp()
    model.layers[0].set_weights([np.ones((4, 5)), np.ones(5)])
    assert (model.get_weights()[0] == 1).all()
    model.layers[0].kernel.assign(np.zeros((4, 5)))
    assert (model.get_weights()[0] == 0).all()


def test_get_layer_by_name_and_index():
    model = mlp()
    assert model.get_layer("last") is model.layers[1]
    assert model.get_layer(index=0) is model.layers[0]
    assert model.get_layer(index=-1) is model.layers[1]
    with pytest.raises(ValueError, match="first, last"):
        model.get_layer("middle")
    with pytest.raises(ValueError, match="no layer 2"):
        model.get_layer(index=2)


def test_names_made_by_the_library_differ():
    names = [layer.name for layer in Sequential([Dense(1), Dense(1), MaxPooling2D()]).layers]
    assert len(set(names)) == 3
    assert names[2].startswith("max_pooling2d")
    assert Sequential().name != Sequential().name


def test_the_precision_is_that_of_the_model_or_the_input_or_floatx():
    assert mlp().dtype == "float32"
    assert mlp(dtype="float64").get_weights()[0].dtype == np.float64
    assert Sequential([Input((2,), dtype="float64"), Dense(1)]).dtype == "float64"
    fastnn.config.set_floatx("float64")
    try:
        assert mlp().predict(X).dtype == np.float64
    finally:
        fastnn.config.set_floatx("float32")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_predicts_in_its_precision(dtype):
    model = mlp(dtype=dtype)
    assert all(w.dtype == dtype for w in model.get_weights())
    assert model.predict(X.astype(np.float64)).dtype == dtype


def test_float64_is_more_precise_than_float32():
    fastnn.set_seed(0)
    narrow = mlp()
    wide = mlp(dtype="float64")
    wide.set_weights(narrow.get_weights())
    hidden = np.maximum(X.astype(float) @ wide.get_weights()[0], 0)
    z = hidden @ wide.get_weights()[2]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    assert np.abs(wide.predict(X) - p).max() < 1e-15
    assert 1e-15 < np.abs(narrow.predict(X) - p).max() < 1e-6


def test_config_makes_an_equal_model_with_weights_of_its_own():
    model = Sequential(
        [Input((6, 6, 2)), Conv2D(3, 3, padding="same", name="c"), Flatten(), Dense(2, "tanh")],
        name="m",
        dtype="float64",
    )
    other = Sequential.from_config(model.get_config())
    assert other.get_config() == model.get_config()
    other.set_weights(model.get_weights())
    x = np.linspace(0, 1, 72).reshape(1, 6, 6, 2)
    assert np.array_equal(other.predict(x), model.predict(x))


def test_config_of_an_unbuilt_model():
    model = Sequential([Dense(2)])
    assert not Sequential.from_config(model.get_config()).built


def test_a_copy_trains_apart():
    model = compiled(mlp())
    model.fit(X, Y, verbose=0)
    other = copy.deepcopy(model)
    before = model.get_weights()
    other.fit(X, Y, verbose=0)
    assert same(model.get_weights(), before)
    model.fit(X, Y, verbose=0)
    assert same(model.get_weights(), other.get_weights())


def test_calling_a_model_is_predict():
    model = mlp()
    assert np.array_equal(model(X), model.predict(X))
    assert np.array_equal(model.predict_on_batch(X), model.predict(X))


def test_metrics_names():
    assert compiled(mlp()).metrics_names == ["loss", "accuracy"]


def test_the_rows_of_a_batch_do_not_change_a_bit_of_predict():
    model = mlp()
    every = model.predict(X)
    for rows in (1, 2, 3, 7, 11, 12, 2**70):
        assert np.array_equal(model.predict(X, batch_size=rows), every)


IMAGES = [Conv2D(3, 2, activation="tanh"), Flatten(), Dropout(0.5), Dense(2, "sigmoid")]


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("source", ["float32", "float64", "uint8", "int16", "list", "strided"])
def test_one_sample_is_predicted_as_among_others(source, dtype, eager):
    model = Sequential([Input((3, 4, 1)), *copy.deepcopy(IMAGES)], dtype=dtype)
    model.compile("sgd", "binary_crossentropy", run_eagerly=eager)
    x = np.arange(60).reshape(5, 3, 4, 1) * 4
    among = model.predict(x)
    for row, want in zip(x, among, strict=True):
        if source == "strided":
            given = np.stack([row, row], -1).astype(dtype)[..., 0]
        else:
            given = row.tolist() if source == "list" else row.astype(source)
        out = np.full(2, np.nan, dtype)
        assert model.predict_one(given, out) is out
        assert out.tobytes() == model.predict_one(given).tobytes()
        assert np.allclose(out, want) if eager else out.tobytes() == want.tobytes()


class Double(Layer):
    """In NumPy: the memory that it sees is the program's own."""

    def forward(self, x):
        return 2 * x


AS_IT_LIES = {
    "products": [Conv2D(3, 2, activation="relu"), Flatten(), Dense(7, "softmax")],
    "no operation": [Flatten()],
    "one operation": [Activation("tanh")],
    "user code": [Double()],
}


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("layers", AS_IT_LIES)
def test_samples_are_read_where_they_lie_as_if_they_were_gathered(layers, eager):
    model = Sequential([Input((3, 4, 1)), *copy.deepcopy(AS_IT_LIES[layers])])
    model.compile("sgd", "mse", run_eagerly=eager)
    x = np.random.default_rng(0).normal(size=(11, 3, 4, 1)).astype(np.float32)
    odd = np.zeros(4 * x.size + 8, np.uint8)[4:-4].view(np.float32).reshape(x.shape)
    odd[...] = x
    kept = odd.copy()
    gathered = model.predict(x.astype(np.float64))
    for rows in (1, 4, 11):
        assert model.predict(odd, batch_size=rows).tobytes() == gathered.tobytes()
    assert kept.tobytes() == odd.tobytes()


@pytest.mark.parametrize("gain", [0, 1e9])  # any thread is woken, none is
def test_threads_that_share_one_sample_change_no_bit(gain, monkeypatch):
    monkeypatch.setattr("fastnn.compiler.bind._WORTH_SHARING", 0)
    monkeypatch.setattr("fastnn.compiler.bind._WORTH_WAKING", gain)
    layers = [Conv2D(20, 3, activation="relu"), MaxPooling2D(), Flatten(), Dense(90), Dense(3)]
    model = Sequential([Input((13, 12, 2)), *layers])
    x = np.random.default_rng(0).normal(size=(13, 12, 2)).astype(np.float32)
    seen = set()
    for threads in (1, 2, 5):
        fastnn.set_num_threads(threads)
        seen |= {model.predict_one(x).tobytes() for _ in range(200)}
    fastnn.set_num_threads(None)
    assert len(seen) == 1


def test_one_sample_may_be_written_over():
    model = Sequential([Input((5,)), Dense(5, "tanh")])
    x = np.linspace(-1, 1, 5, dtype=np.float32)
    want = model.predict_one(x)
    assert model.predict_one(x, x) is x
    assert x.tobytes() == want.tobytes()


def test_one_sample_builds():
    model = Sequential([Dense(5), Dense(3)])
    assert model.predict_one(X[0]).shape == (3,)
    assert model.input_shape == (None, 4)


WRONG_OUT = {
    "shape": (np.empty((1, 3), "float32"), ShapeError, "(1, 3), expected (3,)"),
    "dtype": (np.empty(3), DTypeError, "array of float32, got float64"),
    "strides": (np.empty((3, 2), "float32")[:, 0], DTypeError, "strides"),
    "kind": ([0.0] * 3, DTypeError, "got list"),
}


@pytest.mark.parametrize("wrong", WRONG_OUT)
def test_one_sample_is_refused_an_output_that_does_not_fit(wrong):
    out, error, words = WRONG_OUT[wrong]
    with pytest.raises(error, match="predict_one: out .*" + re.escape(words)):
        mlp().predict_one(X[0], out)


def test_one_sample_of_another_shape_is_refused():
    for x in (X[:1, :3], X[0, :3], 1.0):
        with pytest.raises(ShapeError, match=r"predict_one: x .*expected \(rows, 4\)"):
            mlp().predict_one(x)
    for rows in (X[:1], X[:3]):
        with pytest.raises(ShapeError, match=r"one sample \(4\), got .*; give x\[0\], or call"):
            mlp().predict_one(rows)
    with pytest.raises(DTypeError, match="predict_one: row 0 holds 1e"):
        mlp().predict_one(np.full(4, 1e300))


def test_predicting_one_sample_allocates_nothing():
    model, x, out = mlp(), X[0], np.empty(3, "float32")
    model.predict_one(x, out)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(100):
            model.predict_one(x, out)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held - before < 100  # bytes
    assert peak - before < 2000  # of Python's own objects: no array


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("source", ["float32", "float64", "uint8", "int16", "list", "strided"])
def test_one_row_is_predicted_as_among_others(source, eager):
    model = Sequential([Input((3, 4, 1)), *copy.deepcopy(IMAGES)])
    model.compile("sgd", "binary_crossentropy", run_eagerly=eager)
    x = np.arange(60).reshape(5, 3, 4, 1) * 4
    among = model.predict(x)
    for at in range(5):
        row = x[at : at + 1]
        if source == "strided":
            given = np.stack([row, row], -1).astype("float32")[..., 0]
        else:
            given = row.tolist() if source == "list" else row.astype(source)
        got, again = model.predict(given), model(given)
        assert got.shape == (1, 2)
        assert got.tobytes() == again.tobytes()
        assert not np.shares_memory(got, again)
        assert np.allclose(got, among[at]) if eager else got.tobytes() == among[at].tobytes()


def test_one_row_is_refused_as_several_are():
    model = mlp()
    model.predict(X[:1])
    for x in (X[:1, :3], X[:1, None], X[0, :1], np.float32(1)):
        with pytest.raises(ShapeError, match=r"^predict: x .*expected \(rows, 4\)"):
            model.predict(np.asarray(x))
    with pytest.raises(DTypeError, match=r"^predict: row 0 holds 1e"):
        model.predict(np.full((1, 4), 1e300))


def test_one_row_comes_in_the_nest_of_the_outputs():
    x = Input((4,))
    model = fastnn.Model(x, {"only": Dense(3)(x)})
    assert model.predict(X[:1])["only"].tobytes() == model.predict(X)["only"][:1].tobytes()


def test_a_prediction_that_comes_back_on_the_way_goes_on(monkeypatch):
    model = mlp()
    want = model.predict(X)
    monkeypatch.setattr("fastnn.training.SLICE_SECONDS", 1e-9)  # after as few steps as can be
    monkeypatch.setattr("fastnn.compiler.bind._BETWEEN_CLOCKS", 0)
    other = fastnn.models.clone_model(model)
    other.set_weights(model.get_weights())
    assert np.array_equal(other.predict(X, batch_size=1), want)


def test_predict_of_no_rows():
    assert mlp().predict(X[:0]).shape == (0, 3)


def test_explain_lists_the_program():
    lines = []
    model = compiled(mlp())
    model.explain(print_fn=lines.append)
    assert "train, 32 rows, float32" in lines[0]
    for operation in ("dense_fwd", "softmax_ce_sparse", "dense_bwd_w", "adam"):
        assert operation in lines[0]
    assert "dense_bwd_x" in lines[0]
    assert "activation_fwd" not in lines[0]  # they are in the products' epilogues


def test_explain_profiles(capsys):
    model = compiled(mlp())
    before = model.get_weights()
    model.explain(profile=True, batch_size=4)
    assert "GFLOP/s" in capsys.readouterr().out
    assert same(model.get_weights(), before)


def test_a_rate_needs_a_time():
    assert explain._rates(0.0, 1000, 1000) == ["0.00", "-", "-"]
    assert explain._rates(1e-6, 1000, 2000) == ["1.00", "1.00", "2.00"]


def test_explain_of_an_uncompiled_model_is_that_of_predict(capsys):
    mlp().explain()
    out = capsys.readouterr().out
    assert "predict, 32 rows" in out
    assert "source(rows, 4)" in out
    assert "gather" not in out


def test_few_images_and_masks_in_lists_are_data_to_validate_with():
    """Three of each are no list of batches."""
    model = Sequential([Input((4, 4)), Dense(4)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).random((3, 4, 4))
    history = model.fit(x, x, validation_data=(list(x), list(x)), verbose=0).history
    assert len(history["val_loss"]) == 1
