"""Differential operators on fields, by coordinate names."""

from typing import Any

import torch
from torch import Tensor

from pdenet.jets.divergence import divergence
from pdenet.jets.field import Field, differentiate, make
from pdenet.jets.frame import Frame
from pdenet.jets.vector import Vector


def laplacian(u: Any, *names: str) -> Any:
    r"""Laplacian :math:`\sum_i \partial_i^2 u`, carried as one channel.

    Args:
        u: A scalar field, or a vector field (component by component).
        *names: Coordinates; all space coordinates where none is given.

    Returns:
        Shape (n,): a plain tensor, or a Field where it is differentiated further.
    """
    if isinstance(u, Vector):
        return Vector([laplacian(component, *names) for component in u])
    return differentiate(u, [_axes(_frame(u, "laplacian"), names)])


def biharmonic(u: Any, *names: str) -> Any:
    r"""Biharmonic operator :math:`\Delta^2 u`, carried as one channel.

    Args:
        u: A scalar field, or a vector field (component by component).
        *names: Coordinates; all space coordinates where none is given.

    Returns:
        Shape (n,): a plain tensor, or a Field where it is differentiated further.
    """
    if isinstance(u, Vector):
        return Vector([biharmonic(component, *names) for component in u])
    return differentiate(u, [_axes(_frame(u, "biharmonic"), names)] * 2)


def grad(u: Any, *names: str) -> Vector:
    """Gradient.

    Args:
        u: A scalar field, or a vector field (then row i is the gradient of component i).
        *names: Coordinates; all space coordinates where none is given.

    Returns:
        One component a coordinate.
    """
    if isinstance(u, Vector):
        return Vector([grad(component, *names) for component in u])
    return Vector([differentiate(u, [i]) for i in _axes(_frame(u, "grad"), names)])


def hessian(u: Any, *names: str) -> Vector:
    """Matrix of second derivatives.

    Args:
        u: A scalar field.
        *names: Coordinates; all space coordinates where none is given.

    Returns:
        Rows, each a vector: ``hessian(u)[0][1]`` is the mixed second derivative.
    """
    axes = _axes(_frame(u, "hessian"), names)
    return Vector([Vector([differentiate(u, [i, j]) for j in axes]) for i in axes])


def div(v: Vector, *names: str) -> Any:
    """Divergence.

    Args:
        v: A vector field with one component a coordinate, or a tensor field (row by row).
        *names: Coordinates; all space coordinates where none is given.

    Returns:
        Shape (n,): a plain tensor, or a Field where it is differentiated further.

    Raises:
        ValueError: The numbers of components and coordinates differ.
        TypeError: Not a vector, or one of plain tensors.
    """
    _check_vector(v, "div")
    if isinstance(v[0], Vector):
        return Vector([div(row, *names) for row in v])
    axes = _axes(_frame(v[0], "div"), names)
    if len(axes) != len(v):
        coordinates = v[0].frame.coordinates
        raise ValueError(
            f"div of a vector with {len(v)} components over {len(axes)} coordinates "
            f"{tuple(coordinates[i] for i in axes)}. Name as many coordinates as there are "
            'components: div(v, "x", "y").'
        )
    fields = [component for component in v if isinstance(component, Field)]
    if not fields:
        raise TypeError("div of plain tensors, which have no derivatives.")
    key = ("div", axes, *(c.identity if isinstance(c, Field) else None for c in v))
    return make(fields[0].frame, key, divergence(v.components, axes))


def curl(v: Vector, *names: str) -> Any:
    """Rotation: a scalar in the plane, a vector in space.

    Args:
        v: Two or three components.
        *names: As many coordinates; all space coordinates where none is given.

    Returns:
        Shape (n,) in the plane, a Vector in space.

    Raises:
        ValueError: Neither two nor three components, or another number of coordinates.
    """
    _check_vector(v, "curl")
    axes = _axes(_frame(v[0], "curl"), names)
    if len(v) != len(axes) or len(v) not in (2, 3):
        raise ValueError(
            f"curl of {len(v)} components over {len(axes)} coordinates; it is defined for 2 over "
            '2 and for 3 over 3. Name the coordinates: curl(v, "x", "y").'
        )

    def rotation(i: int, j: int) -> Any:
        return differentiate(v[j], [axes[i]]) - differentiate(v[i], [axes[j]])

    if len(v) == 2:
        return rotation(0, 1)
    return Vector([rotation(1, 2), rotation(2, 0), rotation(0, 1)])


def dot(a: Vector, b: Vector) -> Any:
    """Scalar product of two vectors.

    Args:
        a: A vector field.
        b: A vector field of the same length.

    Returns:
        Shape (n,): a plain tensor, or a Field where it is differentiated further.

    Raises:
        ValueError: The lengths differ.
    """
    _check_vector(a, "dot")
    _check_vector(b, "dot")
    if len(a) != len(b):
        raise ValueError(
            f"dot of vectors with {len(a)} and {len(b)} components. Their lengths must agree."
        )
    total = a[0] * b[0]
    for i in range(1, len(a)):
        total = total + a[i] * b[i]
    return total


def norm(v: Vector) -> Any:
    """Euclidean length; it has no derivative where the vector vanishes.

    Args:
        v: A vector field.

    Returns:
        Shape (n,): a plain tensor, or a Field where it is differentiated further.
    """
    return torch.sqrt(dot(v, v))


def normal_derivative(u: Any, *normals: Tensor) -> Any:
    """Derivative along the outward normal.

    Args:
        u: A scalar field.
        *normals: Components of the normal, each (n,), in the order of the space coordinates.

    Returns:
        Shape (n,).

    Raises:
        ValueError: Another number of components than there are space coordinates.
    """
    axes = _axes(_frame(u, "normal_derivative"), ())
    if len(normals) != len(axes):
        space = u.frame.space
        raise ValueError(
            f"normal_derivative got {len(normals)} components of the normal for the space "
            f"coordinates {space}. Write normal_derivative(u, "
            f"{', '.join('n' + name for name in space)})."
        )
    return dot(grad(u), Vector(normals))


def _axes(frame: Frame, names: tuple[str, ...]) -> tuple[int, ...]:
    axes = tuple(frame.position(name) for name in names or frame.space)
    if not axes:
        raise ValueError(
            f"No space coordinates among {frame.coordinates}. Name the coordinates of the operator."
        )
    if len(set(axes)) < len(axes):
        raise ValueError(f"A coordinate is named twice in {names}. Name each once.")
    return axes


def _frame(u: Any, operator: str) -> Frame:
    if not isinstance(u, Field):
        raise TypeError(
            f"{operator} needs a field, or an expression of fields and coordinates; it got "
            f"{type(u).__name__}, which has no derivatives."
        )
    return u.frame


def _check_vector(v: Any, operator: str) -> None:
    if not isinstance(v, Vector) or not len(v):
        raise TypeError(
            f"{operator} needs a vector field; it got {type(v).__name__}. Make one by grad(u), or "
            "declare the field with a shape; Vector([a, b]) puts components together."
        )
