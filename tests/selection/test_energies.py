"""What `auto` chooses where an energy is minimized."""

import pytest

from pdenet.catalogue import find
from pdenet.selection import Part, choose

KINDS = ("solver", "network", "sampler", "optimizer", "balance")


def chosen(name: str, solver: str) -> dict[str, str]:
    parts = {kind: Part(kind) for kind in KINDS} | {"solver": Part("solver", solver)}
    found, reasons = choose(find(name).build(), parts)
    assert all(any(r.startswith(kind) for r in reasons) for kind in KINDS[1:])
    return {kind: part.concrete for kind, part in found.items()}


@pytest.mark.parametrize("name", ["obstacle", "radial-hydrogen"])
def test_an_energy_alone_is_minimized(name):
    assert chosen(name, "auto")["solver"] == "deep-ritz"


@pytest.mark.parametrize(
    ("name", "sampler", "optimizer"),
    [
        ("poisson-2d", "quadrature", "adam-ssbroyden"),
        ("obstacle", "quadrature", "levenberg-marquardt"),
        ("poisson-interface", "quadrature", "levenberg-marquardt"),  # a jump left to multipliers
        ("poisson-10d", "sobol", "adam"),
    ],
)
def test_points_and_optimizer_go_together(name, sampler, optimizer):
    found = chosen(name, "deep-ritz")
    assert (found["sampler"], found["optimizer"], found["balance"]) == (
        sampler,
        optimizer,
        "static",
    )


def test_equations_are_solved_by_residuals_unless_asked():
    assert chosen("poisson-2d", "auto")["solver"] != "deep-ritz"
