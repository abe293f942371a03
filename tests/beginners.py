"""What those try who come from Keras, or have just begun: more mistakes for test_mistakes.py.

A row is (what, the call on a trained classifier ``m``, the class of the error, words of its
message).
"""

import numpy as np
import polars as pl

import fastnn
from fastnn import (
    Input,
    Model,
    Sequential,
    callbacks,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    ops,
    optimizers,
    regularizers,
    utils,
)
from fastnn.errors import (
    DTypeError,
    IdError,
    LabelError,
    ModelFileError,
    NotCompiledError,
    ShapeError,
)
from fastnn.layers import Dense, Layer
from fastnn.optimizers import schedules

X = np.random.default_rng(1).normal(size=(10, 4))
Y = np.arange(10) % 3
BATCHES = [(X[:5], Y[:5]), (X[5:], Y[5:])]
BATCHES_COME = "batches generator __iter__ PyDataset"
IDS = np.zeros((10, 4), int)


def built(*parts, loss="mse"):
    model = Sequential(list(parts))
    model.compile("sgd", loss)
    return model


def trained_with(**options):
    """Train a layer with such an option."""
    return lambda m: built(Input((4,)), Dense(3, **options)).fit(X, X[:, :3], verbose=0)


def trained_by(loss):
    return lambda m: built(Input((4,)), Dense(1), loss=loss).fit(X, X[:, 0], verbose=0)


def own(**methods):
    """Predict with a layer of one's own that has such methods."""
    return lambda m: built(Input((4,)), type("Mine", (Layer,), methods)()).predict(X)


def fit(**options):
    return lambda m: m.fit(X, Y, **{"verbose": 0, **options})


def told(make):
    """Train with a callback."""
    return lambda m: m.fit(X, Y, verbose=0, callbacks=[make()])


def two_inputs():
    a, b = Input((4,), name="a"), Input((4,), name="b")
    return Model([a, b], Dense(1)(layers.Concatenate()([a, b])), name="two")


def trained_two():
    model = two_inputs()
    model.compile("sgd", "mse")
    return model


def looked_up(ids):
    return lambda m: built(Input((4,), dtype="int32"), layers.Embedding(5, 3)).predict(ids)


def symbol(*shape):
    return Input(shape or (3,))


class Sparse:
    """What SciPy's sparse matrices have."""

    def toarray(self):
        return X


