"""Every problem of the catalogue: builds, says what it is, and is solved by its own solution."""

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pdenet import Data, Problem, Unknown
from pdenet.accuracy import Comparison
from pdenet.catalogue import Entry, entries
from pdenet.energy import Energy
from pdenet.references import Exact
from pdenet.residuals import Residuals, tensors
from pdenet.solvers.hard import plan_hard_conditions
from pdenet.solvers.ritz.integration import known_minimum

ENTRIES = {entry.name: entry for entry in entries()}
POINTS = 200

# Parameters besides the defaults whose solutions are tried, and those that must be refused.
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "advection-1d": [{"speed": -3.0}],
    "biharmonic-plate": [{"support": "simply-supported"}],
    "burgers": [{"nu": 0.1}],
    "heat-1d": [{"diffusivity": 0.1, "frequency": 3}],
    "heat-disk": [{"diffusivity": 1.0}],
    "heat-multiscale": [{"frequency": 2}],
    "helmholtz-1d": [{"lam": -3.0}],
    "helmholtz-2d": [{"frequency": 1, "boundary": "zero"}],
    "kovasznay": [{"reynolds": 5.0}],
    "linear-elasticity": [{"lam": 30.0, "mu": 2.0}],
    "parametric-burgers": [{"nu_low": 0.05, "nu_high": 0.5}],
    "poisson-1d": [{"frequency": 4}],
    "laplace-eigenvalue-square": [{"levels": 1}],
    "p-laplacian": [{"p": 2.0}],
    "poisson-2d": [{"frequency": 3}],
    "poisson-interface": [{"inside": 0.1, "outside": 2.0}],
    "poisson-nd": [{"dimension": 1}, {"dimension": 2}],
    "poisson-robin": [{"transfer": 5.0}],
    "taylor-green": [{"nu": 0.5}],
    "wave-1d": [{"speed": 0.5}],
}
REFUSED: dict[str, dict[str, Any]] = {
    "allen-cahn": {"diffusion": 0.0},
    "biharmonic-plate": {"support": "floating"},
    "burgers": {"nu": -0.01},
    "heat-1d": {"frequency": 0},
    "heat-disk": {"diffusivity": -1.0},
    "heat-multiscale": {"frequency": -2},
    "helmholtz-1d": {"lam": float("nan")},
    "helmholtz-2d": {"boundary": "absorbing"},
    "inverse-diffusion": {"sensors": 1},
    "korteweg-de-vries": {"delta": 0.0},
    "kuramoto-sivashinsky": {"t_final": 0.0},
    "laplace-eigenvalue-square": {"levels": 7},
    "p-laplacian": {"p": 1.5},
    "parametric-burgers": {"nu_low": 0.2},
    "poisson-robin": {"transfer": 0.0},
    "taylor-green": {"nu": 0.0},
    "wave-1d": {"speed": 0.0},
}

EXACT = [
    pytest.param(name, parameters, id=f"{name} {parameters or ''}".strip())
    for name in ENTRIES
    for parameters in [{}, *VARIANTS.get(name, [])]
]


class Solution(nn.Module):
    """A problem's exact fields as a network, in torch functions, so that jets pass through it.

    Args:
        problem: The problem.
        wrong: Whether each field is multiplied by and added to a wave: then it solves nothing, but
            has the size and the frequencies of the solution.
    """

    def __init__(self, problem: Problem, wrong: bool = False) -> None:
        super().__init__()
        assert isinstance(problem.reference, Exact)
        self.problem, self.wrong = problem, wrong
        self.functions = problem.reference.functions
        self.unused = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        known = {name: x[..., i] for i, name in enumerate(self.problem.coordinates)}
        columns = []
        for name in self.problem.shapes:
            columns += _components(_evaluate(self.functions[name], known))
        if self.wrong:
            columns = [_distort(u, k, known) for k, u in enumerate(columns)]
        return torch.stack(columns, dim=-1)


def _evaluate(function: Any, known: Mapping[str, Any]) -> Any:
    parameters = inspect.signature(function).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return function(**known)
    return function(**{name: known[name] for name in parameters})


def _components(value: Any) -> list[Any]:
    if isinstance(value, tuple):
        return [component for part in value for component in _components(part)]
    return [value]


def _distort(u: Any, k: int, known: Mapping[str, Any]) -> Any:
    phase = sum((i + 1.3) * value for i, value in enumerate(known.values())) + 0.7 + k
    return u * (1 + 0.3 * torch.cos(phase)) + 0.3 * torch.sin(phase)


