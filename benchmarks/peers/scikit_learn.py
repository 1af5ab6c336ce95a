"""scikit-learn's multi-layer perceptron and logistic regression, on standardised vectors."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from peers.contest import HIDDEN, LEARNING_RATE, Budget, Clock, Data, Fit

ITERATIONS = 1000  # most steps of logistic regression's solver


def train_perceptron(data: Data, budget: Budget) -> Fit:
    """Train MLPClassifier with its default batch and Adam, epoch by epoch."""
    clock = Clock()
    scaler = StandardScaler().fit(data.train.vectors)
    vectors = scaler.transform(data.train.vectors)
    held_out = scaler.transform(data.validation.vectors)
    model = MLPClassifier(HIDDEN, learning_rate_init=LEARNING_RATE, random_state=budget.seed)
    classes = np.arange(len(data.classes))
    for _ in range(budget.epochs):
        model.partial_fit(vectors, data.train.target, classes=classes)
        clock.judge(data.validation.target, model.predict(held_out))
    return Fit(make_pipeline(scaler, model).predict_proba, clock.history)


def train_logistic_regression(data: Data, budget: Budget) -> Fit:
    """Fit LogisticRegression until it converges, which takes no epochs."""
    clock = Clock()
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=ITERATIONS))
    model.fit(data.train.vectors, data.train.target)
    clock.judge(data.validation.target, model.predict(data.validation.vectors))
    return Fit(model.predict_proba, clock.history)
