"""Steps of DeepXDE on its torch backend, as ``Model.train`` takes them."""

from __future__ import annotations

import os

os.environ.setdefault("DDE_BACKEND", "pytorch")

import deepxde as dde
import torch

from benchmarks.step_speed.case import DEPTH, LEARNING_RATE, VISCOSITY, WIDTH, Case, Steps
from benchmarks.step_speed.torch_steps import timed


def deepxde(case: Case) -> Steps:
    """One optimizer step of its compiled model, without callbacks and display."""
    dde.config.set_default_float(f"float{case.precision}")
    torch.set_default_device("cpu")
    geometry = dde.geometry.Rectangle([0, 0], [1, 1])
    data = dde.data.PDE(
        geometry, _RESIDUALS[case.operator], [], num_domain=0, anchors=case.points()
    )
    network = dde.nn.FNN([2, *[WIDTH] * DEPTH, 1], "tanh", "Glorot normal")
    model = dde.Model(data, network)
    model.compile("adam", lr=LEARNING_RATE, verbose=0)
    inputs, targets, auxiliary = data.train_next_batch()
    return timed(lambda: model.train_step(inputs, targets, auxiliary))


def _laplacian(x, u):
    return dde.grad.hessian(u, x, i=0, j=0) + dde.grad.hessian(u, x, i=1, j=1)


def _burgers(x, u):
    u_x, u_t = dde.grad.jacobian(u, x, j=0), dde.grad.jacobian(u, x, j=1)
    return u_t + u * u_x - VISCOSITY * dde.grad.hessian(u, x, i=0, j=0)


def _biharmonic(x, u):
    return _laplacian(x, _laplacian(x, u))


_RESIDUALS = {"laplacian": _laplacian, "burgers": _burgers, "biharmonic": _biharmonic}
