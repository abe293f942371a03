"""A search on a Ray cluster: how deep a network, and of which units, tells two spirals apart."""

from itertools import product

import ray

import fastnn
from fastnn.layers import Dense
from fastnn.plots import panels, plot_option

DEPTHS, ACTIVATIONS = (1, 2, 3), ("relu", "tanh")


def maker(depth, activation):
    def make_model():
        hidden = [Dense(16, activation) for _ in range(depth)]
        model = fastnn.Sequential([fastnn.Input((2,)), *hidden, Dense(1, "sigmoid")])
        model.compile(fastnn.optimizers.Adam(0.02), "binary_crossentropy", ["accuracy"])
        return model

    return make_model


def search():
    """Return mean and deviation of the accuracy of each depth and activation."""
    x, y = fastnn.datasets.make_spirals(300, noise=0.1)
    found = {}
    for depth, activation in product(DEPTHS, ACTIVATIONS):
        options = {"k": 4, "epochs": 100, "seed": 1, "backend": "ray"}
        each = fastnn.cross_validate(maker(depth, activation), x, y, **options)
        found[depth, activation] = each.mean["accuracy"], each.sd["accuracy"]
        print(f"{depth} x 16 {activation}: {each.mean['accuracy']:.1%} right")
    return found


if __name__ == "__main__":
    plot = plot_option(__doc__)
    # a cluster of many machines has an address: ray.init("ray://head:10001")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    found = search()
    ray.shutdown()
    best = max(found, key=found.get)
    print(f"best: {best[0]} layers of {best[1]}")
    assert best[0] > 1
    assert found[best][0] > 0.9

    if plot:
        figure, (panel,) = panels("accuracy on held-out folds")
        for activation in ACTIVATIONS:
            means, sds = zip(*(found[depth, activation] for depth in DEPTHS), strict=True)
            panel.errorbar(DEPTHS, means, sds, fmt="o-", capsize=3, label=activation)
        panel.set_xlabel("hidden layers of 16 units")
        panel.set_xticks(DEPTHS)
        panel.legend()
        figure.savefig(plot)
