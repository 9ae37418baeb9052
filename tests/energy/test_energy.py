"""Energies as parts of problems: what they demand, what they contradict, what they are worth."""

import math
from typing import Any

import pytest
import torch

from pdenet import (
    Condition,
    Dirichlet,
    Energy,
    Integral,
    Integrand,
    Neumann,
    Problem,
    Rayleigh,
    Robin,
)
from pdenet.geometry import Box, Interval
from pdenet.jets import dot, grad, laplacian

ROD = Interval(x=(0, 2))
SQUARE = Box(x=(0, 1), y=(0, 1))


def stretched(u: Any) -> Any:
    return 0.5 * u.x**2


def rod(energy: Any, /, **conditions: Any) -> Problem:
    return Problem(domain=ROD, fields="u", conditions=conditions, energy=energy)


LEFT, RIGHT = ROD.face(x=0), ROD.face(x=2)
HELD = Dirichlet(u=0, on=LEFT)


def test_an_energy_alone_makes_a_problem() -> None:
    problem = rod(Energy(stretched, on=ROD.interior))
    assert problem.demands["energy"].layout.channels == ((), (0,))
    assert not problem.has_equations
    assert not problem.essential


def test_conditions_that_minimizers_satisfy_by_themselves_are_natural() -> None:
    energy = Energy(
        stretched, on=ROD.interior, boundary={"pull": Integrand(lambda u: -u, on=RIGHT)}
    )
    problem = rod(
        energy,
        held=HELD,
        pulled=Neumann(u=1.0, on=RIGHT),
        spring=Robin(u=(1.0, 1.0, 0.0), on=RIGHT),
        mean=Integral(lambda u: u, on=ROD.interior),
        equation=Condition(lambda u: u.xx, on=ROD.interior),
    )
    assert set(problem.essential) == {"held", "mean"}
    assert problem.has_equations
    assert set(problem.known) == {*problem.conditions, "energy", "pull"}


def test_slopes_are_essential_where_an_energy_has_second_partials() -> None:
    conditions = {"edges": Dirichlet(u=0, on=SQUARE.boundary)}
    conditions["slope"] = Neumann(u=0, on=SQUARE.boundary)
    plate = Energy(lambda u: 0.5 * laplacian(u) ** 2, on=SQUARE.interior)
    membrane = Energy(lambda u: 0.5 * dot(grad(u), grad(u)), on=SQUARE.interior)
    essential = [
        set(Problem(domain=SQUARE, fields="u", conditions=conditions, energy=e).essential)
        for e in (plate, membrane)
    ]
    assert essential == [{"edges", "slope"}, {"edges"}]


def test_essential_conditions_can_be_named_and_added() -> None:
    guided = Condition(lambda u: u - 1, on=RIGHT)
    energy = Energy(stretched, on=ROD.interior, conditions={"guided": guided}, essential=())
    problem = rod(energy, held=HELD)
    assert set(problem.essential) == {"guided"}


def test_an_energy_is_the_sum_of_its_integrals() -> None:
    energy = Energy(
        stretched, on=ROD.interior, boundary={"pull": Integrand(lambda u: -u, on=RIGHT)}
    )
    found = energy.value({"energy": torch.tensor([2.0]), "pull": torch.tensor([-3.0])})
    assert found.item() == -1.0


REFUSED = {
    "is no energy": lambda: rod(stretched),
    "tuple of names": lambda: rod(Energy(stretched, on=ROD.interior, essential="held"), held=HELD),
    "essential names": lambda: rod(Energy(stretched, on=ROD.interior, essential=("hold",))),
    "function of named fields": lambda: Energy(3.0, on=ROD.interior),  # type: ignore[arg-type]
    "not finite": lambda: Energy(stretched, on=ROD.interior, exact=math.inf),
    "name of the density": lambda: Energy(
        stretched, on=ROD.interior, boundary={"energy": Integrand(stretched, on=RIGHT)}
    ),
    "write\\s+Integrand": lambda: Energy(
        stretched,
        on=ROD.interior,
        boundary={"pull": lambda u: -u},  # type: ignore[dict-item]
    ),
    "share a name": lambda: rod(Energy(stretched, on=ROD.interior), energy=HELD),
    "asks for 'v'": lambda: rod(Energy(lambda v: v, on=ROD.interior)),
    "returned 2 rows": lambda: rod(Energy(lambda u: (u, u), on=ROD.interior)),
    "names no field": lambda: rod(Energy(lambda x: x, on=ROD.interior)),
    "a given value and a load": lambda: rod(
        Energy(stretched, on=ROD.interior, boundary={"pull": Integrand(lambda u: -u, on=LEFT)}),
        held=HELD,
    ),
    "its minimizer has none": lambda: rod(
        Energy(stretched, on=ROD.interior), held=HELD, pulled=Neumann(u=1.0, on=RIGHT)
    ),
    "eigenfunction times any number": lambda: rod(
        Rayleigh(stretched, lambda u: u * u, on=ROD.interior), held=Dirichlet(u=1, on=LEFT)
    ),
    "give a positive shift": lambda: Rayleigh(
        stretched, lambda u: u * u, on=ROD.interior, orthogonal_to=[torch.sin]
    ),
    "find their levels by themselves": lambda: Rayleigh(
        stretched, lambda u: u * u, on=ROD.interior, states=2, orthogonal_to=[torch.sin], shift=1.0
    ),
    "whole number": lambda: Rayleigh(stretched, lambda u: u * u, on=ROD.interior, states=0),
    "a vector of 2": lambda: rod(Rayleigh(stretched, lambda u: u * u, on=ROD.interior, states=2)),
    "not finite; give numbers": lambda: Rayleigh(
        stretched, lambda u: u * u, on=ROD.interior, exact=[math.nan]
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_makes_no_sense_is_refused(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        REFUSED[message]()


def test_energies_are_not_cut_into_windows() -> None:
    domain = Box(x=(0, 1), t=(0, 1))
    problem = Problem(
        domain=domain, fields="u", energy=Energy(lambda u: u.x**2 + u.t**2, on=domain.interior)
    )
    with pytest.raises(ValueError, match="belongs to all times"):
        problem.at_time(0, 0.5)
    with pytest.raises(ValueError, match="cannot be cut into time windows"):
        Integrand(lambda u: u, on=domain.interior).at_time(0, 0.5, None)
