"""Rows for many functions at once are those of each function alone, and so is their Jacobian."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from pdenet import Condition, Dirichlet, Integral, Neumann, Periodic, Problem
from pdenet.conditions import OperatorData
from pdenet.functions import ChebyshevSeries, Ensemble, InputFunction
from pdenet.geometry import Box, Interval
from pdenet.jets import div, grad
from pdenet.networks import MLP
from pdenet.networks.deeponet import DeepONet
from pdenet.operators import SENSORS, OperatorResiduals, channels
from pdenet.references import ExactOperator
from pdenet.residuals import Residuals, tensors
from pdenet.tangent import Tangent

DOMAIN = Box(x=(0, 1), y=(0, 1))
M, SEEN = 3, 4


def problem() -> Problem:
    """Every kind of condition, two fields, two inputs, one of them differentiated."""
    lines = (Interval(x=(0, 1)), Interval(y=(0, 1)))
    v, w = (InputFunction(ChebyshevSeries(line, 3), sensors=SEEN) for line in lines)
    return Problem(
        domain=DOMAIN,
        fields={"u": (), "q": 2},
        inputs={"v": v, "w": w},
        unknowns={"k": 0.7},
        conditions={
            "flow": Condition(lambda u, v, w, k, x: div((2 + v) * grad(u)) + k * w * x, on=DOMAIN),
            "slope": Condition(lambda q, u, v: (q[0] - u.x * v.x, q[1] - u.y), on=DOMAIN),
            "wall": Dirichlet(u=1.0, on=DOMAIN.face(x=0)),
            "flux": Neumann(u=0.0, on=DOMAIN.face(x=1)),
            "period": Periodic("q", on=DOMAIN.face(y=0), to=DOMAIN.face(y=1)),
            "mean": Integral(lambda u, w: u * w, on=DOMAIN, equals=0.5),
        },
    )


def operator(problem: Problem) -> DeepONet:
    branches = {n: nn.Linear(SEEN, 3 * 5) for n in problem.inputs}
    return DeepONet(MLP(2, 5, width=6, depth=2), branches, outputs=3, basis=5)


@pytest.fixture
def residuals() -> OperatorResiduals:
    p = problem()
    return OperatorResiduals(p, operator(p))


def batch_of(residuals: OperatorResiduals, ensemble: Ensemble) -> dict[str, dict]:
    batch = {SENSORS: dict(ensemble.seen)}
    for name, c in residuals.conditions.items():
        points = c.on.quadrature(9) if c.integral else c.on.sample(7, seed=0)
        batch[name] = tensors(c, points, torch.zeros(()))
        batch[name] |= channels(residuals.problem, name, ensemble.functions, batch[name])
    return batch


def test_rows_of_all_functions_are_those_of_each(residuals: OperatorResiduals) -> None:
    ensemble = Ensemble.training(residuals.problem.inputs, M, seed=0)
    batch = batch_of(residuals, ensemble)
    rows = residuals(batch)
    for i in range(M):
        one = residuals.at(ensemble[[i]])
        plain = {n: {k: v for k, v in b.items() if k[:8] != "channels"} for n, b in batch.items()}
        alone = one({n: plain[n] for n in one.conditions})
        for name, r in alone.items():
            torch.testing.assert_close(rows[name].reshape(-1, M, *r.shape[1:])[:, i], r)


def test_sizes_of_residuals_are_means_over_functions(residuals: OperatorResiduals) -> None:
    ensemble = Ensemble.unseen(residuals.problem.inputs, M)
    points = {n: c.on.sample(5, seed=1) for n, c in residuals.conditions.items() if not c.integral}
    found = residuals.in_chunks(points, ensemble)
    squares = [residuals.at(ensemble[[i]]).in_chunks(points) for i in range(M)]
    for name, size in found.items():
        mean = torch.stack([s[name].square() for s in squares]).mean(0)
        torch.testing.assert_close(size.square(), mean)


def test_jacobian_of_pairs_is_that_of_autograd(residuals: OperatorResiduals) -> None:
    ensemble = Ensemble.training(residuals.problem.inputs, M, seed=0)
    residuals.pair_with(ensemble, torch.arange(M))
    points = {n: c.on.sample(5, seed=2) for n, c in residuals.conditions.items() if not c.integral}
    tangent = Tangent(residuals, points)
    jacobian = tangent.dense()
    parameters = [p for p in residuals.parameters() if p.requires_grad]
    for name, p in points.items():
        for j in range(5):
            one = residuals.at(ensemble[[j % M]])
            r = one.rows(name, one.batch(name, p.select(slice(j, j + 1)))).flatten()
            for k, value in enumerate(r):
                g = torch.autograd.grad(
                    value, parameters, retain_graph=True, allow_unused=True, materialize_grads=True
                )
                row = tangent.rows[name].start + j * len(r) + k
                exact = torch.cat([part.flatten() for part in g]) / 5**0.5
                torch.testing.assert_close(jacobian[row], exact)


def test_tangent_of_one_function_needs_nothing_new(residuals: OperatorResiduals) -> None:
    one = residuals.at(Ensemble.unseen(residuals.problem.inputs, 1))
    points = {"flow": DOMAIN.sample(4, seed=0)}
    assert Tangent(one, points).dense().shape == (4, sum(p.numel() for p in one.parameters()))


def test_reference_comes_along_with_the_function() -> None:
    line = Interval(x=(0, 1))
    v = InputFunction(ChebyshevSeries(line, 3), sensors=SEEN)
    exact = ExactOperator(("v",), ("x",), u=lambda v, x: 2 * v(x=x))
    p = Problem(
        domain=line,
        fields="u",
        inputs={"v": v},
        conditions={"double": Condition(lambda u, v: u - 2 * v, on=line)},
        reference=exact,
    )
    net = DeepONet(MLP(1, 5, width=4, depth=1), {"v": nn.Linear(SEEN, 5)}, outputs=1, basis=5)
    ensemble = Ensemble.given(p.inputs, {"v": lambda x: x**2})
    one = OperatorResiduals(p, net).at(ensemble)
    x = torch.tensor([0.5])
    assert one.problem.reference is not None
    assert one.problem.reference(x=x)["u"].item() == pytest.approx(0.5)


def test_problems_without_what_operators_need_are_refused() -> None:
    p = problem()
    plain = Problem(domain=DOMAIN, fields="u", conditions={"a": Dirichlet(u=0, on=DOMAIN)})
    with pytest.raises(ValueError, match="no input functions"):
        OperatorResiduals(plain, operator(p))
    with pytest.raises(ValueError, match="trained by the solver 'deeponet'"):
        Residuals(p, MLP(2, 3))
    small = DeepONet(MLP(2, 5), {n: nn.Linear(SEEN, 5) for n in p.inputs}, outputs=1, basis=5)
    with pytest.raises(ValueError, match="needs \\(2, 1, 3\\)"):
        OperatorResiduals(p, small)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": {"v": 3}}, "InputFunction"),
        ({"inputs": {"x": InputFunction(ChebyshevSeries(Interval(x=(0, 1))))}},
         "names both"),
        ({"inputs": {"v": InputFunction(ChebyshevSeries(Interval(z=(0, 1))))}}, "no coordinates"),
        ({"conditions": {"only": Condition(lambda v: v, on=DOMAIN)}}, "names no field"),
        ({"conditions": {"typo": Condition(lambda u, vv: u - vv, on=DOMAIN)}}, "Did you mean"),
    ],
)  # fmt: skip
def test_bad_inputs_of_a_problem_are_refused(change, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(problem(), **change)


def test_windows_are_refused() -> None:
    with pytest.raises(ValueError, match="Leave windows out"):
        problem().at_time(0.0, 1.0)


@pytest.mark.parametrize(
    ("at", "values", "message"),
    [
        ({"x": [0.0, 1.0]}, {"u": [[1.0, 2.0, 3.0]]}, "expected values"),
        ({"x": [0.0, 1.0]}, {"u": [1.0, 2.0]}, "expected values"),
        ({"x": [[0.0, 1.0]]}, {"u": [[1.0, 2.0], [1.0, 2.0]]}, "expected values"),
        ({"x": [0.0, 1.0]}, {"u": [[1.0, float("nan")]]}, "not finite"),
        ({"x": [0.0, 1.0]}, {"u": "abc"}, "must hold numbers"),
        ({"x": [0.0, 1.0]}, {}, "names no field"),
    ],
)
def test_bad_data_are_refused(at, values, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OperatorData(at, **values)
