"""A search on a Dask cluster: which width and which rate suit two moons, by cross-validation."""

from itertools import product

from distributed import Client, LocalCluster

import fastnn
from fastnn.layers import Dense
from fastnn.plots import panels, plot_option

UNITS, RATES = (2, 4, 16), (0.001, 0.03)


def maker(units, rate):
    def make_model():
        hidden = [Dense(units, "relu"), Dense(units, "relu")]
        model = fastnn.Sequential([fastnn.Input((2,)), *hidden, Dense(1, "sigmoid")])
        model.compile(fastnn.optimizers.Adam(rate), "binary_crossentropy", ["accuracy"])
        return model

    return make_model


def search(client):
    """Return the mean accuracy of each width and rate."""
    x, y = fastnn.datasets.make_moons(400, noise=0.2)
    accuracy = {}
    for units, rate in product(UNITS, RATES):
        options = {"k": 4, "epochs": 40, "seed": 1}
        found = fastnn.cross_validate(maker(units, rate), x, y, backend=client, **options)
        accuracy[units, rate] = found.mean["accuracy"]
        print(f"{units:2} units, rate {rate:5}: {accuracy[units, rate]:.1%} right")
    return accuracy


if __name__ == "__main__":  # which the processes of the cluster import
    plot = plot_option(__doc__)
    # a cluster of many machines has an address: Client("tcp://head:8786")
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    with cluster, Client(cluster) as client:
        accuracy = search(client)
    best = max(accuracy, key=accuracy.get)
    print(f"best: {best[0]} units, rate {best[1]}")
    assert accuracy[best] > 0.95

    if plot:
        figure, (panel,) = panels("accuracy on held-out folds")
        for rate in RATES:
            panel.plot(
                UNITS, [accuracy[units, rate] for units in UNITS], "o-", label=f"rate {rate}"
            )
        panel.set_xlabel("units of two hidden layers")
        panel.legend()
        figure.savefig(plot)
