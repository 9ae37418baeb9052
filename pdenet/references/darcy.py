"""From the coefficient of an elliptic equation to its solution, by finite elements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import spsolve

from pdenet.functions import Functions
from pdenet.references.base import Kind
from pdenet.references.operators import GridOperator


@dataclass(frozen=True, eq=False)
class DarcyOperator(GridOperator):
    """-div(v grad u) = f on the unit square, zero on its boundary: quadratic elements on squares.

    Stiffness matrices of all coefficients share their pattern: each is the product of one matrix
    with the coefficient's values at quadrature points.

    Args:
        source: f, a number.
        cells: Cells along each side.
        tolerance: Relative accuracy, as the tests measure it.
        fields: One name.
        inputs: One name, of the coefficient v, which must be positive.
        coordinates: Names of both coordinates.
    """

    kind: ClassVar[Kind] = "finite-elements"
    source: float = 1.0
    cells: int = 20
    tolerance: float = 1e-4
    fields: tuple[str, ...] = ("u",)
    inputs: tuple[str, ...] = ("v",)
    coordinates: tuple[str, ...] = ("x", "y")

    def _content(self) -> tuple[object, ...]:
        return self.source, self.cells

    @cached_property
    def _basis(self) -> Any:
        from skfem import Basis, ElementQuad2, MeshQuad

        sides = np.linspace(0, 1, self.cells + 1)
        return Basis(MeshQuad.init_tensor(sides, sides), ElementQuad2(), intorder=4)

    def _solve(self, inputs: Mapping[str, Functions]) -> np.ndarray:
        from skfem import BilinearForm, LinearForm
        from skfem.helpers import dot, grad

        basis = self._basis
        x = np.asarray(basis.global_coordinates())
        points = torch.as_tensor(x.reshape(2, -1).T.copy())
        coefficients = inputs[self.inputs[0]](points).numpy().T
        if coefficients.min() <= 0:
            raise ValueError(
                f"The coefficient reaches {coefficients.min():g}, but must be positive everywhere; "
                "map the space, for example by torch.exp."
            )

        @BilinearForm
        def stiffness(u: Any, w: Any, known: Any) -> Any:
            slopes: Any = grad(u), grad(w)
            return known.v * dot(*slopes)

        @LinearForm
        def load(w: Any, known: Any) -> Any:
            return self.source * w

        inner, right = basis.complement_dofs(basis.get_dofs()), load.assemble(basis)[:]
        found = np.zeros((len(coefficients), basis.N))
        for row, values in zip(found, coefficients, strict=True):
            matrix = stiffness.assemble(basis, v=values.reshape(x.shape[1:])).tocsc()
            row[inner] = np.asarray(spsolve(matrix[inner][:, inner], right[inner]))
        return found

    def _probe(self, x: np.ndarray) -> csr_matrix:
        # The outermost rounding of single precision is taken back.
        return self._basis.probes(x.T.clip(0, 1)).tocsr()
