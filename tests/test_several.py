"""Several inputs and outputs: by position and by name, through everything that a model does."""

import copy

import numpy as np
import pandas as pd
import pytest

import fastnn
from fastnn import Input, Model, cross_validate
from fastnn.errors import LabelError, ShapeError
from fastnn.layers import Add, Concatenate, Dense, Normalization
from fastnn.models import clone_model

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(13, 3)), RNG.normal(size=(13, 4))
NUMBERS, CLASSES = RNG.normal(size=(13, 2)), np.arange(13) % 3


def twins(nested=list, dtype="float64"):
    """Two inputs, two outputs: numbers, and one of three classes."""
    fastnn.set_seed(2)
    a, b = Input((3,), name="a", dtype=dtype), Input((4,), name="b", dtype=dtype)
    h = Dense(5, "tanh", name="hidden")(Concatenate()([a, b]))
    y, z = Dense(2, name="numbers")(h), Dense(3, "softmax", name="classes")(h)
    if nested is dict:
        return Model({"left": a, "right": b}, {"n": y, "c": z})
    return Model(nested([a, b]), nested([y, z]))


def compiled(model):
    model.compile(
        "adam", ["mse", "sparse_categorical_crossentropy"], metrics=[["mse"], ["accuracy"]]
    )
    return model


def by_hand(model, a, b):
    weights = [model.get_layer(n).get_weights() for n in ("hidden", "numbers", "classes")]
    (k, c), (m, d), (o, e) = weights
    h = np.tanh(np.concatenate([a, b], 1) @ k + c)
    z = np.exp(h @ o + e)
    return h @ m + d, z / z.sum(1, keepdims=True)


@pytest.mark.parametrize("kind", ["list", "tuple", "dict"])
def test_predict_takes_and_gives_what_the_model_was_made_with(kind):
    model = twins({"list": list, "tuple": tuple, "dict": dict}[kind])
    want = by_hand(model, A, B)
    if kind == "dict":
        found = model.predict({"right": B, "left": A})
        assert list(found) == ["n", "c"]
        found = [found["n"], found["c"]]
        assert np.array_equal(found[0], model.predict({"a": A, "b": B})["n"])
    else:
        found = model.predict([A, B])
        assert type(found) is (list if kind == "list" else tuple)
        assert np.array_equal(found[0], model.predict({"b": B, "a": A})[0])
    assert all(map(np.allclose, found, want))


def test_names_and_shapes():
    model = twins()
    assert model.input_names == ["a", "b"]
    assert model.output_names == ["numbers", "classes"]
    assert model.input_shape == [(None, 3), (None, 4)]
    assert model.output_shape == [(None, 2), (None, 3)]
    assert [symbol.shape for symbol in model.inputs] == model.input_shape
    assert [symbol.shape for symbol in model.outputs] == model.output_shape
    named = twins(dict)
    assert named.output_names == ["c", "n"]
    assert named.output_shape == {"n": (None, 2), "c": (None, 3)}


def test_the_rows_of_a_batch_change_no_bit():
    model = twins(dtype="float32")
    every = model.predict([A, B])
    single = [A.astype("float32"), B.astype("float32")]
    for x, rows in (([A, B], 1), ([A, B], 4), (single, 5), ([single[0], B], 3)):
        for ours, want in zip(model.predict(x, batch_size=rows), every, strict=True):
            assert ours.tobytes() == want.tobytes()


def test_one_sample():
    for model in (twins(), twins(dict)):
        x = [A[0], B[0]] if isinstance(model.predict([A, B]), list) else {"a": A[0], "b": B[0]}
        want = model.predict([A, B])
        found = model.predict_one(x)
        assert type(found) is type(want)
        keys = want if isinstance(want, dict) else range(2)
        for key in keys:
            assert found[key].tobytes() == want[key][0].tobytes()
        assert model.predict_one(x, found) is found


def test_losses_are_summed_and_shown_apart():
    model = compiled(twins())
    y, p = by_hand(model, A, B)
    means = model.evaluate([A, B], [NUMBERS, CLASSES], verbose=0, return_dict=True)
    mse = ((y - NUMBERS) ** 2).mean()
    ce = -np.log(p[np.arange(13), CLASSES]).mean()
    expected = {
        "loss": mse + ce,
        "numbers_loss": mse,
        "classes_loss": ce,
        "numbers_mse": mse,
        "classes_accuracy": (p.argmax(1) == CLASSES).mean(),
    }
    assert list(means) == list(expected) == model.metrics_names
    assert np.allclose(list(means.values()), list(expected.values()))
    assert model.test_on_batch([A, B], [NUMBERS, CLASSES]) == list(means.values())


