"""The Deep Ritz method: integrals, essential conditions, limits, eigenvalues, second order."""

import copy
from functools import partial
from math import pi
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from pdenet import Condition, DeepRitz, Dirichlet, Energy, Integral, Integrand, Problem, Rayleigh
from pdenet.balancing import GradientNorm
from pdenet.geometry import Box, Disk, Interval, Points
from pdenet.jets import dot, grad, laplacian
from pdenet.networks import MLP
from pdenet.optim import LBFGS, OPTIMIZERS, Adam, Broyden
from pdenet.references import Exact
from pdenet.sampling import QuadratureSampler, UniformSampler
from pdenet.solvers import PINN
from pdenet.solvers.ritz.essential import conormal_flux

ROD = Interval(x=(0, 1))
GAUSS = partial(QuadratureSampler, points=40, boundary_points=8)
SMALL = partial(MLP, width=8, depth=1)


def hanging(exact: float | None = -1 / 24, **more: Any) -> Problem:
    """-u'' = 1, u = 0 at both ends: u = x (1 - x) / 2, with the energy -1/24."""
    return Problem(
        domain=ROD,
        fields="u",
        conditions={"ends": Dirichlet(u=0, on=ROD.boundary)},
        energy=Energy(lambda u: 0.5 * u.x**2 - u, on=ROD.interior, exact=exact),
        reference=Exact(u=lambda x: x * (1 - x) / 2),
        **more,
    )


def train(problem: Problem, steps: int, network: Any = SMALL, **options: Any) -> DeepRitz:
    given = {"sampler": GAUSS(), "optimizer": (Adam(steps=20, lr=1e-2), Broyden(steps=steps))}
    solver = DeepRitz(problem, network, **{**given, **options})
    fit(solver)
    return solver


def fit(solver: pl.LightningModule, steps: int = -1, **options: Any) -> pl.Trainer:
    trainer = pl.Trainer(
        max_steps=steps,
        max_epochs=-1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
    )
    trainer.fit(solver, **options)
    return trainer


def values(solver: DeepRitz, *x: float) -> Tensor:
    at = torch.tensor(x).reshape(-1, len(solver.problem.coordinates))
    with torch.no_grad():
        return solver.residuals.eval().model(at)[:, 0]


def now(solver: DeepRitz) -> Tensor:
    """The objective at the points of step 0."""
    solver._draw()
    return solver.objective(solver.residuals(solver.drawing.batch), {})


class Parabola(nn.Module):
    """a x (1 - x) + b, for one coordinate or the first of several."""

    def __init__(self, a: float = 0.5, b: float = 0.0) -> None:
        super().__init__()
        self.a, self.b = (nn.Parameter(torch.tensor(v)) for v in (a, b))

    def forward(self, x: Any) -> Any:
        return (self.a * x[..., :1] * (1 - x[..., :1])) + self.b


# -- integrals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("points", [4, 400])
def test_the_loss_is_an_integral_not_a_mean(points):
    # Over a strip of height 3 everything is three times what it is on the rod.
    strip = Box(x=(0, 1), y=(0, 3))
    problem = Problem(
        domain=strip,
        fields="u",
        energy=Energy(
            lambda u: 0.5 * dot(grad(u), grad(u)) - u,
            on=strip.interior,
            boundary={"spring": Integrand(lambda u: (u - 1) ** 2, on=strip.face(x=1))},
        ),
    )
    sampler = QuadratureSampler(points=points, boundary_points=points)
    solver = DeepRitz(problem, Parabola(), sampler=sampler)
    assert now(solver).item() == pytest.approx(3 * (-1 / 24 + 1), rel=1e-12)


def test_random_points_give_the_integral_in_the_mean():
    sampler = UniformSampler(points=50, every=1)
    solver = DeepRitz(hanging(), Parabola(1.0), hard=False, sampler=sampler)
    found = []
    for step in range(400):
        solver.progress.step = step
        found.append(now(solver).item())
    found = torch.tensor(found)
    # The energy of x (1 - x) is 1/6 - 1/6 = 0; four standard deviations of the mean.
    assert abs(found.mean()) < 4 * found.std() / 20


