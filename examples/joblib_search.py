"""A search by joblib's processes: how much dropout an overgrown network for two moons needs."""

import fastnn
from fastnn.layers import Dense, Dropout
from fastnn.plots import panels, plot_option

RATES = (0.0, 0.2, 0.4, 0.6)


def maker(rate):
    def make_model():
        hidden = [Dense(64, "relu"), Dropout(rate), Dense(64, "relu"), Dropout(rate)]
        model = fastnn.Sequential([fastnn.Input((2,)), *hidden, Dense(1, "sigmoid")])
        model.compile(fastnn.optimizers.Adam(0.01), "binary_crossentropy", ["accuracy"])
        return model

    return make_model


if __name__ == "__main__":
    plot = plot_option(__doc__)
    x, y = fastnn.datasets.make_moons(120, noise=0.35)
    options = {"k": 5, "epochs": 150, "seed": 1, "backend": "joblib", "n_jobs": 2}
    found = {rate: fastnn.cross_validate(maker(rate), x, y, **options) for rate in RATES}
    for rate, each in found.items():
        print(f"dropout {rate}: loss {each.mean['loss']:.3f}, give or take {each.sd['loss']:.3f}")
    best = min(found, key=lambda rate: found[rate].mean["loss"])
    print(f"best: {best}")
    assert best > 0

    if plot:
        figure, (panel,) = panels("loss on held-out folds")
        means, sds = ([getattr(found[r], kind)["loss"] for r in RATES] for kind in ("mean", "sd"))
        panel.errorbar(RATES, means, sds, fmt="o-", capsize=3)
        panel.set_xlabel("rate of dropout")
        figure.savefig(plot)
