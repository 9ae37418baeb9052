"""DeepXDE's Cartesian-product DeepONet on its torch backend, with the same hard conditions."""

from __future__ import annotations

import os

os.environ.setdefault("DDE_BACKEND", "pytorch")

import deepxde as dde
import numpy as np
import torch

from benchmarks.operators.suite import (
    BASIS,
    BATCH,
    FUNCTIONS,
    LEARNING_RATE,
    WIDTH,
    Case,
    Contender,
)


def deepxde(case: Case) -> Contender:
    """Steps of its model, without callbacks and display."""
    dde.config.set_default_float("float32")
    torch.set_default_device("cpu")
    torch.manual_seed(0)
    sensors, d = case.seen.shape[1], case.x.shape[1]
    net = dde.nn.DeepONetCartesianProd(
        [sensors, WIDTH, WIDTH, BASIS], [d, WIDTH, WIDTH, BASIS], "tanh", "Glorot normal"
    )
    net.apply_output_transform(_HARD[case.problem.coordinates])
    data = _data(case) if case.mode == "data" else _physics(case)
    model = dde.Model(data, net)
    model.compile("adam", lr=LEARNING_RATE, verbose=0)

    def train(steps: int) -> None:
        for _ in range(steps):
            inputs, targets, *auxiliary = data.train_next_batch(BATCH)
            model.train_step(inputs, targets, *(auxiliary or [None]))

    def predict(seen: np.ndarray, x: np.ndarray) -> np.ndarray:
        return model.predict((seen, x))

    return Contender(train, predict)


def _data(case: Case):
    few = (case.seen[:2], case.x)
    return dde.data.TripleCartesianProd((case.seen, case.x), case.values, few, case.values[:2])


def _physics(case: Case):
    """Its operator data draw functions themselves: here they are handed the ones of the case."""
    low, high = [0.0] * case.x.shape[1], [1.0] * case.x.shape[1]
    geometry = dde.geometry.Hypercube(low, high) if len(low) > 1 else dde.geometry.Interval(0, 1)
    equation = dde.data.PDE(
        geometry, _antiderivative if len(low) == 1 else _reaction_diffusion, [], anchors=case.x
    )
    space = _Known(case.seen, case.inputs)
    return dde.data.PDEOperatorCartesianProd(
        equation,
        space,
        space.sensors,
        FUNCTIONS,
        function_variables=[0],
        num_test=2,
        batch_size=BATCH,
    )


class _Known(dde.data.function_spaces.FunctionSpace):
    """The functions of the case, in the place of draws."""

    def __init__(self, seen: np.ndarray, inputs: np.ndarray) -> None:
        self.seen, self.inputs = seen, inputs
        self.sensors = np.linspace(0, 1, seen.shape[1])[:, None].astype(np.float32)

    def random(self, size):
        return np.arange(size)[:, None]

    def eval_one(self, feature, x):
        return self.eval_batch(np.asarray([feature]), x)[0]

    def eval_batch(self, features, xs):
        known = (
            self.seen
            if len(xs) == self.seen.shape[1] and np.allclose(xs, self.sensors)
            else (self.inputs)
        )
        return known[features[:, 0].astype(int)]


def _hard_at_zero(inputs, outputs):
    return inputs[1][:, 0] * outputs


def _hard_in_time(inputs, outputs):
    x, t = inputs[1][:, 0], inputs[1][:, 1]
    return 4 * x * (1 - x) * t * outputs


def _hard_on_square(inputs, outputs):
    x, y = inputs[1][:, 0], inputs[1][:, 1]
    return 16 * x * (1 - x) * y * (1 - y) * outputs


_HARD = {("x",): _hard_at_zero, ("x", "t"): _hard_in_time, ("x", "y"): _hard_on_square}


def _antiderivative(x, u, v):
    return dde.grad.jacobian(u, x, i=0, j=0) - v


def _reaction_diffusion(x, u, v):
    u_t, u_xx = dde.grad.jacobian(u, x, i=0, j=1), dde.grad.hessian(u, x, i=0, j=0)
    return u_t - 0.01 * u_xx - 0.01 * u**2 - v