def test_the_energy_approaches_its_minimum_from_above():
    seen = []

    class Watch(DeepRitz):
        def objective(self, rows, weights):
            loss = super().objective(rows, weights)
            seen.append(loss.item())
            return loss

    solver = Watch(hanging(), SMALL, sampler=GAUSS(), optimizer=(LBFGS(steps=60),))
    fit(solver)
    # 40 Gauss nodes integrate these networks to round-off.
    assert min(seen) > -1 / 24 - 1e-15
    assert seen[-1] + 1 / 24 < 1e-6
    assert values(solver, 0.5).item() == pytest.approx(1 / 8, abs=1e-4)
    said = solver.remarks(solver.indicators())
    assert len(said) == 1
    assert "above it" in said[0]


def test_too_few_nodes_run_below_the_minimum_and_say_so():
    sampler = QuadratureSampler(points=3)
    solver = train(hanging(), 150, sampler=sampler, optimizer=(LBFGS(steps=150),))
    found = solver.indicators()["energy"]
    assert found["at_training_points"] < -1 / 24 - 1e-2
    assert found["value"] > -1 / 24
    said = solver.remarks({"energy": found})
    assert "between the points" in said[0]


# -- essential conditions ------------------------------------------------------------------------


def test_a_penalized_energy_lies_below_the_minimum():
    # With a penalty b at both ends u = x (1 - x) / 2 + 1 / (2 b), and the energy alone is
    # -1/24 - 1/(2 b).
    solver = train(hanging(), 300, hard=False, essential="penalty", penalty=10.0)
    assert values(solver, 0.0, 1.0).tolist() == pytest.approx([0.05, 0.05], rel=1e-3)
    found = solver.indicators()["energy"]
    assert found["gap"] == pytest.approx(-1 / 20, rel=1e-3)
    assert "since given values are not met exactly" in solver.remarks({"energy": found})[0]


@pytest.mark.parametrize(
    ("method", "penalty"), [("augmented-lagrangian", 10.0), ("nitsche", 200.0)]
)
def test_consistent_methods_meet_given_values(method, penalty):
    more = {"penalty": penalty, "update_every": 40}
    solver = train(hanging(), 150, hard=False, essential=method, **more)
    # The penalty alone would miss them by 0.05 and 0.0025.
    assert values(solver, 0.0, 1.0).abs().max().item() < 1e-4
    assert solver.indicators()["energy"]["gap"] == pytest.approx(0, abs=1e-4)


def test_faces_of_many_dimensions_take_fresh_points():
    """A rule on a face of four dimensions has three nodes along an axis."""
    for dimension, method in ((4, "augmented-lagrangian"), (5, "nitsche")):
        cube = Box(**{f"x{i}": (0, 1) for i in range(dimension)})
        problem = Problem(
            domain=cube,
            fields="u",
            conditions={"rim": Dirichlet(u=0, on=cube.boundary, hard=False)},
            energy=Energy(lambda u: 0.5 * dot(grad(u), grad(u)) - u, on=cube.interior),
        )
        sampler = UniformSampler(points=20, boundary_points=30, every=1)
        solver = DeepRitz(problem, SMALL, sampler=sampler)
        assert solver.misfits.method == method
        solver.drawing.at(0)
        before = solver.points["rim"].x
        solver.drawing.at(1)
        assert (solver.points["rim"].x is before) == (method == "augmented-lagrangian")


def test_multipliers_become_the_flux():
    solver = train(hanging(), 150, hard=False, penalty=10.0, update_every=40)
    (multiplier,) = (b for n, b in solver.misfits.named_buffers() if n.startswith("multiplier_"))
    # q = n u' is -1/2 at both ends, and the multiplier its negative.
    assert multiplier.flatten().tolist() == pytest.approx([0.5, 0.5], abs=1e-3)


