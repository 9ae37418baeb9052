r"""Heat conduction around a cylinder of another material. Dimensionless.

Equation: :math:`\nabla \cdot (k \nabla u) = 0` on the square -1 < x, y < 1, where k has one value
inside the disk of radius 1/2 around (0, 0) and another outside.
Data: temperature and heat flux :math:`k\, \partial u / \partial n` do not jump across the circle;
the exact solution's values on the boundary of the square.
Exact solution, with :math:`\beta = (k_{out} - k_{in}) / (k_{out} + k_{in})` and R = 1/2:
:math:`u = (1 + \beta) x` inside, :math:`u = (1 + \beta R^2 / r^2) x` outside.
The temperatures minimize :math:`\int \tfrac k2 |\nabla u|^2` over both materials among those
that do not jump; the flux is natural.
Source: Carslaw and Jaeger, Conduction of Heat in Solids, 2nd edition, 1959: the
classical cylinder in a uniform field.

The gradient jumps where the material does, and no smooth network has such a kink. So each material
has a field of its own.
"""

from torch import Tensor

from pdenet import Condition, Dirichlet, Interface, Problem
from pdenet.checks import positive
from pdenet.energy import Energy, Integrand
from pdenet.geometry import Box, Circle, Disk
from pdenet.jets import div, dot, grad
from pdenet.references import Exact

CENTRE, RADIUS = (0.0, 0.0), 0.5


def poisson_interface(inside: float = 10.0, outside: float = 1.0) -> Problem:
    """Heat conduction around a cylinder of another material.

    Args:
        inside: Conductivity of the cylinder.
        outside: Conductivity around it.

    Returns:
        The problem for the temperatures ``inner(x, y)`` and ``outer(x, y)``.
    """
    positive(inside=inside, outside=outside)
    square = Box(x=(-1, 1), y=(-1, 1))
    cylinder = Disk(center=CENTRE, radius=RADIUS)
    around = square - cylinder
    beta = (outside - inside) / (outside + inside)

    def conduction_inside(inner):
        return div(inside * grad(inner))

    def conduction_outside(outer):
        return div(outside * grad(outer))

    def exact_inner(x: Tensor) -> Tensor:
        return (1 + beta) * x

    def exact_outer(x: Tensor, y: Tensor) -> Tensor:
        return x + beta * RADIUS**2 * x / (x**2 + y**2)

    circle = Circle(center=CENTRE, radius=RADIUS)
    return Problem(
        domain=square,
        fields=("inner", "outer"),
        regions={"inner": cylinder, "outer": around},
        conditions={
            "inside": Condition(conduction_inside, on=cylinder),
            "outside": Condition(conduction_outside, on=around),
            "circle": Interface("inner", "outer", on=circle, conductivity=(inside, outside)),
            "boundary": Dirichlet(outer=exact_outer, on=square.boundary),
        },
        energy=Energy(
            lambda inner: 0.5 * inside * dot(grad(inner), grad(inner)),
            on=cylinder,
            boundary={
                "around": Integrand(
                    lambda outer: 0.5 * outside * dot(grad(outer), grad(outer)), on=around
                )
            },
            conditions={"no jump": Condition(lambda inner, outer: inner - outer, on=circle)},
        ),
        reference=Exact(inner=exact_inner, outer=exact_outer),
        source="Carslaw and Jaeger 1959",
    )