MISTAKES = [
    # what is passed to fit, predict and evaluate
    ("y as batch_size", lambda m: m.fit(X, Y, Y), TypeError, "fit batch_size integer ndarray"),
    ("predict with y", lambda m: m.predict(X, Y), TypeError, "predict batch_size ndarray"),
    ("nb_epoch", lambda m: m.fit(X, Y, nb_epoch=3), TypeError, "fit nb_epoch"),
    ("lr in compile", lambda m: m.compile("adam", "mse", lr=1), TypeError, "compile lr"),
    ("epochs text", fit(epochs="3"), TypeError, "fit epochs integer str"),
    ("epochs None", fit(epochs=None), TypeError, "fit epochs integer NoneType"),
    ("shuffle text", fit(shuffle="yes"), TypeError, "fit shuffle True False str"),
    ("verbose None", fit(verbose=None), ValueError, "fit verbose auto None"),
    ("predict None", lambda m: m.predict(None), DTypeError, "predict x real numbers None"),
    ("predict nothing", lambda m: m.predict([]), ShapeError, "predict (0,) (rows, 4)"),
    ("predict text", lambda m: m.predict("x.csv"), DTypeError, "predict x text read_csv"),
    ("predict bytes", lambda m: m.predict(b"abc"), DTypeError, "predict x real numbers text"),
    ("a function for x", lambda m: m.fit(lambda: X), DTypeError, "x function returns"),
    ("a class of data for x", lambda m: m.predict(dict), DTypeError, "x function returns"),
    ("a sparse matrix", lambda m: m.predict(Sparse()), DTypeError, "x sparse toarray()"),
    ("any object", lambda m: m.predict(object()), DTypeError, "x real numbers dtype object"),
    (
        "records",
        lambda m: m.predict(np.zeros(3, [("a", "f4")])),
        DTypeError,
        "x structured_to_unstructured",
    ),
    ("whole numbers too large", lambda m: m.predict([[2**70] * 4]), DTypeError, "object float32"),
    ("x and y swapped", lambda m: m.fit(Y, X), ShapeError, "fit x (10,) (rows, 4) 'm'"),
    ("x transposed", lambda m: m.fit(X.T, Y), ShapeError, "fit x (4, 10) (rows, 4)"),
    ("pairs for x", lambda m: m.fit([(X[0], 1), (X[1], 2)]), ShapeError, "x pairs zip(*pairs)"),
    (
        "pairs of arrays for x",
        lambda m: m.fit([(X[0], Y[:1]), (X[1], Y[:1])]),
        ShapeError,
        "x pairs zip(*pairs)",
    ),
    ("batches of x", lambda m: m.predict([X, X]), ShapeError, "(2, 10, 4) numpy.concatenate(x)"),
    (
        "batches of x of other lengths",
        lambda m: m.predict([X, X[:3]]),
        ShapeError,
        "x lengths pad numpy.concatenate(x)",
    ),
    (
        "a list of a sparse matrix",
        lambda m: m.predict([Sparse()]),
        DTypeError,
        "x sparse toarray()",
    ),
    ("save as h5", lambda m: m.save("m.h5", format="h5"), ValueError, "format h5 keras weights"),
    (
        "train_size",
        lambda m: fastnn.train_test_split(X, Y, train_size=0.7),
        TypeError,
        "train_size test_size 1 - train_size",
    ),
    (
        "three arrays to split",
        lambda m: fastnn.train_test_split(X, Y, X),
        TypeError,
        "test_size array numpy.arange",
    ),
    ("x and y in one", lambda m: m.fit((X, Y)), ShapeError, "x different shapes (x, y)"),
    ("a list of batches", lambda m: m.fit(BATCHES), ShapeError, f"fit x {BATCHES_COME}"),
    (
        "a list of batches to evaluate",
        lambda m: m.evaluate(BATCHES),
        ShapeError,
        f"evaluate {BATCHES_COME}",
    ),
    ("a list of batches to predict", lambda m: m.predict(BATCHES), ShapeError, BATCHES_COME),
    (
        "batches with lists of labels",
        lambda m: m.fit([(X, Y.tolist()), (X[5:], Y[5:].tolist())]),
        ShapeError,
        f"fit x {BATCHES_COME}",
    ),
    (
        "batches of frames",
        lambda m: m.fit([(pl.DataFrame(X), pl.Series(Y))] * 2),
        ShapeError,
        f"fit x {BATCHES_COME}",
    ),
    (
        "samples with ragged targets",
        lambda m: m.fit([(X[0], [[1], [2, 3]])] * 2),
        ShapeError,
        "x lengths pad",
    ),
    (
        "samples with lists of a target",
        lambda m: m.fit([(X[0], [1, 0, 0])] * 2),
        ShapeError,
        "x pairs zip(*pairs)",
    ),
    (
        "steps of one",
        lambda m: m.predict(X[:, None]),
        ShapeError,
        "(10, 1, 4) (rows, 4) numpy.reshape(x, (-1, 4))",
    ),
    ("batches of one shape", lambda m: m.fit([(X, X)] * 3), ShapeError, f"fit x {BATCHES_COME}"),
    (
        "batches for two inputs",
        lambda m: trained_two().fit([({"a": X, "b": X}, Y)]),
        ShapeError,
        BATCHES_COME,
    ),
    (
        "validation_data as a list of batches",
        fit(validation_data=BATCHES),
        ShapeError,
        f"validation_data {BATCHES_COME}",
    ),
    (
        "validation_data as a longer list of batches",
        fit(validation_data=BATCHES * 2),
        ShapeError,
        f"validation_data list {BATCHES_COME}",
    ),
    (
        "folds of batches",
        lambda m: fastnn.cross_validate(lambda: m, BATCHES, Y),
        ShapeError,
        f"cross_validate {BATCHES_COME}",
    ),
    (
        "images with channels first",
        lambda m: built(Input((8, 6, 3)), layers.Conv2D(1, 3)).predict(np.ones((5, 3, 8, 6))),
        ShapeError,
        "(5, 3, 8, 6) (rows, 8, 6, 3) channels last np.moveaxis(x, 1, -1)",
    ),
    (
        "signals with channels first",
        lambda m: built(Input((8, 3)), layers.Conv1D(1, 3)).predict(np.ones((5, 3, 8))),
        ShapeError,
        "channels last np.moveaxis(x, 1, -1)",
    ),
    (
        "labels for several units",
        lambda m: built(Input((4,)), Dense(3, "sigmoid"), loss="binary_crossentropy").fit(X, Y),
        ShapeError,
        "fit y (10,) (rows, 3) binary_crossentropy fastnn.utils.to_categorical(y, 3)",
    ),
    ("images for rows", lambda m: m.fit(np.ones((4, 8, 8)), Y[:4]), ShapeError, "(4, 8, 8) 'm'"),
    ("names of inputs", lambda m: m.predict({"c": X}), ValueError, "predict x names c takes"),
    ("names of outputs", lambda m: m.fit(X, {"c": Y}), ValueError, "fit y names c gives b"),
    ("y as text", lambda m: m.fit(X, "labels"), DTypeError, "fit y real numbers text"),
    ("y half", lambda m: m.fit(X, Y + 0.5), LabelError, "label 0.5 row 0 whole 0 to 2"),
    ("evaluate without y", lambda m: m.evaluate(X), ValueError, "evaluate y missing"),
    ("evaluate fewer", lambda m: m.evaluate(X, Y[:5]), ShapeError, "evaluate 10 samples 5"),
    ("train_on_batch without y", lambda m: m.train_on_batch(X, None), ValueError, "y missing"),
    ("train_on_batch of none", lambda m: m.train_on_batch(X[:0], Y[:0]), ShapeError, "no samples"),
    ("predict_one of a batch", lambda m: m.predict_one(X), ShapeError, "(4) (10, 4) x[0]"),
    ("called on too few", lambda m: m(X[:, :2]), ShapeError, "(10, 2) (rows, 4)"),
    ("validation_split in percent", fit(validation_split=20), ValueError, "[0, 1) 20"),
    ("validation_split below 0", fit(validation_split=-0.1), ValueError, "[0, 1) -0.1"),
    ("validation_data as dict", fit(validation_data={"x": X}), ValueError, "(x, y) dict"),
    ("validation_data as text", fit(validation_data="test"), ValueError, "(x, y) str"),
    ("validation_freq text", fit(validation_freq="a"), TypeError, "validation_freq integer str"),
    ("validation_steps 0", fit(validation_data=(X, Y), validation_steps=0), ValueError, "steps 0"),
    ("validation_batch_size 0", fit(validation_batch_size=0), ValueError, "batch_size 0"),
    ("steps_per_epoch -1", fit(steps_per_epoch=-1), ValueError, "steps_per_epoch positive -1"),
    ("class_weight balanced", fit(class_weight="balanced"), ValueError, "dict bincount(y)"),
    ("class_weight of words", fit(class_weight={0: "x"}), TypeError, "weight class 0 number str"),
    ("class_weight of a name", fit(class_weight={"a": 1.0}), ValueError, "class 'a' 0 to 2"),
    (
        "class_weight of numbers",
        lambda m: built(Input((4,)), Dense(1)).fit(X, X[:, 0], class_weight={0: 2.0}, verbose=0),
        ValueError,
        "class_weight classes 0 and 1 sample_weight",
    ),
    ("metric named 4", lambda m: metrics.ConfusionMatrix(4), TypeError, "name string int"),
    ("loss named 4", lambda m: losses.MeanSquaredError(name=4), TypeError, "name string int"),
    ("model named 4", lambda m: Sequential([], name=4), TypeError, "name string int"),
    ("class_weight nan", fit(class_weight={0: np.nan}), ValueError, "not finite"),
    ("sample_weight a number", fit(sample_weight=2.0), ShapeError, "() 10 rows each sample"),
    ("two inputs, one array", lambda m: two_inputs().predict(X), ValueError, "list 2 a, b one"),
    ("two inputs, three", lambda m: two_inputs().predict([X] * 3), ValueError, "list 2 a, b 3"),
    (
        "two inputs, a wrong name",
        lambda m: two_inputs().predict({"a": X, "c": X}),
        ValueError,
        "names a, c takes a, b",
    ),
    (
        "two inputs of other length",
        lambda m: two_inputs().predict([X, X[:3]]),
        ShapeError,
        "x['a'] 10 x['b'] 3",
    ),
    ("two inputs, not compiled", lambda m: two_inputs().fit([X, X], Y), NotCompiledError, "'two'"),
    ("an id too large", looked_up(IDS + 7), IdError, "embedding id 7 row 0 0 to 4 input_dim"),
    ("an id below 0", looked_up(IDS - 1), IdError, "embedding id -1 row 0 0 to 4"),
    ("words for ids", looked_up([["a"] * 4]), DTypeError, "x real numbers <U1"),
    # compile
    ("optimizer None", lambda m: m.compile(None, "mse"), TypeError, "optimizer name NoneType"),
    ("loss and optimizer swapped", lambda m: m.compile("mse", "adam"), ValueError, "'mse' Adam"),
    ("losses for outputs", lambda m: m.compile("sgd", ["mse"] * 2), ValueError, "2 entries 1 b"),
    ("loss of an output", lambda m: m.compile("sgd", {"x": "mse"}), ValueError, "'x' b"),
    (
        "a loss as optimizer",
        lambda m: m.compile(fastnn.losses.MeanSquaredError(), "mse"),
        TypeError,
        "optimizer name MeanSquaredError",
    ),
    ("a loss that returns nothing", trained_by(lambda y, p: None), TypeError, "loss NoneType"),
    ("a loss in NumPy", trained_by(lambda y, p: np.mean(y - p)), TypeError, "NumPy fastnn.ops"),
    (
        "a loss with NumPy's functions",
        trained_by(lambda y, p: np.abs(y - p)),
        TypeError,
        "numpy.absolute NumPy fastnn.ops ops.absolute",
    ),
    # callbacks
    ("a callback's name", fit(callbacks="EarlyStopping"), TypeError, "callbacks Callback str"),
    ("a function as callback", fit(callbacks=[print]), TypeError, "callbacks Callback builtin"),
    ("an event that is none", lambda m: callbacks.LambdaCallback(on_end=1), TypeError, "'on_end'"),
    (
        "patience text",
        lambda m: callbacks.EarlyStopping(patience="3"),
        TypeError,
        "EarlyStopping patience integer str",
    ),
    (
        "restore_best_weights text",
        lambda m: callbacks.EarlyStopping(restore_best_weights="no"),
        TypeError,
        "restore_best_weights True False str",
    ),
    ("a factor that grows", lambda m: callbacks.ReduceLROnPlateau(factor=2), ValueError, "[0, 1)"),
    ("min_lr below 0", lambda m: callbacks.ReduceLROnPlateau(min_lr=-1), ValueError, "min_lr -1"),
    ("no braces", lambda m: callbacks.ModelCheckpoint("{}.fastnn"), ValueError, "braces {epoch"),
    ("half a brace", lambda m: callbacks.ModelCheckpoint("{a"), ValueError, "filepath {a braces"),
    ("no path", lambda m: callbacks.ModelCheckpoint(None), TypeError, "filepath path NoneType"),
    ("no file name", lambda m: callbacks.CSVLogger(None), TypeError, "filename path NoneType"),
    ("two separators", lambda m: callbacks.CSVLogger("a", ", "), ValueError, "separator one"),
    (
        "save_freq in words",
        lambda m: callbacks.ModelCheckpoint("a", save_freq="batch"),
        TypeError,
        "save_freq integer",
    ),
    ("a rate as schedule", lambda m: callbacks.LearningRateScheduler(0.1), TypeError, "function"),
    (
        "a schedule below 0",
        told(lambda: callbacks.LearningRateScheduler(lambda epoch: -1.0)),
        ValueError,
        "learning_rate >= 0 -1.0",
    ),
    # optimizers and schedules
    ("momentum text", lambda m: optimizers.SGD(momentum="0.9"), TypeError, "momentum number str"),
    ("nesterov text", lambda m: optimizers.SGD(nesterov="no"), TypeError, "nesterov True False"),
    ("rate None", lambda m: optimizers.Adam(None), TypeError, "adam learning_rate number NoneType"),
    ("rate in a list", lambda m: optimizers.Adam([0.1]), TypeError, "adam learning_rate list"),
    ("lr", lambda m: optimizers.Adam(lr=0.1), TypeError, "adam lr learning_rate="),
    ("clipnorm -1", lambda m: optimizers.Adam(clipnorm=-1), ValueError, "clipnorm positive -1"),
    ("clipped twice", lambda m: optimizers.SGD(clipnorm=1, clipvalue=1), ValueError, "one way"),
    ("config of old", lambda m: optimizers.Adam.from_config({"lr": 1}), TypeError, "lr"),
    (
        "a class that is none",
        lambda m: optimizers.deserialize({"class_name": "Foo", "config": {}}),
        ModelFileError,
        "optimizer 'Foo' custom_objects",
    ),
    (
        "no variables",
        lambda m: m.optimizer.load_own_variables({}),
        ShapeError,
        "adam 9 variables got 0 compile",
    ),
    ("gain that grows", lambda m: optimizers.Adafactor(beta_2_decay=1), ValueError, "[-1, 0] 1"),
    ("a rate below 0", lambda m: schedules.CosineDecay(-0.1, 3), ValueError, "at least 0 -0.1"),
    ("no steps", lambda m: schedules.CosineDecay(0.1, 0), ValueError, "decay_steps positive 0"),
    (
        "staircase text",
        lambda m: schedules.ExponentialDecay(0.1, 3, 0.5, "no"),
        TypeError,
        "staircase True False str",
    ),
    (
        "values for boundaries",
        lambda m: schedules.PiecewiseConstantDecay([1], [1]),
        ValueError,
        "values one more boundaries",
    ),
    # initializers, regularizers, constraints
    ("he", lambda m: initializers.get("he"), ValueError, "initializer 'he' HeNormal"),
    ("stddev -1", lambda m: initializers.RandomNormal(stddev=-1), ValueError, "stddev at least 0"),
    ("stddev text", lambda m: initializers.RandomNormal(0, "a"), TypeError, "stddev number str"),
    ("minval above maxval", lambda m: initializers.RandomUniform(1, 0), ValueError, "maxval, 0.0"),
    ("seed of a layer text", lambda m: initializers.HeNormal("a"), TypeError, "seed integer None"),
    ("constant text", lambda m: initializers.Constant("a"), TypeError, "Constant value number"),
    ("scale -1", lambda m: initializers.VarianceScaling(-1), ValueError, "scale positive -1"),
    (
        "an initializer's wrong shape",
        trained_with(kernel_initializer=lambda shape, dtype=None: np.ones(2)),
        ShapeError,
        "kernel initializer (2,) (4, 3)",
    ),
    (
        "an array of another shape",
        trained_with(kernel_initializer=np.ones((3, 4))),
        ShapeError,
        "initializer (3, 4) (4, 3)",
    ),
    ("regularizer 0.01", lambda m: Dense(1, kernel_regularizer=0.01), TypeError, "L2(0.01)"),
    ("l3", lambda m: Dense(1, kernel_regularizer="l3"), ValueError, "regularizer 'l3' L2"),
    ("l2 -1", lambda m: regularizers.L2(-1), ValueError, "L2 l2 at least 0 -1"),
    (
        "a penalty for each weight",
        trained_with(kernel_regularizer=lambda w: w),
        ShapeError,
        "penalty one number (4, 3) sum mean",
    ),
    ("a penalty as a number", trained_with(kernel_regularizer=lambda w: 3), TypeError, "penalty"),
    ("constraint 3.0", lambda m: Dense(1, kernel_constraint=3.0), TypeError, "constraint float"),
    ("max_value text", lambda m: constraints.MaxNorm("a"), TypeError, "max_value number str"),
    ("min above max", lambda m: constraints.MinMaxNorm(3, 1), ValueError, "min_value max_value"),
    (
        "no such axis",
        trained_with(kernel_constraint=constraints.MaxNorm(axis=7)),
        ShapeError,
        "axis 7",
    ),
    (
        "a constraint of another shape",
        trained_with(kernel_constraint=lambda w: ops.sum(w)),
        ShapeError,
        "kernel constraint () (4, 3)",
    ),
    # layers
    ("name a number", lambda m: Dense(1, name=3), TypeError, "Dense name string int"),
    ("a truth as text", lambda m: Dense(1, use_bias="no"), TypeError, "use_bias True False str"),
    (
        "states as text",
        lambda m: layers.LSTM(2, return_state="a"),
        TypeError,
        "lstm return_state True False str",
    ),
    (
        "units without end",
        lambda m: Sequential([Input((4,)), Dense(10**30, name="b")]),
        ShapeError,
        "b 4e+30 memory smaller",
    ),
    ("a range of one", lambda m: m.summary(layer_range=["a"]), ValueError, "summary layer_range"),
    (
        "a range of nothing",
        lambda m: m.summary(layer_range=["a", "z"]),
        ValueError,
        "summary layer_range 'z' 'm'",
    ),
    ("units in a list", lambda m: Dense([3]), TypeError, "units positive integer list"),
    ("units an array", lambda m: Dense(np.ones(3, int)), TypeError, "units integer ndarray"),
    ("an unknown option", lambda m: Dense(3, activations="relu"), TypeError, "activations"),
    ("a class as activation", lambda m: Dense(3, layers.ReLU), TypeError, "activation ReLU()"),
    ("NumPy's tanh", trained_with(activation=np.tanh), TypeError, "numpy.tanh ops.tanh"),
    ("an activation of nothing", trained_with(activation=lambda x: None), TypeError, "NoneType"),
    ("kernel_size text", lambda m: layers.Conv2D(3, "3"), ValueError, "kernel_size positive '3'"),
    ("no kernel_size", lambda m: layers.Conv2D(3), TypeError, "Conv2D 'kernel_size' filters,"),
    (
        "no kernel_size to transpose",
        lambda m: layers.Conv2DTranspose(3),
        TypeError,
        "Conv2DTranspose 'kernel_size' filters,",
    ),
    ("options in a row", lambda m: layers.Flatten(*range(9)), TypeError, "Flatten positional"),
    ("logistic", lambda m: Dense(3, "logistics"), ValueError, "'logistics' mean 'sigmoid'"),
    ("identity", lambda m: Dense(3, "identity"), ValueError, "'identity' mean 'linear'"),
    (
        "train_size of a layer",
        lambda m: Dense(3, train_size=0.2),
        TypeError,
        "Dense 'train_size' mean 'trainable'",
    ),
    ("forward", lambda m: m.forward(X), NotImplementedError, "m: forward model(x) predict(x)"),
    (
        "forward of a layer",
        lambda m: m.layers[0].forward(X),
        NotImplementedError,
        "a: forward NumPy Dense layer(x)",
    ),
    ("rate 20", lambda m: layers.Dropout(20), ValueError, "dropout rate [0, 1) 20"),
    ("rate None at all", lambda m: layers.Dropout(None), TypeError, "rate number NoneType"),
    (
        "LSTM on LSTM",
        lambda m: Sequential([Input((5, 4)), layers.LSTM(3), layers.LSTM(3)]),
        ShapeError,
        "sequences (rows, time, features) (rows, 3) return_sequences=True",
    ),
    ("momentum 2", lambda m: layers.BatchNormalization(momentum=2), ValueError, "momentum [0, 1]"),
    ("Dense both ways", lambda m: layers.Bidirectional(Dense(3)), TypeError, "recurrent Dense"),
    ("no layer for each step", lambda m: layers.TimeDistributed(3), TypeError, "layer int"),
    (
        "one to concatenate",
        lambda m: layers.Concatenate()(symbol()),
        ValueError,
        "list tensors one",
    ),
    (
        "images of other channels",
        lambda m: layers.Concatenate()([symbol(3, 4), symbol(5, 6)]),
        ShapeError,
        "axis -1 (rows, 3, 4) (rows, 5, 6)",
    ),
    ("a layer on a list", lambda m: Dense(3)([1, 2]), TypeError, "Input arrays int numpy.asarray"),
    ("adapt to text", lambda m: layers.Normalization().adapt("a"), DTypeError, "adapt data text"),
    ("a layer's weights", lambda m: m.layers[0].set_weights([X]), ShapeError, "a 2 arrays 1"),
    ("a kernel's shape", lambda m: m.layers[0].kernel.assign(X), ShapeError, "a/kernel (4, 5)"),
    # layers of one's own
    ("no call", own(), NotImplementedError, "Mine call(x) fastnn.ops"),
    (
        "a call that returns nothing",
        own(call=lambda s, x: None),
        TypeError,
        "mine call(x) NoneType",
    ),
    ("NumPy in call", own(call=lambda s, x: np.exp(x)), TypeError, "numpy.exp numbers ops.exp"),
    ("if in call", own(call=lambda s, x: x if x > 0 else -x), TypeError, "true false ops.where"),
    ("float in call", own(call=lambda s, x: x * float(x)), TypeError, "no numbers fastnn.ops"),
    (
        "no super().__init__()",
        own(__init__=lambda s: None, call=lambda s, x: x),
        RuntimeError,
        "Mine __init__ super().__init__()",
    ),
    (
        "add_weight by name first",
        own(build=lambda s, i: s.add_weight("kernel", (3,)), call=lambda s, x: x),
        TypeError,
        "mine add_weight shape first name='kernel'",
    ),
    ("no such product", own(call=lambda s, x: x @ np.ones((3, 2))), ShapeError, "matmul (rows, 4)"),
    # models
    (
        "a layer that was called",
        lambda m: Sequential([Dense(1)(symbol())]),
        TypeError,
        "Symbol Model",
    ),
    ("a name as layer", lambda m: Sequential(["dense"]), TypeError, "layer str"),
    ("a list of lists", lambda m: Sequential([[Dense(3)]]), TypeError, "layer list"),
    ("no layer at all", lambda m: m.add(None), TypeError, "m layer NoneType"),
    ("a model of nothing", lambda m: Model(), TypeError, "Model inputs NoneType"),
    ("a model of arrays", lambda m: Model(X, Y), TypeError, "Model inputs Input ndarray"),
    ("a layer as output", lambda m: Model(symbol(), Dense(3)), TypeError, "outputs Dense"),
    (
        "inputs that lead nowhere",
        lambda m: Model(symbol(), Dense(2)(symbol())),
        ValueError,
        "does not depend",
    ),
    ("a number cloned", lambda m: fastnn.models.clone_model(3), TypeError, "clone_model model int"),
    ("layer 9", lambda m: m.get_layer(index=9), ValueError, "m 9 a, b"),
    ("Input of text", lambda m: Input("4"), ShapeError, "Input positive integers '4'"),
    ("Input below 0", lambda m: Input((-4,)), ShapeError, "Input positive integers -4"),
    ("Input of words", lambda m: Input((4,), dtype="string"), ValueError, "dtype float32 'string'"),
    (
        "gradcheck too early",
        lambda m: fastnn.gradcheck(Sequential([Dense(1)]), X, Y),
        NotCompiledError,
        "compile",
    ),
    # operations
    ("ops.sum of rows", lambda m: ops.sum(symbol(), axis=0), ShapeError, "sum axis 0 rows axis=-1"),
    ("ops.relu of nothing", lambda m: ops.relu(None), TypeError, "relu tensor array NoneType"),
    ("a product of nothing", own(call=lambda s, x: ops.dense(x, None)), TypeError, "dense w None"),
    ("ops.max of no axis", lambda m: ops.max(symbol(), axis=4), ValueError, "max axis 4"),
    ("ops.add of shapes", lambda m: symbol(3) + symbol(4), ShapeError, "add (rows, 3) (rows, 4)"),
    ("ops.add of text", lambda m: ops.add(symbol(), "a"), DTypeError, "real numbers text"),
    ("np.tanh of a symbol", lambda m: np.tanh(symbol()), TypeError, "numpy.tanh ops.tanh"),
    ("np.mean of a symbol", lambda m: np.mean(symbol()), TypeError, "no numbers NumPy fastnn.ops"),
    ("float of a symbol", lambda m: float(symbol()), TypeError, "no numbers fastnn.ops"),
    # files, data and tools
    ("a script as model", lambda m: m.load_weights(__file__), ModelFileError, "beginners.py not"),
    ("weights in a dict", lambda m: m.set_weights({"a": 1}), ShapeError, "set_weights 4 arrays"),
    ("to_categorical 5 of 3", lambda m: utils.to_categorical([5], 3), LabelError, "label 5 0 to 2"),
    ("to_categorical -1", lambda m: utils.to_categorical([-1]), LabelError, "-1 0, 1, 2 class_ids"),
    ("to_categorical nan", lambda m: utils.to_categorical([np.nan]), LabelError, "nan class_ids"),
    ("to_categorical words", lambda m: utils.to_categorical(["a"]), DTypeError, "x real numbers"),
    ("pad_sequences flat", lambda m: utils.pad_sequences([1, 2]), ValueError, "list of lists"),
    ("a folder as model", lambda m: fastnn.models.load_model("/"), ModelFileError, "/ folder save"),
    (
        "weights of a folder",
        lambda m: m.load_weights("/"),
        ModelFileError,
        "/ folder expected file",
    ),
    (
        "the gradient of a function that calls a model",
        lambda m: fastnn.grad(lambda x: ops.sum(m(x)))(X),
        ShapeError,
        "m (None, 4) (10, 4) fastnn.grad(model)(x)",
    ),
    (
        "the gradient of a function that calls a layer",
        lambda m: fastnn.grad(lambda x: ops.sum(m.layers[0](x)))(X),
        ValueError,
        "grad a/kernel arguments fastnn.grad(model)(x)",
    ),
    (
        "f1 of one unit",
        lambda m: Sequential([Input((4,)), Dense(1, "sigmoid")]).compile("sgd", "bce", ["f1"]),
        ValueError,
        "'f1' threshold metrics.F1Score(threshold=0.5)",
    ),
    ("one fold", lambda m: fastnn.KFold(1), ValueError, "KFold n_splits 2 or more 1"),
    ("more folds than rows", lambda m: list(fastnn.KFold(20).split(X)), ValueError, "20 rows 10"),
    ("test_size 2", lambda m: fastnn.train_test_split(X, Y, 2.0), ValueError, "(0, 1) 2.0"),
    ("split of other lengths", lambda m: fastnn.train_test_split(X, Y[:3]), ValueError, "as many"),
    (
        "a model, not a function",
        lambda m: fastnn.cross_validate(3, X, Y),
        TypeError,
        "function int",
    ),
    ("seed 1.5", lambda m: fastnn.set_seed(1.5), TypeError, "set_seed seed integer float"),
    ("num_thresholds 0", lambda m: metrics.AUC(num_thresholds=0), ValueError, "num_thresholds 0"),
    ("the number of a file", lambda m: datasets.read_csv(0), TypeError, "read_csv path int"),
]