def test_an_integral_condition_has_one_multiplier():
    # -u'' = cos(pi x) with free ends and mean zero.
    problem = Problem(
        domain=ROD,
        fields="u",
        conditions={"mean": Integral(lambda u: u, on=ROD.interior)},
        energy=Energy(lambda u, x: 0.5 * u.x**2 - torch.cos(pi * x) * u, on=ROD.interior),
    )
    solver = train(problem, 200, penalty=10.0)
    assert solver.misfits.get_buffer("multiplier_0").shape == (1, 1)
    expected = torch.cos(pi * torch.tensor([0.0, 0.3])) / pi**2
    torch.testing.assert_close(values(solver, 0.0, 0.3), expected, atol=1e-3, rtol=0)


def test_conormal_flux_is_that_of_the_density():
    square = Box(x=(0, 1), y=(0, 1))
    problem = Problem(
        domain=square,
        fields=("v", "u"),
        conditions={"rim": Dirichlet(u=0, on=square.boundary)},
        energy=Energy(
            lambda u, v, x: 0.5 * (1 + x) * dot(grad(u), grad(u)) + v.x * u.y, on=square.interior
        ),
    )

    class Known(nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = nn.Parameter(torch.zeros(()))

        def forward(self, xy):
            x, y = xy[..., 0], xy[..., 1]
            return torch.stack([x**2 * y + 0 * self.unused, x * y**2], dim=-1)

    solver = DeepRitz(problem, Known(), hard=False, essential="nitsche")
    points = square.boundary.sample(20, seed=0)
    batch = solver.residuals.batch("rim", points)
    x, y = points["x"], points["y"]
    condition = problem.conditions["rim"]
    assert isinstance(condition, Dirichlet)
    expected = points["nx"] * (1 + x) * y**2 + points["ny"] * ((1 + x) * 2 * x * y + 2 * x * y)
    found = conormal_flux(solver.residuals, condition, batch)
    torch.testing.assert_close(found[:, 0], expected)


def test_resumed_multipliers_are_those_of_an_uninterrupted_run(tmp_path):
    def build() -> DeepRitz:
        return DeepRitz(
            hanging(),
            SMALL,
            hard=False,
            update_every=10,
            sampler=UniformSampler(points=30, every=5),
            optimizer=(Adam(steps=15), LBFGS(steps=100)),
        )

    whole, first, second = build(), build(), build()
    fit(whole, 50)
    trainer = fit(first, 30)  # between two moves, at one
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    fit(second, 50, ckpt_path=tmp_path / "half.ckpt")
    for name, value in whole.state_dict().items():
        if isinstance(value, Tensor):
            assert torch.equal(value, second.state_dict()[name]), name
    assert int(whole.misfits.moved_at) == 40


# -- obstacles -----------------------------------------------------------------------------------


def test_a_string_rests_on_its_obstacle():
    # Pulled down by 8 onto -1/2: u'' = 8 until it touches with slope 0, at x = 1 / sqrt 8.
    bound = Energy(lambda u: 0.5 * u.x**2 + 8 * u, on=ROD.interior, at_least={"u": -0.5})
    problem = Problem(
        domain=ROD,
        fields="u",
        conditions={"ends": Dirichlet(u=0, on=ROD.boundary)},
        energy=bound,
    )
    solver = train(problem, 200, update_every=20)
    x = torch.linspace(0, 1, 101)
    found = values(solver, *x.tolist())
    assert found.min().item() == -0.5
    edge = 8**-0.5
    exact = torch.where(x < edge, 4 * (x - edge) ** 2 - 0.5, -0.5)
    assert (found - exact)[:51].abs().max().item() < 5e-3
    assert solver.conforming
    # The multiplier is the contact force: 8 on the length where the string rests, 0 elsewhere.
    force = solver.misfits.get_buffer("multiplier_0")[:, 0]
    points = solver.drawing.points["u at least"]
    assert (points.weight @ force).item() == pytest.approx(8 * (1 - 2 * edge), rel=0.03)
    assert force[(points["x"] - 0.5).abs() > 0.3].max().item() < 0.1


def test_where_nothing_is_touched_nothing_is_felt():
    # Misfits r of a bound count down to -m / b: with m = 6 and b = 2 down to -3.
    free = Energy(lambda u: 0.5 * u.x**2, on=ROD.interior, at_least={"u": 0})
    problem = Problem(domain=ROD, fields="u", energy=free)
    solver = DeepRitz(problem, Parabola(0.0, 0.0), sampler=GAUSS(points=4), penalty=2.0)
    misfits = solver.misfits
    misfits.get_buffer("multiplier_0").fill_(6.0)
    rows = torch.tensor([-4.0, -3.0, -2.0, 1.0])
    density = misfits.density("u at least", rows, {})
    # ((m + b r)_+^2 - m^2) / (2 b)
    assert density.tolist() == [-9.0, -9.0, -8.0, 7.0]
    assert misfits.curvature("u at least", rows).tolist() == [0.0, 2.0, 2.0, 2.0]


def test_multipliers_keep_their_points_where_others_shift():
    square = Box(x=(0, 1), y=(0, 1))
    problem = Problem(
        domain=square,
        fields="u",
        conditions={"rim": Dirichlet(u=0, on=square.boundary)},
        energy=Energy(lambda u: 0.5 * dot(grad(u), grad(u)) - u, on=square.interior),
    )
    sampler = QuadratureSampler(points=40, boundary_points=30, every=1)
    solver = DeepRitz(problem, SMALL, hard=False, sampler=sampler, update_every=2)
    first = solver.drawing.at(0), solver.points["rim"].x, solver.points["energy"].x
    solver.drawing.at(5)
    assert torch.equal(solver.points["rim"].x, first[1])
    assert not torch.equal(solver.points["energy"].x, first[2])


# -- energies without minimum, and other bad input -----------------------------------------------


def endless(density: Any) -> Problem:
    return Problem(domain=ROD, fields="u", energy=Energy(density, on=ROD.interior))


@pytest.mark.parametrize(
    "density",
    [
        lambda u: u,
        lambda u: 0.5 * u.x**2 - u**2,
        # Falls along constants alone: the load has no support.
        lambda u: 0.5 * u.x**2 - u,
    ],
    ids=["linear", "saddle", "unsupported"],
)
@pytest.mark.parametrize("phase", [Adam(lr=1e-2), Broyden()], ids=["adam", "broyden"])
def test_energies_without_minimum_end_the_run(density, phase):
    solver = DeepRitz(endless(density), SMALL, sampler=GAUSS(), optimizer=(phase,), block=10)
    fit(solver, 5000)
    assert solver.progress.stopped_by == "unbounded"
    assert "no minimum" in solver.progress.stop_reason
    assert solver.progress.step < 5000


def test_newton_steps_find_that_there_is_no_minimum():
    phases = OPTIMIZERS["levenberg-marquardt"]()
    saddle = endless(lambda u: 0.5 * u.x**2 - u**2)
    solver = DeepRitz(saddle, SMALL, sampler=GAUSS(), optimizer=phases, block=10)
    fit(solver, 1000)
    assert solver.progress.stopped_by == "unbounded"


class Weightless(QuadratureSampler):
    def draw_share(self, share, step):
        p = super().draw_share(share, step)
        return Points(p.coordinates, p.x, p.weight * 0, p.density, space=p.space)


class Means(QuadratureSampler):
    def draw_share(self, share, step):
        p = super().draw_share(share, step)
        return Points(p.coordinates, p.x, p.weight / 7, p.density, space=p.space)


class Torn(nn.Module):
    """What a partition of unity with hard windows says of itself."""

    conforming = False

    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x):
        return self.linear(x)


