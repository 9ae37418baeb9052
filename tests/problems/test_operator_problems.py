"""References of operator problems satisfy their conditions, for functions that are drawn."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pdenet import Periodic
from pdenet.catalogue import entries
from pdenet.conditions import stack_rows
from pdenet.functions import Ensemble
from pdenet.jets import Jet, Layout
from pdenet.jets.index import written_out
from pdenet.residuals import input_jets

PROBLEMS = {e.name: e for e in entries() if e.build().inputs}
STEP = 2e-3
# Finite differences of second order, and references on grids of their own.
ALLOWED = {"darcy-2d": 0.15, "burgers-operator": 0.02}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PDENET_CACHE", str(tmp_path))


def test_the_catalogue_has_operators() -> None:
    wanted = "antiderivative nonlinear-ode reaction-diffusion-operator advection-operator"
    assert {*wanted.split(), "burgers-operator", "darcy-2d", "heat-operator"} <= PROBLEMS.keys()


def partial(u: Any, x: Tensor, index: tuple[int, ...]) -> Tensor:
    """A partial derivative of order up to two by central differences, shape (n,)."""
    if not index:
        return u(x)
    shift = torch.zeros(x.shape[1], dtype=x.dtype)
    shift[index[0]] = STEP
    if len(index) == 2 and index[0] == index[1]:
        return (u(x + shift) - 2 * u(x) + u(x - shift)) / STEP**2
    return (partial(u, x + shift, index[1:]) - partial(u, x - shift, index[1:])) / (2 * STEP)


def channels(u: Any, x: Tensor, layout: Layout) -> Tensor:
    def one(index: Any) -> Tensor:
        terms = [count * partial(u, x, plain) for plain, count in written_out(index).items()]
        return torch.stack(terms).sum(0)

    return torch.stack([one(index) for index in layout.channels])


@pytest.mark.parametrize("name", PROBLEMS)
def test_reference_satisfies_the_conditions(name: str) -> None:
    problem = PROBLEMS[name].build()
    ensemble = Ensemble.unseen(problem.inputs, 2)
    reference: Any = problem.reference
    solution = reference.at(ensemble[[0]].functions)

    def u(x: Tensor) -> Tensor:
        return solution(**dict(zip(problem.coordinates, x.unbind(1), strict=True)))["u"]

    for condition_name, condition in problem.conditions.items():
        if isinstance(condition, Periodic):
            continue
        inside = condition.on.dimension == problem.domain.dimension
        points = condition.on.sample(60, seed=0)
        x = points.x.clamp(0.05, 0.95) if inside else points.x
        demand = problem.demands[condition_name]
        jets = {"u": Jet(demand.layouts["u"], channels(u, x, demand.layouts["u"]))}
        sizes = []
        for i in (0, 1):  # the function, and another one that the solution does not belong to
            functions = ensemble[[i]].functions
            given = input_jets(problem, condition_name, functions, {"x": x})
            known = {**jets, **{n: j[..., 0] for n, j in given.items()}}
            rows = stack_rows(condition.residual(**demand.arguments(known, x)), len(x))
            sizes.append(float(rows.square().mean().sqrt()))
        takes_input = set(problem.inputs) & set(demand.names)
        scale = sizes[1] if takes_input else float(u(x).square().mean().sqrt()) + 1
        assert sizes[0] <= ALLOWED.get(name, 5e-3) * scale, condition_name


@pytest.mark.parametrize("name", PROBLEMS)
def test_data_are_finite_and_differ_between_functions(name: str) -> None:
    problem = PROBLEMS[name].build()
    reference: Any = problem.reference
    ensemble = Ensemble.unseen(problem.inputs, 2)
    x = problem.domain.sample(30, seed=0).x
    found = reference.solutions(ensemble.functions, x)["u"].numpy()
    assert np.isfinite(found).all()
    assert np.abs(found[0] - found[1]).max() > 1e-3 * np.abs(found).max()