def residuals(problem: Problem, wrong: bool = False) -> dict[str, Tensor]:
    """Rows of every condition, shape (n, k), at the exact solution or at a wrong one."""
    model = Residuals(problem, Solution(problem, wrong))
    for name, unknown in problem.unknowns.items():
        assert isinstance(unknown, Unknown)
        assert unknown.exact is not None
        # A wrong constant as well, so that its own terms are seen.
        nn.init.constant_(model.unknowns[name], unknown.exact * (1.3 if wrong else 1.0))
    batch = {}
    for name, condition in problem.conditions.items():
        # Integrals need a rule that is exact to round-off, other conditions any points.
        points = condition.on.quadrature(4000) if condition.integral else None
        points = points or condition.on.sample(POINTS, seed=3)
        batch[name] = tensors(condition, points, model.model.unused)
    rows = model(batch)
    return {name: r.detach().reshape(len(r), -1) for name, r in rows.items()}


def test_the_catalogue_is_whole() -> None:
    wanted = """
        poisson-1d poisson-2d poisson-nd poisson-l-shape poisson-disks helmholtz-1d helmholtz-2d
        reaction-diffusion heat-1d heat-multiscale advection-1d wave-1d klein-gordon burgers
        allen-cahn korteweg-de-vries kuramoto-sivashinsky schrodinger biharmonic-plate kovasznay
        taylor-green lid-driven-cavity linear-elasticity inverse-diffusion parametric-burgers
    """
    assert set(wanted.split()) <= ENTRIES.keys()


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())
def test_builds_and_says_what_it_is(entry: Entry) -> None:
    problem = entry.build()
    assert problem.name == entry.name
    assert problem.source
    assert len(entry.summary) > 20, "a summary line is what solve-problem --list shows"
    assert entry.summary.endswith(".")
    module = inspect.getdoc(inspect.getmodule(entry.function)) or ""
    for part in ("Equation", "Data:", "Source:"):
        assert part in module
    assert "Dimensionless" in module or "Units:" in module


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())
def test_reference_knows_every_field(entry: Entry) -> None:
    problem = entry.build()
    assert problem.reference is not None
    assert set(problem.reference.fields) == set(problem.shapes)
    assert problem.target <= 0.1


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())
def test_parameters_are_typed_and_have_defaults(entry: Entry) -> None:
    for parameter in entry.parameters.values():
        assert parameter.annotation is not parameter.empty
        assert parameter.default is not parameter.empty


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES.values() if e.parameters], ids=lambda e: e.name
)
def test_bad_parameters_are_refused(entry: Entry) -> None:
    bad = [REFUSED[entry.name]] if entry.name in REFUSED else []
    numeric = [n for n, p in entry.parameters.items() if isinstance(p.default, int | float)]
    bad += [{name: float("nan")} for name in numeric]
    for parameters in bad:
        (name,) = parameters
        # Once through the catalogue, as the command line goes, and once as a plain call.
        for build in (entry.build, entry.function):
            with pytest.raises(ValueError, match=name):
                build(**parameters)


@pytest.mark.parametrize(("name", "parameters"), EXACT)
def test_exact_solution_satisfies_its_conditions(name: str, parameters: dict[str, Any]) -> None:
    problem = ENTRIES[name].build(**parameters)
    if not isinstance(problem.reference, Exact):
        pytest.skip(f"the reference is {getattr(problem.reference, 'kind', None)}")
    right, wrong = residuals(problem), residuals(problem, wrong=True)
    for condition, rows in right.items():
        if isinstance(problem.conditions[condition], Data):
            continue
        for k in range(rows.shape[1]):
            size = wrong[condition][:, k].square().mean().sqrt()
            assert size > 1e-3, f"{condition}: the residual does not see the fields"
            # Terms cancel to round-off, 1e-13 for large frequencies, and to the accuracy with
            # which the reference itself is known.
            allowed = max(1e-9, 100 * problem.reference.tolerance)
            assert rows[:, k].abs().max() <= allowed * size, f"{condition}, row {k}"


ENERGIES = [
    pytest.param(name, parameters, id=f"{name} {parameters or ''}".strip())
    for name in ENTRIES
    for parameters in [{}, *VARIANTS.get(name, [])]
    if ENTRIES[name].build(**parameters).energy is not None
]