def test_gradients():
    model = compiled(twins())
    check = fastnn.gradcheck(model, [A, B], [NUMBERS, CLASSES])
    assert check.ok, str(check)
    assert check.checked == model.count_params()


def test_training_is_that_of_the_interpreter_whatever_the_form():
    forms = [
        ([A, B], [NUMBERS, CLASSES]),
        ((A, B), (NUMBERS, CLASSES)),
        ({"b": B, "a": A}, {"classes": CLASSES, "numbers": NUMBERS}),
    ]
    results = []
    for eager, (x, y) in [(True, forms[0]), *((False, form) for form in forms)]:
        model = twins()
        losses = {"classes": "sparse_categorical_crossentropy", "numbers": "mse"}
        model.compile("adam", losses, metrics={"classes": ["accuracy"]}, run_eagerly=eager)
        history = model.fit(x, y, 4, 3, validation_data=(x, y), verbose=0).history
        assert history["loss"][-1] < history["loss"][0]
        assert set(history) >= {"numbers_loss", "val_classes_accuracy"}
        results.append(model.get_weights())
    assert all(map(np.allclose, results[0], results[1]))
    for other in results[2:]:
        assert all(map(np.array_equal, results[1], other))


def test_an_output_without_a_loss_needs_no_targets():
    model = twins()
    model.compile("sgd", {"numbers": "mse"})
    before = model.get_layer("classes").get_weights()
    model.fit([A, B], {"numbers": NUMBERS}, verbose=0)
    assert model.metrics_names == ["loss", "numbers_loss"]
    assert all(map(np.array_equal, before, model.get_layer("classes").get_weights()))


def test_probabilities_are_those_of_the_outputs_whose_loss_knows_them():
    model = twins()
    model.compile(loss=["mse", "sparse_categorical_crossentropy"])
    numbers, classes = model.predict_proba([A, B])
    assert np.allclose(classes.sum(1), 1)
    assert np.array_equal(numbers, model.predict([A, B])[0])


def test_files_and_copies(tmp_path):
    for nested in (list, dict):
        model = twins(nested)
        losses = dict(zip(model.output_names, ("mse", "mse"), strict=True))
        model.compile("adam", losses, metrics={model.output_names[0]: ["mse"]})
        y = [RNG.normal(size=(13, s[-1])) for s in model.output_shapes]
        model.fit([A, B], y, verbose=0)
        model.save(tmp_path / "model")
        for other in (fastnn.models.load_model(tmp_path / "model"), copy.deepcopy(model)):
            assert other.get_config() == model.get_config()
            assert other.metrics_names == model.metrics_names
            assert other.output_shape == model.output_shape
            assert other.evaluate([A, B], y, verbose=0) == model.evaluate([A, B], y, verbose=0)


def test_a_list_of_one_array_is_that_array():
    x = Input((3,))
    model = Model([x], [Dense(2)(x)])
    assert np.array_equal(model.predict([A])[0], model.predict(A)[0])
    assert model.predict([A[0], A[1]])[0].shape == (2, 2)
    model.compile(loss="mse")
    assert model.evaluate([A], [NUMBERS], verbose=0) == model.evaluate(A, NUMBERS, verbose=0)


def refused(call, error, *words):
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert len(message) < 400
    for word in words:
        assert word in message, message


def test_weights_of_samples_come_by_position_by_name_or_for_all():
    model, w = compiled(twins()), RNG.uniform(0, 1, 13)
    score = lambda weights: model.evaluate(  # noqa: E731
        [A, B], [NUMBERS, CLASSES], verbose=0, sample_weight=weights
    )
    assert score([w, None]) == score({"numbers": w, "classes": None})
    assert score([w, w]) == score(w) == score({"numbers": w, "classes": w})
    assert score(w) != score([w, None]) != score(None)
    refused(lambda: score({"number": w}), ValueError, "sample_weight names", "'number'", "classes")


def test_loss_weights_are_numbers():
    x = Input((3,), dtype="float64")
    model = Model(x, Dense(2)(x))
    model.compile("sgd", "mse", loss_weights=2)
    twice = model.evaluate(A, NUMBERS, verbose=0)
    model.compile("sgd", "mse")
    assert np.isclose(twice, 2 * model.evaluate(A, NUMBERS, verbose=0))
    refused(
        lambda: compiled(twins()).compile(
            loss=["mse", "mse"], loss_weights={"numbers": {}, "classes": 1.0}
        ),
        TypeError, "loss_weights must be numbers",
    )  # fmt: skip


