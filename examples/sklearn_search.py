"""A search with scikit-learn: how large a network of digits should be, how much it should drop."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastnn.plots import panels, plot_option
from fastnn.sklearn import FastNNClassifier

plot = plot_option(__doc__)

x, y = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, random_state=0, stratify=y)

network = FastNNClassifier(
    learning_rate_init=0.005, max_iter=30, n_iter_no_change=np.inf, dtype="float32", random_state=0
)
pipeline = make_pipeline(StandardScaler(), network)
sizes, drops = [(8,), (32,), (128, 64)], [0.0, 0.25, 0.5]
size, drop = "fastnnclassifier__hidden_layer_sizes", "fastnnclassifier__dropout"
search = GridSearchCV(pipeline, {size: sizes, drop: drops}, cv=3, n_jobs=2).fit(x_train, y_train)

found = search.cv_results_
means, sds = found["mean_test_score"], found["std_test_score"]
for params, mean, sd in zip(found["params"], means, sds, strict=True):
    units = f"{params[size]!s:9}  dropout {params[drop]:4}"
    print(f"hidden {units}  accuracy {mean:.3f}, give or take {sd:.3f}")
accuracy = search.score(x_test, y_test)
print(f"the best of them reads {accuracy:.1%} of {len(x_test)} digits that none has seen")
assert accuracy > 0.95
assert search.best_params_[size] != (8,)

if plot:
    figure, (left, right) = panels("accuracy of three folds", "the best network, trained on all")
    for units in sizes:
        rows = [params[size] == units for params in found["params"]]
        name = " and ".join(map(str, units)) + " units"
        left.errorbar(drops, means[rows], sds[rows], marker="o", capsize=3, label=name)
    left.set(xlabel="dropout", ylabel="accuracy", xticks=drops)
    left.legend(frameon=False, fontsize=8)
    losses = search.best_estimator_[-1].loss_curve_
    right.plot(range(1, len(losses) + 1), losses)
    right.set(xlabel="epoch", ylabel="loss", yscale="log")
    figure.savefig(plot)
