"""Keras's other names."""

import functools

import pytest

import fastnn
from fastnn import callbacks, layers, naming, plots


def test_what_is_looked_for_in_the_package_is_found_elsewhere():
    with pytest.raises(AttributeError, match=r"it is fastnn\.layers\.Dense$"):
        fastnn.Dense  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'nonsense'$"):
        fastnn.nonsense  # noqa: B018


def test_pictures_are_there_when_somebody_asks():
    assert fastnn.plots is plots


def test_other_names_are_the_same_classes():
    assert layers.MaxPool2D is layers.MaxPooling2D
    assert layers.GlobalAvgPool1D is layers.GlobalAveragePooling1D
    assert layers.Convolution2D is layers.Conv2D
    assert fastnn.activations.swish is fastnn.activations.silu
    assert fastnn.activations.hard_swish is fastnn.activations.hard_silu


@pytest.mark.parametrize(
    ("given", "known", "meant"),
    [
        ("epoch", ("initial_epoch", "epochs"), "epochs"),
        ("sparse_crossentropy", fastnn.losses.names._BY_NAME, "sparse_categorical_crossentropy"),
        ("acuracy", ("Accuracy", "AUC"), "Accuracy"),
        ("???", ("epochs",), None),
        ("random", ("grad", "losses"), None),
        ("adm", ("SGD", "Adam"), "Adam"),
        ("adma", ("Adamax", "Adam"), "Adam"),
        ("sdg", ("Adam", "SGD"), "SGD"),
    ],
)
def test_who_is_meant_is_but_a_letter_off_or_has_all_of_the_words(given, known, meant):
    assert naming.closest(given, known) == meant


def test_an_argument_that_nobody_takes_says_which_was_meant():
    model = fastnn.Sequential([fastnn.Input((1,)), layers.Dense(1)])
    for call, said in (
        (lambda: model.fit([[0.0]], [0.0], epoch=3), "^fit: unknown argument 'epoch'.*'epochs'"),
        (lambda: model.compile(metric=["mae"]), "^compile: unknown argument 'metric'.*'metrics'"),
        (lambda: model.evaluate([[0.0]], nothing=1), "'nothing'; there are batch_size, "),
        (lambda: layers.Dense(1, actvation="relu"), "^Dense: unknown .*'activation'"),
        (lambda: callbacks.EarlyStopping(patiance=3), "^EarlyStopping: unknown .*'patience'"),
        (lambda: fastnn.train_test_split([0], [0], random_state=1), "^train_test_split: .*'seed'"),
        (lambda: fastnn.datasets.make_moons(random_state=1), "^make_moons: .*'seed'"),
        (lambda: model.save("m", save_format="h5"), "^save: .*'save_format'.* mean 'format'"),
        (lambda: model.save_weights("m", save_format="h5"), "^save_weights: .* mean 'format'"),
        (lambda: fastnn.KFold(random_state=1), "^KFold: .*'seed'"),
        (lambda: callbacks.EarlyStopping(restore_best=True), "mean 'restore_best_weights'"),
    ):
        with pytest.raises(TypeError, match=said):
            call()


