"""What people do wrong: each mistake raises its class of error, in a short message with the words
that help, and leaves the model as it was, to the last bit."""

import hashlib
import re

import beginners
import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, layers, losses, metrics, optimizers
from fastnn.errors import (
    DTypeError,
    LabelError,
    ModelFileError,
    NotBuiltError,
    NotCompiledError,
    ShapeError,
)
from fastnn.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D, Reshape
from fastnn.models import load_model

X = np.random.default_rng(1).normal(size=(10, 4))
Y = np.arange(10) % 3


def classifier():
    model = Sequential(
        [Input((4,)), Dense(5, "relu", name="a"), Dense(3, "softmax", name="b")], name="m"
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(X, Y, verbose=0)
    return model


def fit(x=X, y=Y, **options):
    return lambda m: m.fit(x, y, **{"verbose": 0, **options})


def compiled(last, loss, metrics=(), units=3):
    def mistake(m):
        Sequential([Input((4,)), Dense(units, last, name="b")]).compile("sgd", loss, list(metrics))

    return mistake


def other(*layers, data=X, targets=None, loss="mse"):
    def mistake(m):
        made = Sequential(list(layers))
        made.compile("sgd", loss)
        made.fit(data, X[:, :3] if targets is None else targets, verbose=0)

    return mistake


def changed(array, value, at=0):
    copy = np.array(array)
    copy[at] = value
    return copy


SPARSE = "sparse_categorical_crossentropy"
WEIGHTS = [np.zeros((4, 5)), np.zeros(5), np.zeros((5, 3)), np.zeros(3)]

#: (what, the call, the class of the error, words of its message)
MISTAKES = [
    # samples
    ("objects", fit(X.astype(object)), DTypeError, "x real numbers object float32"),
    ("complex", fit(X + 1j), DTypeError, "x real numbers complex"),
    ("strings", fit([["a"] * 4] * 10), DTypeError, "x real numbers <U1"),
    ("dates", fit(np.zeros((10, 4), "M8[s]")), DTypeError, "x real numbers datetime"),
    ("nothing", fit(None), DTypeError, "x real numbers None"),
    ("ragged rows", fit([[1, 2, 3, 4], [1]]), ShapeError, "x lengths pad"),
    ("no rows", fit(X[:0], Y[:0]), ShapeError, "no samples (0, 4)"),
    (
        "one sample",
        lambda m: m.predict(X[0]),
        ShapeError,
        "(4,) (rows, 4) numpy.reshape(x, (-1, 4))",
    ),
    ("a number", lambda m: m.predict(3.0), ShapeError, "() (rows, 4)"),
    ("features missing", fit(X[:, :3]), ShapeError, "(10, 3) (rows, 4) 'm'"),
    ("an axis too many", fit(X[:, :, None]), ShapeError, "(10, 4, 1) reshape"),
    ("evaluate no rows", lambda m: m.evaluate(X[:0], Y[:0]), ShapeError, "evaluate no samples"),
    ("beyond float32", fit(changed(X, 1e200, 7)), DTypeError, "row 7 1e+200 float32 float64"),
    ("beyond float32 in longdouble", fit(changed(X.astype("g"), 1e200)), DTypeError, "1e+200"),
    ("predict beyond float32", lambda m: m.predict(1e200 * X), DTypeError, "predict float32 scale"),
    # targets
    ("no targets", fit(y=None), ValueError, "y missing"),
    ("fewer targets", fit(y=Y[:3]), ShapeError, "10 samples 3"),
    ("label too large", fit(y=changed(Y, 3, 4)), LabelError, "label 3 row 4 0 to 2 3 outputs"),
    ("label negative", fit(y=changed(Y, -1, 4)), LabelError, "label -1 row 4 0 to 2"),
    ("label fraction", fit(y=changed(Y * 1.0, 0.5, 4)), LabelError, "0.5 row 4 whole number"),
    ("label nan", fit(y=changed(Y * 1.0, np.nan, 4)), LabelError, "nan row 4 whole number"),
    ("label huge", fit(y=changed(Y.astype("u8"), 2**64 - 1)), LabelError, "row 0 not a class"),
    ("label in the last batch", fit(y=changed(Y, 9, 9)), LabelError, "label 9 row 9"),
    ("labels are words", fit(y=["cat"] * 10), DTypeError, "y real numbers class_ids"),
    ("one-hot labels", fit(y=np.eye(3)[Y]), ShapeError, "labels one-hot categorical_crossentropy"),
    ("evaluate label", lambda m: m.evaluate(X, Y + 1, verbose=0), LabelError, "evaluate label 3"),
    ("train_on_batch label", lambda m: m.train_on_batch(X, Y + 1), LabelError, "label 3 row 2"),
    (
        "labels for one-hot",
        other(Input((4,)), Dense(3, "softmax"), targets=Y, loss="categorical_crossentropy"),
        ShapeError,
        "(10,) (rows, 3) sparse_categorical_crossentropy",
    ),
    (
        "targets never broadcast",
        other(Input((4,)), Dense(3), targets=X[:, :1]),
        ShapeError,
        "(10, 1) (rows, 3) mean_squared_error",
    ),
    # options of fit
    ("epochs negative", fit(epochs=-1), ValueError, "epochs -1"),
    ("epochs fraction", fit(epochs=1.5), TypeError, "epochs integer float"),
    ("initial_epoch negative", fit(initial_epoch=-2), ValueError, "initial_epoch -2"),
    ("batch_size 0", fit(batch_size=0), ValueError, "batch_size positive 0"),
    ("batch_size text", fit(batch_size="32"), TypeError, "batch_size integer str"),
    ("batch_size float", lambda m: m.predict(X, batch_size=2.0), TypeError, "batch_size float"),
    ("validation_split 1", fit(validation_split=1.0), ValueError, "validation_split [0, 1) 1.0"),
    ("validation_split nan", fit(validation_split=np.nan), ValueError, "validation_split nan"),
    ("validation_split text", fit(validation_split="a"), ValueError, "validation_split 'a'"),
    (
        "validation_split of one sample",
        fit(X[:1], Y[:1], validation_split=0.5),
        ValueError,
        "validation_split 1 samples at least 1",
    ),
    (
        "more thresholds than numbers",
        lambda m: metrics.AUC(num_thresholds=10**30),
        ValueError,
        "num_thresholds at most 1048576 1e+30",
    ),
    (
        "a label of validation_data",
        fit(epochs=3, validation_data=(X, Y + 1)),
        LabelError,
        "validation_data label 3 row 2 0 to 2",
    ),
    ("validation_data alone", fit(validation_data=X), ValueError, "validation_data (x, y)"),
    ("validation_data of four", fit(validation_data=(X, Y, Y, Y)), ValueError, "validation_data"),
    (
        "validation weights",
        fit(validation_data=(X, Y, Y[:3])),
        ShapeError,
        "validation_data sample_weight (3,) 10 rows",
    ),
    # weights
    ("fewer weights", fit(sample_weight=np.ones(3)), ShapeError, "sample_weight (3,) 10 rows"),
    ("weights of words", fit(sample_weight=["a"] * 10), DTypeError, "sample_weight real numbers"),
    ("weights of places", fit(sample_weight=np.ones((10, 2))), ShapeError, "(10, 2) (rows)"),
    ("a weight is nan", fit(sample_weight=np.full(10, np.nan)), ValueError, "not finite"),
    ("weights of another output", fit(sample_weight={"c": X[:, 0]}), ValueError, "'c' there are b"),
    ("class_weight as list", fit(class_weight=[1, 2, 3]), ValueError, "class_weight dict"),
    ("class_weight of no class", fit(class_weight={3: 1.0}), ValueError, "class '3' 0 to 2"),
    (
        "both weights",
        fit(class_weight={0: 2.0}, sample_weight=np.ones(10)),
        ValueError,
        "class_weight sample_weight product",
    ),
    (
        "validation_data of another width",
        fit(validation_data=(X[:, :2], Y)),
        ShapeError,
        "validation_data (10, 2) (rows, 4)",
    ),
    ("validation_freq 0", fit(validation_freq=0), ValueError, "validation_freq positive"),
    # batches
    ("a batch of another width", fit(iter([(X[:, :2], Y)]), None), ShapeError, "(10, 2) (rows, 4)"),
    ("a label in a batch", fit(iter([(X, Y + 1)]), None), LabelError, "label 3 0 to 2"),
    ("batches and y", fit(iter([(X, Y)])), ValueError, "x gives batches y must not be given"),
    ("no batch", fit(iter([]), None), ValueError, "no batch"),
    ("steps_per_epoch 0", fit(steps_per_epoch=0), ValueError, "steps_per_epoch positive 0"),
    (
        "batches split",
        fit(iter([(X, Y)]), None, validation_split=0.5),
        ValueError,
        "validation_split arrays validation_data",
    ),
    ("verbose unknown", fit(verbose="loud"), ValueError, "verbose auto loud"),
    ("verbose 7", lambda m: m.evaluate(X, Y, verbose=7), ValueError, "evaluate verbose 7"),
    (
        "processes by name",
        fit(distribute="mpi"),
        TypeError,
        "distribute fastnn.distributed.MPI() str",
    ),
    (
        "less than a sample for each chunk",
        lambda m: m.fit(X, Y, 4, distribute=fastnn.distributed.MPI(chunks=8)),
        ValueError,
        "batch of 4 samples 8 chunks batch_size",
    ),
    (
        "folds on a cluster that is unknown",
        lambda m: fastnn.cross_validate(classifier, X, Y, k=2, backend="slurm"),
        TypeError,
        "backend 'joblib' 'dask' 'ray' Executor 'slurm'",
    ),
    ("a callback that is none", fit(callbacks=[3]), TypeError, "callback Callback int"),
    (
        "a callback's class",
        fit(callbacks=[fastnn.callbacks.History]),
        TypeError,
        "Callback History ()",
    ),
    # compile
    ("no loss", lambda m: m.compile("adam"), ValueError, "loss missing for example"),
    (
        "unknown loss",
        lambda m: m.compile("adam", "sparse_crossentropy"),
        ValueError,
        "mean 'sparse",
    ),
    ("unknown optimizer", lambda m: m.compile("adm", "mse"), ValueError, "did you mean 'Adam'"),
    (
        "unknown metric",
        lambda m: m.compile("adam", SPARSE, ["acuracy"]),
        ValueError,
        "metric did you mean 'Accuracy'",
    ),
    ("unknown name", lambda m: m.compile("xyzzy", "mse"), ValueError, "'xyzzy'. Known: Adam"),
    ("a number as optimizer", lambda m: m.compile(3, "mse"), TypeError, "optimizer name int"),
    ("a function as loss", lambda m: m.compile("sgd", max), TypeError, "loss name builtin"),
    ("metrics as text", lambda m: m.compile("sgd", SPARSE, "accuracy"), TypeError, "['accuracy']"),
    ("metrics as number", lambda m: m.compile("sgd", SPARSE, metrics=3), TypeError, "[3]"),
    (
        "a metric twice",
        lambda m: m.compile("sgd", SPARSE, ["accuracy"] * 2),
        ValueError,
        "'accuracy' twice",
    ),
    ("softmax missing", compiled(None, SPARSE), ValueError, "softmax 'b' linear from_logits=True"),
    ("relu for softmax", compiled("relu", SPARSE), ValueError, "softmax 'b' relu"),
    ("sigmoid for softmax", compiled("sigmoid", SPARSE), ValueError, "softmax 'b' sigmoid"),
    ("softmax for sigmoid", compiled("softmax", "bce"), ValueError, "sigmoid 'b' softmax"),
    ("sigmoid missing", compiled(None, "bce"), ValueError, "sigmoid 'b' linear from_logits=True"),
    (
        "softmax and logits",
        compiled("softmax", losses.SparseCategoricalCrossentropy(from_logits=True)),
        ValueError,
        "logits 'b' softmax drop",
    ),
    (
        "sigmoid and logits",
        compiled("sigmoid", losses.BinaryCrossentropy(from_logits=True)),
        ValueError,
        "logits 'b' sigmoid drop",
    ),
    ("one class", compiled("softmax", SPARSE, units=1), ShapeError, "binary_crossentropy sigmoid"),
    (
        "labels' metric without labels",
        compiled(None, "mse", ["sparse_categorical_accuracy"]),
        ValueError,
        "sparse_categorical_accuracy integer labels ['accuracy']",
    ),
    (
        "image as prediction",
        other(
            Input((4, 4, 1)),
            Conv2D(3, 3, activation="softmax"),
            data=np.ones((10, 4, 4, 1)),
            targets=Y,
            loss=SPARSE,
        ),
        ShapeError,
        "(10,) labels (rows, 2, 2) Flatten",
    ),
    # head, loss and target that do not go together
    (
        "softmax of one unit",
        compiled("softmax", "mse", units=1),
        ShapeError,
        "softmax one 'b' sigmoid",
    ),
    ("tanh with bce", compiled("tanh", "bce"), ValueError, "sigmoid 'b' tanh use"),
    ("relu with bce", compiled("relu", "bce"), ValueError, "sigmoid 'b' relu use"),
    (
        "sigmoid with one-hot",
        compiled("sigmoid", "categorical_crossentropy"),
        ValueError,
        "softmax",
    ),
    ("sigmoid with focal", compiled("softmax", "binary_focal_crossentropy"), ValueError, "sigmoid"),
    ("linear with poisson", compiled(None, "poisson"), ValueError, "poisson 'b' linear softplus"),
    ("linear with kl", compiled(None, "kl_divergence"), ValueError, "'b' linear softmax"),
    ("sigmoid with hinge", compiled("sigmoid", "hinge"), ValueError, "hinge signs 'b' tanh"),
    (
        "accuracy of numbers",
        compiled(None, "mse", ["accuracy"]),
        ValueError,
        "accuracy mae softmax",
    ),
    ("accuracy of counts", compiled("relu", "mae", ["acc"]), ValueError, "'acc' relu mae"),
    (
        "no reduction",
        compiled(None, losses.MeanSquaredError(reduction=None)),
        ValueError,
        "reduction minimised",
    ),
    (
        "targets below a relu",
        other(Input((4,)), Dense(4, "relu"), targets=X),
        ValueError,
        "y holds relu 0 or more leave",
    ),
    (
        "targets beyond a sigmoid's",
        other(Input((4,)), Dense(4, "sigmoid"), targets=X * 9, loss="bce"),
        ValueError,
        "y holds binary_crossentropy 0 to 1 scale",
    ),
    (
        "labels of -1 for bce",
        other(Input((4,)), Dense(1, "sigmoid"), targets=np.sign(X[:, 0]), loss="bce"),
        ValueError,
        "-1 binary_crossentropy 0 to 1",
    ),
    (
        "labels of 2 for hinge",
        other(Input((4,)), Dense(1, "tanh"), targets=Y, loss="hinge"),
        ValueError,
        "hinge -1 to 1 labels",
    ),
    (
        "labels as one-hot rows",
        other(Input((4,)), Dense(4, "softmax"), targets=X, loss="categorical_crossentropy"),
        ValueError,
        "y holds 0 to 1 one-hot",
    ),
    ("unknown reduction", lambda m: losses.Huber(reduction="max"), ValueError, "reduction 'max'"),
    ("delta 0", lambda m: losses.Huber(0), ValueError, "Huber delta positive 0"),
    ("smoothing 2", lambda m: losses.BinaryCrossentropy(label_smoothing=2), ValueError, "[0, 1] 2"),
    ("axis 1", compiled("softmax", losses.CategoricalCrossentropy(axis=0)), ValueError, "axis=0"),
    ("k 0", lambda m: fastnn.metrics.TopKCategoricalAccuracy(0), ValueError, "k 1 more 0"),
    ("thresholds 2", lambda m: fastnn.metrics.Precision(2.0), ValueError, "thresholds [0, 1] 2"),
    ("curve unknown", lambda m: fastnn.metrics.AUC(curve="X"), ValueError, "curve 'ROC' 'PR' 'X'"),
    ("average unknown", lambda m: fastnn.metrics.F1Score("all"), ValueError, "average macro 'all'"),
    ("a loss as metric", compiled(None, "mse", [losses.Huber()]), TypeError, "huber_loss loss"),
    # too early
    ("fit before compile", lambda m: Sequential([Dense(3)]).fit(X, Y), NotCompiledError, "compile"),
    (
        "evaluate before compile",
        lambda m: Sequential([Dense(3)]).evaluate(X, Y),
        NotCompiledError,
        "evaluate compile",
    ),
    (
        "output_shape before build",
        lambda m: Sequential([Dense(3)]).output_shape,
        NotBuiltError,
        "Input build fit",
    ),
    (
        "set_weights before build",
        lambda m: Sequential([Dense(3)]).set_weights([]),
        NotBuiltError,
        "Input",
    ),
    # layers
    ("a class, not a layer", lambda m: m.add(Dense), TypeError, "Dense Dense(10)"),
    ("a number, not a layer", lambda m: Sequential(3), TypeError, "expected a layer int"),
    (
        "a list and more",
        lambda m: Sequential([Dense(1)], Dense(2)),
        TypeError,
        "one list one by one",
    ),
    ("two of a name", lambda m: m.add(Dense(1, name="a")), ValueError, "two layers 'a'"),
    ("a layer twice", lambda m: m.add(m.layers[0]), ValueError, "two layers 'a' once"),
    ("a second Input", lambda m: m.add(Input((3,))), ValueError, "Input first"),
    ("pop of nothing", lambda m: Sequential().pop(), ValueError, "no layer"),
    ("layer unknown", lambda m: m.get_layer("c"), ValueError, "'c' a, b"),
    ("Dense without features", lambda m: Sequential([Dense(1)]).predict([1.0]), ShapeError, "axis"),
    ("convolution of no image", lambda m: m.add(Conv2D(1, 3)), ShapeError, "images channels"),
    (
        "image smaller than the window",
        lambda m: Sequential([Input((4, 4, 1)), Conv2D(1, 5)]),
        ShapeError,
        "4x4 5x5 floor((4 - 5 + 2*0)/1) + 1 = 0 padding",
    ),
    (
        "sequence shorter than the window",
        lambda m: Sequential([Input((4, 1)), layers.Conv1D(1, 3, dilation_rate=2)]),
        ShapeError,
        "4 steps 5 window floor((4 - 5 + 2*0)/1) + 1 = 0 dilation_rate",
    ),
    (
        "groups that do not part the filters",
        lambda m: Conv2D(4, 3, groups=3),
        ValueError,
        "filters groups 4 / 3 is not whole",
    ),
    (
        "groups that do not part the channels",
        lambda m: Sequential([Input((8, 8, 4)), Conv2D(3, 3, groups=3)]),
        ShapeError,
        "groups 4 channels 3 groups",
    ),
    (
        "strides and dilation",
        lambda m: Conv2D(4, 3, strides=2, dilation_rate=2),
        ValueError,
        "strides=(2, 2) dilation_rate=(2, 2) use one",
    ),
    ("padding below 0", lambda m: Conv2D(4, 3, padding=-1), ValueError, 'padding "same" count -1'),
    ("padding of images causal", lambda m: Conv2D(4, 3, padding="causal"), ValueError, "valid"),
    (
        "padding of a transposed convolution",
        lambda m: layers.Conv2DTranspose(4, 3, padding=1),
        ValueError,
        "padding output_padding",
    ),
    (
        "output_padding too large",
        lambda m: layers.Conv1DTranspose(4, 3, strides=2, output_padding=2),
        ValueError,
        "output_padding less than strides (2,)",
    ),
    (
        "a pool of padding alone",
        lambda m: MaxPooling2D(2, padding=2),
        ValueError,
        "padding less than pool_size",
    ),
    (
        "channels first",
        lambda m: Conv2D(4, 3, data_format="channels_first"),
        ValueError,
        "data_format channels_last moveaxis",
    ),
    (
        "crop of all steps",
        lambda m: Sequential([Input((4, 1)), layers.Cropping1D(2)]),
        ShapeError,
        "nothing is left of 4 steps",
    ),
    (
        "interpolation unknown",
        lambda m: layers.UpSampling2D(interpolation="bicubic"),
        ValueError,
        "nearest, bilinear 'bicubic'",
    ),
    (
        "grey image without channel",
        lambda m: Sequential([Input((8, 8)), MaxPooling2D()]),
        ShapeError,
        "x[..., None]",
    ),
    (
        "reshape does not fill",
        lambda m: Sequential([Input((4,)), Reshape((3, -1))]),
        ShapeError,
        "4 numbers (3, -1)",
    ),
    ("build for another width", lambda m: m.build((None, 7)), ShapeError, "axis 'i' 7 4"),
    ("build without None", lambda m: m.build((32, 4)), ShapeError, "(None, ...) (32, 4)"),
    ("build for nothing", lambda m: m.build(None), ShapeError, "(None, ...)"),
    ("build for text", lambda m: m.build((None, "a")), ShapeError, "(None, ...) 'a'"),
    # options of layers
    ("units 0", lambda m: Dense(0), ValueError, "units positive integer 0"),
    ("units fraction", lambda m: Dense(3.5), TypeError, "units positive integer float"),
    ("units text", lambda m: Dense("3"), TypeError, "units positive integer str"),
    ("activation unknown", lambda m: Dense(3, "rellu"), ValueError, "did you mean 'relu'"),
    ("activation number", lambda m: Dense(3, 3), TypeError, "activation name int"),
    (
        "initializer unknown",
        lambda m: Dense(3, kernel_initializer="he_uniforn"),
        ValueError,
        "did you mean 'he_uniform'",
    ),
    ("dropout of all", lambda m: Dropout(1.0), ValueError, "rate [0, 1) 1.0"),
    ("dropout text", lambda m: Dropout("a"), TypeError, "rate number str"),
    ("kernel_size 0", lambda m: Conv2D(1, 0), ValueError, "kernel_size positive 0"),
    (
        "kernel_size of three",
        lambda m: Conv2D(1, (1, 2, 3)),
        ValueError,
        "kernel_size height width",
    ),
    ("kernel_size fraction", lambda m: Conv2D(1, 2.5), ValueError, "kernel_size 2.5"),
    ("strides 0", lambda m: Conv2D(1, 3, strides=0), ValueError, "strides positive 0"),
    ("padding unknown", lambda m: Conv2D(1, 3, padding="full"), ValueError, "valid same full"),
    ("pool_size negative", lambda m: MaxPooling2D(-1), ValueError, "pool_size positive -1"),
    (
        "input with rows",
        lambda m: Input((None, 4)),
        ShapeError,
        "positive without the batch None pad_sequences",
    ),
    ("input of nothing", lambda m: Input(None), ShapeError, "Input positive integers None"),
    ("reshape to nothing", lambda m: Reshape((-1, -1)), ValueError, "at most one -1"),
    ("name with a slash", lambda m: Dense(1, name="a/b"), ValueError, "name letters 'a/b'"),
    ("float16", lambda m: Sequential(dtype="float16"), ValueError, "float32 float64 float16"),
    (
        "two precisions",
        lambda m: m.add(Dense(1, dtype="float64")),
        ValueError,
        "dtype float64 float32",
    ),
    # optimizers
    ("rate negative", lambda m: optimizers.SGD(-0.1), ValueError, "learning_rate >= 0 -0.1"),
    ("rate text", lambda m: optimizers.SGD("fast"), TypeError, "learning_rate number str"),
    (
        "rate assigned nan",
        lambda m: setattr(m.optimizer, "learning_rate", np.nan),
        ValueError,
        "learning_rate finite nan",
    ),
    ("momentum 1.5", lambda m: optimizers.SGD(momentum=1.5), ValueError, "momentum [0, 1] 1.5"),
    ("beta 1", lambda m: optimizers.Adam(beta_1=1), ValueError, "beta_1 [0, 1) 1"),
    ("epsilon 0", lambda m: optimizers.Adam(epsilon=0), ValueError, "epsilon positive 0"),
    ("rho 1", lambda m: optimizers.RMSprop(rho=1), ValueError, "rho [0, 1) 1"),
    ("epsilon -1", lambda m: optimizers.RMSprop(epsilon=-1), ValueError, "epsilon positive -1"),
    # weights
    ("too few weights", lambda m: m.set_weights(WEIGHTS[:3]), ShapeError, "4 arrays got 3"),
    (
        "weights transposed",
        lambda m: m.set_weights([w.T for w in WEIGHTS]),
        ShapeError,
        "a/kernel (4, 5) (5, 4)",
    ),
    ("weights as number", lambda m: m.set_weights(3), ShapeError, "4 arrays"),
    (
        "weights as text",
        lambda m: m.set_weights([*WEIGHTS[:3], ["a"] * 3]),
        DTypeError,
        "b/bias real numbers",
    ),
    # the process
    ("seed text", lambda m: fastnn.set_seed("a"), TypeError, "seed integer str"),
    ("seed negative", lambda m: fastnn.set_seed(-1), ValueError, "seed [0, 2**64) -1"),
    ("threads 0", lambda m: fastnn.set_num_threads(0), ValueError, "1 to 256 0"),
    ("threads text", lambda m: fastnn.set_num_threads("2"), TypeError, "integer None str"),
    ("floatx", lambda m: fastnn.config.set_floatx("half"), ValueError, "float32 float64 half"),
    ("text to a layer", lambda m: m.layers[0]("a b"), TypeError, "Input arrays str asarray"),
    ("text to an operation", lambda m: fastnn.ops.relu("a"), TypeError, "relu tensor array str"),
    ("not a model file", lambda m: load_model(__file__), ModelFileError, "test_mistakes.py not"),
]


MISTAKES += beginners.MISTAKES

#: What the classes of errors are kinds of.
KINDS = (ValueError, TypeError, RuntimeError)


def test_there_are_enough_and_each_is_another():
    names = [name for name, *_ in MISTAKES]
    assert len(names) == len(set(names)) >= 350
    assert all(issubclass(error, KINDS) for _, _, error, _ in MISTAKES)


def fingerprint(model):
    buffers = model.runtime.buffers
    parts = [*model.get_weights(), buffers["params"], buffers["slots"], buffers["step"]]
    digest = hashlib.sha256(b"".join(part.tobytes() for part in parts))
    digest.update(
        repr((model.get_config(), model.get_compile_config(), model.epochs_trained)).encode()
    )
    return digest.hexdigest()


@pytest.fixture(scope="module")
def model():
    return classifier()


def refused(call, error):
    """The message of the error that ``call`` raises."""
    with pytest.raises(error) as caught:
        call()
    assert caught.type is error, f"{caught.type} is not quite {error}"
    return str(caught.value)


@pytest.mark.parametrize(
    ("call", "error", "words"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_mistake(call, error, words, model):
    before, predicted = fingerprint(model), model.predict(X).tobytes()
    message = refused(lambda: call(model), error)
    missing = [word for word in words.split() if word not in message]
    assert not missing, f"{missing} not in {message!r}"
    assert len(message) <= 400
    assert "\n" not in message
    assert "array([" not in message
    assert not re.search(r"\d\.\d{7}", message), "the caller's numbers stay their own"
    assert fingerprint(model) == before
    assert model.predict(X).tobytes() == predicted


def test_after_all_of_them_the_model_trains_as_if_none_had_been_made(model):
    twin = classifier()
    twin.set_weights(model.get_weights())
    model.compile("sgd", SPARSE)
    twin.compile("sgd", SPARSE)
    for each in (model, twin):
        each.fit(X, Y, shuffle=False, verbose=0)
    assert all(map(np.array_equal, model.get_weights(), twin.get_weights()))


def test_a_compile_that_fails_keeps_the_compiled_state_and_what_was_frozen_is_as_before():
    model = classifier()
    model.layers[0].trainable = False
    message = refused(lambda: model.compile("sgd", "bce"), ValueError)
    assert "sigmoid" in message
    with pytest.warns(UserWarning, match="trainable, here of a"):
        model.fit(X, Y, verbose=0)
    assert model.optimizer.name == "adam"


@pytest.mark.parametrize("use", ["predict", "fit", "evaluate"])
def test_an_instruction_set_that_is_not_there(use, monkeypatch):
    model = classifier()
    before = fingerprint(model)
    monkeypatch.setenv("FASTNN_ISA", "sse9")
    calls = {
        "predict": lambda: model.predict(X),
        "fit": lambda: model.fit(X, Y, verbose=0),
        "evaluate": lambda: model.evaluate(X, Y, verbose=0),
    }
    message = refused(calls[use], ValueError)
    assert "FASTNN_ISA" in message
    assert "base" in message
    assert "sse9" in message
    monkeypatch.undo()
    assert fingerprint(model) == before
    calls[use]()


@pytest.mark.parametrize("value", ["zero", "0", "-3", "2.5", " "])
@pytest.mark.parametrize("variable", ["FASTNN_NUM_THREADS", "OMP_NUM_THREADS"])
def test_a_number_of_threads_that_is_none(variable, value, monkeypatch):
    model = classifier()
    before = fingerprint(model)
    monkeypatch.delenv("FASTNN_NUM_THREADS", raising=False)
    monkeypatch.setenv(variable, value)
    fastnn.set_num_threads(None)  # look at the environment again
    message = refused(lambda: model.predict(X), ValueError)
    assert variable in message
    monkeypatch.undo()
    fastnn.set_num_threads(None)
    assert fingerprint(model) == before
    model.predict(X)


def test_a_failing_prediction_does_not_leave_the_next_one_a_wrong_batch():
    model = classifier()
    want = model.predict(X)
    refused(lambda: model.predict(changed(X, 1e300, 9), batch_size=4), DTypeError)
    assert np.array_equal(model.predict(X, batch_size=4), want)


def test_flatten_is_what_an_image_model_lacks():
    assert other(Input((4, 4, 1)), Flatten(), Dense(3), data=np.ones((10, 4, 4, 1)))(None) is None