PLATE = Box(x=(0, 1), y=(0, 1))


def plate() -> Problem:
    return Problem(
        domain=PLATE,
        fields="u",
        conditions={"edges": Dirichlet(u=0, on=PLATE.boundary)},
        energy=Energy(lambda u: laplacian(u) ** 2 - u, on=PLATE.interior),
    )


REFUSED = {
    "wants residuals": lambda: DeepRitz(
        hanging(), SMALL, optimizer=OPTIMIZERS["variable-projection"]()
    ),
    "linear in its fields": lambda: DeepRitz(
        endless(lambda u: u), sampler=GAUSS(), optimizer=OPTIMIZERS["levenberg-marquardt"]()
    ),
    "has no energy": lambda: DeepRitz(
        Problem(domain=ROD, fields="u", conditions={"e": Condition(lambda u: u.xx, ROD.interior)})
    ),
    "weights that sum to 0, but the region measures 1": lambda: DeepRitz(
        hanging(), sampler=Weightless()
    ),
    "weights that sum to 0.1429": lambda: DeepRitz(hanging(), sampler=Means()),
    "'energy' .* density that is not finite": lambda: DeepRitz(
        endless(lambda u, x: u.x**2 / (x - x)), sampler=GAUSS()
    ),
    "discontinuous across its patches": lambda: DeepRitz(hanging(), Torn),
    "terms of an energy have their own weights": lambda: DeepRitz(
        hanging(), balance=GradientNorm()
    ),
    "penalty=-1.0": lambda: DeepRitz(hanging(), penalty=-1.0),
    "essential='mortar' must be one of": lambda: DeepRitz(
        hanging(),
        essential="mortar",  # type: ignore[arg-type]
    ),
    "a single density of values and first partials": lambda: DeepRitz(
        plate(), hard=False, essential="nitsche"
    ),
    "Nitsche's method takes given values": lambda: DeepRitz(
        Problem(
            domain=ROD,
            fields="u",
            conditions={"mean": Integral(lambda u: u, on=ROD.interior)},
            energy=Energy(lambda u: u.x**2, on=ROD.interior),
        ),
        essential="nitsche",
    ),
    "no equations, only an energy": lambda: PINN(hanging()),
}