@pytest.mark.parametrize(
    ("module", "name", "said"),
    [
        (layers, "Dnese", "no attribute 'Dnese'; did you mean 'Dense'[?]$"),
        (fastnn.callbacks, "Tensorboard", "did you mean 'TensorBoard'"),
        (plots, "learning_curves", "did you mean 'learning_curve'"),
        (fastnn, "GradientTape", "fastnn.grad gives gradients"),
        (fastnn, "nn", "fastnn.layers .docs/coming_from.md.$"),
        (fastnn, "optim", "it is fastnn.optimizers$"),
        (layers, "Linear", "it is layers.Dense"),
        (fastnn.ops, "einsum", "ops.matmul, ops.transpose and ops.sum together are that$"),
        (fastnn.ops, "convert_to_numpy", "return arrays; of a weight, weight.numpy"),
        (fastnn, "Variable", "a layer's add_weight makes one$"),
        (fastnn.utils, "DataLoader", "arrays and batch_size, or a fastnn.utils.PyDataset$"),
        (fastnn.losses, "BCELoss", "it is losses.BinaryCrossentropy$"),
        (fastnn, "applications", "no pretrained models; fastnn.from_keras takes over"),
        (layers, "TextVectorization", "class_ids makes numbers of words"),
        (fastnn, "Sequental", "module 'fastnn' has no .* did you mean 'Sequential'"),
        (layers, "MultiHeadAttention", "fastnn has no attention .README"),
        (layers, "Conv3D", "fastnn has no layers of volumes"),
        (fastnn.models, "Sequentail", "module 'fastnn.models' .* did you mean 'Sequential'[?]$"),
        (fastnn.datasets, "load_csv", "it is fastnn.datasets.read_csv.path.$"),
        (fastnn.datasets, "load_iris", "sklearn.datasets has it; fit takes its arrays$"),
        (fastnn.datasets, "imdb", "keras.datasets has it"),
        (fastnn.sklearn, "FastNNClasifier", "did you mean 'FastNNClassifier'"),
        (fastnn.onnx, "exprt", "did you mean 'export'"),
        (fastnn.distributed, "MPIs", "did you mean 'MPI'"),
        (fastnn.preprocessing, "sequences", "did you mean 'sequence'"),
        (fastnn.activations, "rleu", "did you mean 'relu'"),
        (fastnn.initializers, "HeNormel", "did you mean 'HeNormal'"),
        (fastnn.regularizers, "L22", "did you mean 'L2'|'l2'"),
        (fastnn.constraints, "MaxNrom", "did you mean 'MaxNorm'"),
        (fastnn.schedules, "CosineDecayy", "did you mean 'CosineDecay'"),
        (fastnn.model_selection, "StratKFold", "did you mean 'StratifiedKFold'"),
        (fastnn.mixed_precision, "set_policy", "did you mean 'set_dtype_policy'"),
        (fastnn.ops, "__wrapped__", "no attribute '__wrapped__'$"),
    ],
)
def test_a_name_that_is_not_there_says_which_was_meant(module, name, said):
    with pytest.raises(AttributeError, match=said):
        getattr(module, name)
    assert not hasattr(module, name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("state_dict", r"'Sequential' .* it is fastnn\.state_dict\(model\) \(docs/coming_from"),
        ("parameters", "there is trainable_weights"),
        ("train", "fit trains; predict and evaluate do not"),
        ("eval", "fit trains; predict and evaluate do not"),
        ("zero_grad", "fit and train_on_batch make steps"),
        ("fit_generator", "fit and evaluate take generators"),
        ("export", r"fastnn\.export_c\(model, path\) writes C, and fastnn\.onnx\.export ONNX"),
        ("score", "it is evaluate, which gives the loss"),
        ("summery", "'Sequential' object has no attribute 'summery'$"),
    ],
)
def test_a_method_of_another_library_says_what_does_so_here(name, said):
    model = fastnn.Sequential([fastnn.Input((1,)), layers.Dense(1)])
    with pytest.raises(AttributeError, match=said):
        getattr(model, name)
    assert not hasattr(model, name)


def test_a_rate_by_its_old_name_is_neither_read_nor_assigned():
    sgd = fastnn.optimizers.SGD(0.5)
    with pytest.raises(AttributeError, match=r"'SGD' .* 'lr'; it is learning_rate"):
        sgd.lr  # noqa: B018
    with pytest.raises(AttributeError, match="it is learning_rate"):
        sgd.lr = 0.1
    assert sgd.learning_rate == 0.5


def test_what_a_property_lacks_is_told_and_not_the_property():
    class Own(layers.Layer):
        @property
        def width(self):
            return self.missing

    with pytest.raises(AttributeError, match="no attribute 'missing'"):
        Own().width  # noqa: B018


@pytest.mark.parametrize(
    "module",
    [layers, plots, fastnn.utils, fastnn.losses, fastnn.ops, fastnn.models, fastnn.datasets],
)
def test_modules_show_the_names_that_are_for_others(module):
    assert dir(module) == sorted(module.__all__)


def test_arguments_that_a_decorator_gives_are_not_missed():
    def three(init):
        @functools.wraps(init)
        def made(self, *args, **options):
            init(self, 3, *args, **options)

        return made

    class Three(layers.Dense):
        __init__ = three(layers.Dense.__init__)

    assert Three(activation="relu").units == 3