class Varied(Solution):
    """The exact solution and a multiple of an admissible variation.

    A variation vanishes where a condition is essential: it is the factor of the network in the
    hard form of the essential conditions times waves, or the distance to the whole boundary where
    some are not imposed.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.factors = admissible(problem)

    def forward(self, x: Tensor) -> Tensor:
        known = {name: x[..., i] for i, name in enumerate(self.problem.coordinates)}
        exact = super().forward(x)
        columns = []
        for k, factor in enumerate(self.factors):
            phase = sum((0.4 * i + 1.3) * value for i, value in enumerate(known.values())) + 0.3
            # Fields of two materials are varied alike, so that they do not jump.
            phase = phase if self.problem.regions else phase + k
            columns.append(exact[..., k] + self.unused * factor(known) * torch.cos(phase))
        return torch.stack(columns, dim=-1)


def admissible(problem: Problem) -> list[Any]:
    """What variations are multiplied by, one a component, so that they may be any."""
    if problem.name == "linear-elasticity":  # slides and guides give one component each
        return [
            lambda k: k["y"] * (1 - k["y"]),
            lambda k: k["y"] * k["x"] * (1 - k["x"]),
        ]
    if problem.name == "hyperelastic-beam":
        return [lambda k: k["x"]] * 2
    if problem.name == "poisson-interface":  # the same in both materials: no jump
        return [lambda k: problem.domain.boundary.distance(**k)] * 2
    plan = (
        plan_hard_conditions(replace(problem, conditions=problem.essential, energy=None))
        if problem.essential
        else None
    )
    if plan is None:
        return [lambda k: 1.0] * problem.outputs
    if set(plan.imposed) != set(problem.essential):
        return [lambda k: problem.domain.boundary.distance(**k)] * problem.outputs
    return [lambda k, d=d: d(**k) if callable(d) else 1.0 for d in plan.distance]


def energy_of(problem: Problem, model: nn.Module, points: int) -> Tensor:
    assert problem.energy is not None
    residuals = Residuals(problem, model, trained=problem.energy.terms)
    rules = {n: c.on.quadrature(points) for n, c in problem.energy.terms.items()}
    rows = residuals({n: residuals.batch(n, rule) for n, rule in rules.items()})
    sums = {n: rules[n].weight @ r.reshape(len(r), -1) for n, r in rows.items()}
    return problem.energy.value(sums)


@pytest.mark.parametrize(("name", "parameters"), ENERGIES)
def test_exact_solution_minimizes_its_energy(name: str, parameters: dict[str, Any]) -> None:
    problem = ENTRIES[name].build(**parameters)
    if not isinstance(problem.reference, Exact):
        pytest.skip(f"the reference is {getattr(problem.reference, 'kind', None)}")
    model, value = Varied(problem), energy_of(problem, Varied(problem), 4_000).item()
    assert problem.energy is not None
    # Where there is no Gauss rule, integrals are accurate to 1e-3 only.
    rules = [term.on.rule(4_000) for term in problem.energy.terms.values()]
    gauss = problem.domain.dimension <= 3 and None not in rules
    accuracy = max(1e-6, 100 * problem.reference.tolerance) if gauss else 2e-3
    first, second = _derivatives(problem, model)
    assert second > 0
    if isinstance(problem.energy, Energy) and problem.energy.at_least:
        # A rule sees the kink of the gradient where the obstacle ends to second order; pushed
        # against the obstacle, the membrane's energy falls.
        assert value == pytest.approx(known_minimum(problem), rel=2e-3)
        return
    if (minimum := known_minimum(problem)) is not None:
        assert value == pytest.approx(minimum, rel=accuracy)
    # In units in which the variation raises the energy by the size of the energy.
    assert abs(first) / (second * abs(value)) ** 0.5 < 10 * accuracy
    # At a wrong solution the slope is of order 1.
    model.wrong = True
    assert abs(_derivatives(problem, model)[0]) > 10 * abs(first)


def _derivatives(problem: Problem, model: Varied) -> tuple[float, float]:
    """First and second derivative of the energy along the variation."""
    value = energy_of(problem, model, 4_000)
    (first,) = torch.autograd.grad(value, model.unused, create_graph=True)
    (second,) = torch.autograd.grad(first, model.unused)
    return first.item(), second.item()


def test_measurements_scatter_as_stated() -> None:
    problem = ENTRIES["inverse-diffusion"].build(noise=0.01, sensors=1000)
    rows = residuals(problem)["measurements"]
    # The standard deviation of 1000 normal numbers is known to 2.2 per cent: four times that.
    assert rows.std().item() == pytest.approx(0.01, rel=0.09)
    assert abs(rows.mean().item()) < 4 * 0.01 / 1000**0.5


def test_measurements_depend_on_the_seed_alone() -> None:
    build = ENTRIES["inverse-diffusion"].build
    first, again, other = (residuals(build(seed=seed))["measurements"] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_fields_are_judged_where_they_live() -> None:
    problem = ENTRIES["poisson-interface"].build()
    comparison = Comparison.of(problem)
    assert comparison is not None

    class Elsewhere(Solution):
        """The exact solution, and nonsense where a field does not live."""

        def forward(self, x: Tensor) -> Tensor:
            outside = [~problem.where(name, x) for name in problem.shapes]
            return super().forward(x) + 1e3 * torch.stack(outside, dim=-1)

    errors = comparison.errors(Residuals(problem, Elsewhere(problem)))
    assert errors["inner"].relative_max < 1e-12
    assert errors["outer"].relative_max < 1e-12


def test_region_of_an_unknown_field_is_refused() -> None:
    problem = ENTRIES["poisson-interface"].build()
    with pytest.raises(ValueError, match="'iner', but there are"):
        replace(problem, regions={"iner": problem.regions["inner"]})