@pytest.mark.parametrize("message", REFUSED)
def test_bad_input_is_refused(message):
    with pytest.raises(ValueError, match=message):
        REFUSED[message]()


# -- eigenvalues ---------------------------------------------------------------------------------


def string(states: int = 1, **more: Any) -> Problem:
    return Problem(
        domain=ROD,
        fields={"u": states if states > 1 else ()},
        conditions={"ends": Dirichlet(u=0, on=ROD.boundary)},
        energy=Rayleigh(lambda u: u.x**2, lambda u: u * u, on=ROD.interior, states=states, **more),
    )


def test_two_levels_at_once():
    solver = train(string(2, exact=[pi**2, 4 * pi**2]), 200, partial(MLP, width=10, depth=1))
    found = solver.constants()
    assert list(found) == ["eigenvalue 1", "eigenvalue 2"]
    for k, (value, exact) in enumerate(found.values(), 1):
        assert exact == k**2 * pi**2
        assert value == pytest.approx(exact, rel=1e-4)
        assert value > exact - 1e-9  # from above
    # What comes out are normalized eigenfunctions; in training the network as it is.
    points = ROD.quadrature(60)
    x = points["x"]
    with torch.no_grad():
        states = solver.residuals.eval().model(points.x)
    gram = states.T * points.weight @ states
    torch.testing.assert_close(gram, torch.eye(2), rtol=1e-6, atol=1e-6)
    sines = torch.stack([2**0.5 * torch.sin(k * pi * x) for k in (1, 2)], dim=1)
    overlap = sines.T * points.weight @ states
    torch.testing.assert_close(overlap.abs(), torch.eye(2), rtol=1e-3, atol=1e-2)


def test_levels_one_after_the_other():
    first = train(string(), 60)

    def ground(x: Tensor) -> Tensor:
        with torch.no_grad():
            return first.residuals.eval().model(x[:, None])[:, 0]

    second = train(string(orthogonal_to=[ground], shift=100.0), 100)
    ((value, _),) = second.constants().values()
    assert value == pytest.approx(4 * pi**2, rel=1e-3)


# -- second order --------------------------------------------------------------------------------


