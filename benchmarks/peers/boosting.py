"""LightGBM's boosted trees, where it is installed (the extra `bench`)."""

from __future__ import annotations

import numpy as np

from peers.contest import Budget, Clock, Data, Fit, NotInstalledError, Probability, Vectors

TREES = 100  # rounds of boosting, LightGBM's default


def train_boosting(data: Data, budget: Budget) -> Fit:
    """Fit boosted trees with the defaults, which takes no epochs.

    Raises:
        NotInstalledError: LightGBM is not there.
    """
    try:
        import lightgbm
    except ImportError:
        raise NotInstalledError("pip install lightgbm") from None
    clock = Clock()
    settings = {
        "objective": "multiclass",
        "num_class": len(data.classes),
        "seed": budget.seed,
        "verbosity": -1,
    }
    train = lightgbm.Dataset(data.train.vectors, data.train.target)
    model = lightgbm.train(settings, train, TREES)

    def predict(vectors: Vectors) -> Probability:
        return np.asarray(model.predict(vectors))

    clock.judge(data.validation.target, predict(data.validation.vectors).argmax(axis=1))
    return Fit(predict, clock.history)