def test_the_only_input_has_a_name_too():
    x = Input((3,), name="rows", dtype="float64")
    model = Model(x, Dense(2)(x))
    assert np.array_equal(model.predict({"rows": A}), model.predict(A))
    refused(lambda: model.predict({"row": A}), ValueError, "x has the names row;", "takes rows")
    assert x.name == "rows"
    assert model.output.name == model.layers[-1].name


@pytest.mark.parametrize("nest", [list, dict])
def test_samples_may_have_other_columns_besides(nest):
    a, b = Input((3,), name="a", dtype="float64"), Input((4,), name="b", dtype="float64")
    inputs = [b, a] if nest is list else {"one": a, "two": b}
    model = Model(inputs, Dense(1)(Concatenate()([Normalization(name="scaling")(a), b])))
    model.compile("sgd", "mse")
    names = ["a", "b"] if nest is list else ["one", "two"]
    x = {"0": B, "1": B, names[0]: A, names[1]: B, "z": B}
    told = model.predict([B, A] if nest is list else dict(zip(names, [A, B], strict=True)))
    assert np.array_equal(model.predict(x), told)
    model.get_layer("scaling").adapt(A)
    model.fit(x, A[:, 0], verbose=0, validation_data=(x, A[:, 0]))
    many = {f"column {i}": A for i in range(99)}
    refused(lambda: model.predict(many), ValueError, "the names column 0", "model takes ")

    def make():
        twin = clone_model(model)
        twin.compile("sgd", "mse")
        return twin

    found = cross_validate(make, x, A[:, 0], 3)
    mean = A[found.folds[0][0]].mean(0)
    assert np.allclose(found.models[0].get_layer("scaling").mean.value, mean)


def test_the_summary_of_two_inputs_says_what_is_connected(capsys):
    twins().summary()
    assert "Connected to" in capsys.readouterr().out


def test_mistakes():
    model = compiled(twins())
    before = model.get_weights()
    fit, y = model.fit, [NUMBERS, CLASSES]
    refused(lambda: model.predict(A), ValueError, "list of 2 arrays", "a, b", "one array")
    refused(lambda: model.predict([A]), ValueError, "list of 2 arrays", "got 1")
    refused(lambda: model.predict({"a": A}), ValueError, "names a;", "takes a, b")
    refused(lambda: model.predict({"a": A, "c": B}), ValueError, "names a, c;")
    refused(lambda: model.predict([B, A]), ShapeError, "x['a']", "(rows, 3)")
    refused(lambda: model.predict([A, B[:2]]), ShapeError, "x['a'] has 13", "x['b'] has 2")
    refused(lambda: fit([A, B], NUMBERS), ValueError, "y must be a list of 2", "numbers, classes")
    refused(lambda: fit([A, B], {"numbers": NUMBERS}), ValueError, "gives numbers, classes")
    refused(lambda: fit([A, B], [CLASSES, NUMBERS]), ShapeError, "y['numbers']")
    refused(lambda: fit([A, B], [NUMBERS, CLASSES[:5]]), ShapeError, "y['classes'] has 5")
    wrong = np.where(np.arange(13) == 7, 9, CLASSES)
    refused(lambda: fit([A, B], [NUMBERS, wrong]), LabelError, "label 9 of row", "y1")
    refused(lambda: model.compile(loss=["mse"]), ValueError, "1 entries", "2 outputs")
    refused(lambda: model.compile(loss={"other": "mse"}), ValueError, "'other'", "numbers")
    refused(lambda: model.compile(loss=[None, None]), ValueError, "no output has a loss")
    refused(
        lambda: model.compile(loss={"numbers": "mse"}, metrics={"classes": ["accuracy"]}),
        ValueError, "'classes' has metrics but no loss",
    )  # fmt: skip
    assert y[0] is NUMBERS
    assert model.metrics_names[-1] == "classes_accuracy"  # it is compiled as it was
    assert int(model.runtime.buffers["step"][0]) == 0
    assert all(map(np.array_equal, before, model.get_weights()))


def test_columns_of_a_frame_are_inputs_of_one_number():
    ends = [Input((1,), name="a"), Input((1,), name="b")]
    model = Model(ends, Add()(ends))
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 5.0]})
    assert model.predict(dict(frame)).tolist() == [[4.0], [7.0]]
    arrays = {name: frame[name].to_numpy() for name in frame}
    assert model.predict(arrays).tolist() == [[4.0], [7.0]]