class LastLayer(nn.Module):
    """Linear in what is trained."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.hidden, self.last = nn.Linear(inputs, 6), nn.Linear(6, outputs)
        self.hidden.requires_grad_(False)

    def forward(self, x):
        return self.last(torch.tanh(self.hidden(x)))


@pytest.mark.parametrize("hard", [True, False])
def test_rows_give_the_hessian_of_a_quadratic_energy(hard):
    square = Box(x=(0, 1), y=(0, 2))
    problem = Problem(
        domain=square,
        fields="u",
        conditions={"rim": Dirichlet(u=0, on=square.boundary)},
        energy=Energy(
            lambda u, x: (1 + x) * dot(grad(u), grad(u)) + 3 * u**2 - u,
            on=square.interior,
            boundary={},
        ),
    )
    sampler = QuadratureSampler(points=50, boundary_points=20)
    options = {} if hard else {"hard": False, "penalty": 7.0}
    solver = DeepRitz(problem, LastLayer, sampler=sampler, **options)
    linear = solver.linearization()
    trained = solver._trained()
    gradient = torch.autograd.grad(now(solver), trained, create_graph=True)
    flat = torch.cat([g.reshape(-1) for g in gradient])
    rows = [torch.autograd.grad(g, trained, retain_graph=True) for g in flat]
    hessian = torch.stack([torch.cat([r.reshape(-1) for r in row]) for row in rows])
    torch.testing.assert_close(linear.gradient, flat.detach())
    torch.testing.assert_close(linear.normal(), hessian, rtol=1e-9, atol=1e-9)
    assert linear.z is None
    assert linear.evaluate() == pytest.approx(now(solver).item(), rel=1e-12)
    with pytest.raises(TypeError, match="no rows z"):
        linear.residuals()


def test_natural_gradient_solves_a_linear_model_in_few_steps():
    solver = DeepRitz(
        hanging(), LastLayer, sampler=GAUSS(), optimizer=OPTIMIZERS["levenberg-marquardt"](steps=8)
    )
    fit(solver)
    linear = solver.linearization()
    # Of entries of order 1; damping lets it fall by a factor a step.
    assert linear.gradient.abs().max().item() < 1e-6


def test_natural_gradient_of_a_nonlinear_energy():
    # -u'' + u^3 = f with free ends; Mueller and Zeinhofer's example.
    line = Interval(x=(-1, 1))

    def source(x):
        return pi**2 * torch.cos(pi * x) + torch.cos(pi * x) ** 3

    problem = Problem(
        domain=line,
        fields="u",
        energy=Energy(lambda u, x: 0.5 * u.x**2 + 0.25 * u**4 - source(x) * u, on=line.interior),
        reference=Exact(u=lambda x: torch.cos(pi * x)),
    )
    phases = OPTIMIZERS["levenberg-marquardt"](steps=40, resample_every=None)
    solver = DeepRitz(problem, partial(MLP, width=12, depth=1), sampler=GAUSS(), optimizer=phases)
    fit(solver)
    x = torch.linspace(-1, 1, 50)
    error = values(solver, *x.tolist()) - torch.cos(pi * x)
    # Adam needs thousands of steps for 1e-3.
    assert error.norm() / torch.cos(pi * x).norm() < 1e-4


@pytest.mark.parametrize("name", sorted(OPTIMIZERS.keys() - {"soap", "variable-projection"}))
def test_every_optimizer_lowers_an_energy(name):
    solver = DeepRitz(hanging(), SMALL, sampler=GAUSS(), optimizer=OPTIMIZERS[name]())
    before = now(solver).item()
    fit(solver, 10)
    assert now(solver).item() < before


def test_loads_have_no_rows():
    problem = Problem(
        domain=ROD,
        fields="u",
        conditions={"held": Dirichlet(u=0, on=ROD.face(x=0))},
        energy=Energy(
            lambda u: u.x**2,
            on=ROD.interior,
            boundary={"pull": Integrand(lambda u: -u, on=ROD.face(x=1))},
        ),
    )
    solver = DeepRitz(problem, SMALL)
    assert solver.row_source.names == ("energy",)


def test_a_solver_can_be_copied_and_saved():
    solver = DeepRitz(hanging(), SMALL, hard=False, sampler=GAUSS())
    other = copy.deepcopy(solver)
    assert now(other).item() == now(solver).item()
    assert not any("_curved" in key for key in solver.state_dict())


def test_fields_without_boundary_are_integrated_too():
    disk = Disk(center=(0, 0), radius=2)
    problem = Problem(
        domain=disk, fields="u", energy=Energy(lambda u: (u - 1) ** 2, on=disk.interior)
    )
    solver = DeepRitz(problem, Parabola(0.0, 3.0), sampler=QuadratureSampler(points=100))
    assert now(solver).item() == pytest.approx(4 * 4 * pi, rel=1e-12)
