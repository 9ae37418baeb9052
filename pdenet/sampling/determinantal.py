"""Points for least squares, drawn by the leverage that features have there."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor

from pdenet.geometry import Points
from pdenet.sampling.base import Sampler, Share

CUT = 1e-12  # relative; directions below it are round-off

RowsAt = Callable[[str, Points], Tensor]
"""Rows of a condition in the coefficients of a network's last layer, shape (n k, m)."""

Scheme = Literal["repeated", "volume", "independent"]


def orthonormal(rows: Tensor, cut: float = CUT) -> Tensor:
    """Features at candidates in a basis that is orthonormal on average over them.

    Args:
        rows: Features at C candidates, shape (C, m).
        cut: Relative cut of the singular values.

    Returns:
        Shape (C, r) for a numerical rank r: its Gram matrix over C is the identity.
    """
    u, s, _ = torch.linalg.svd(rows, full_matrices=False)
    return u[:, s > cut * s[0]] * len(rows) ** 0.5


def projection_dpp(basis: Tensor, generator: torch.Generator) -> Tensor:
    """One draw of the projection determinantal point process of a basis.

    Args:
        basis: From :func:`orthonormal`, shape (C, r).
        generator: CPU generator.

    Returns:
        r different candidates, in the order in which they were drawn.
    """
    left = basis.square().sum(1)
    chosen: list[Tensor] = []
    directions = basis.new_zeros(basis.shape[1], basis.shape[1])
    for k in range(basis.shape[1]):
        index = torch.multinomial(left.clamp_min(0), 1, generator=generator)[0]
        direction = basis[index] - directions[:k].T @ (directions[:k] @ basis[index])
        # Once more: after one projection round-off is left where a candidate is nearly spanned.
        direction = direction - directions[:k].T @ (directions[:k] @ direction)
        directions[k] = direction / direction.norm()
        left = left - (basis @ directions[k]).square()
        left[index] = 0
        chosen.append(index)
    return torch.stack(chosen)


def independent(basis: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Independent draws with probabilities in proportion to the leverage, the squared row norms.

    Args:
        basis: From :func:`orthonormal`, shape (C, r).
        n: Number of draws.
        generator: CPU generator.

    Returns:
        Candidates, shape (n,); some may come twice.
    """
    return torch.multinomial(basis.square().sum(1), n, replacement=True, generator=generator)


def draw(basis: Tensor, n: int, scheme: Scheme, generator: torch.Generator) -> Tensor:
    """Draws candidates.

    Args:
        basis: From :func:`orthonormal`, shape (C, r).
        n: Number of draws; at least r for ``volume``.
        scheme: ``repeated``: unions of independent draws of the determinantal process, the last one
            cut short; ``volume``: one such draw and independent ones; ``independent``.
        generator: CPU generator.

    Returns:
        Candidates, shape (n,).
    """
    if scheme == "independent":
        return independent(basis, n, generator)
    first = projection_dpp(basis, generator)
    parts = [first]
    while (missing := n - sum(len(p) for p in parts)) > 0:
        if scheme == "volume":
            parts.append(independent(basis, missing, generator))
        else:
            parts.append(projection_dpp(basis, generator))
    return torch.cat(parts)[:n]


def gram_error(basis: Tensor, chosen: Tensor) -> float:
    """How far the weighted Gram matrix of chosen candidates is from the identity.

    Args:
        basis: From :func:`orthonormal`, shape (C, r).
        chosen: Candidates, shape (n,).

    Returns:
        Spectral norm of the difference; below 1 the least-squares problem is stable.
    """
    rows = basis[chosen]
    weight = basis.shape[1] / rows.square().sum(1)
    gram = (weight[:, None] * rows).T @ rows / len(chosen)
    return float(torch.linalg.matrix_norm(gram - torch.eye(len(gram)).to(gram), 2))


class DeterminantalSampler(Sampler):
    r"""Interior points by the leverage of a network's features in the residual.

    With features :math:`\varphi` that are orthonormal on average over candidates, points are drawn
    by the determinantal point process whose joint density is
    :math:`\det(\varphi(x_i) \cdot \varphi(x_j)) / m!`, repeatedly, and weighted by
    :math:`m / |\varphi(x)|^2`. Least squares at such points is close to the best fit with few more
    points than features. Until the least-squares solver tells the features, points are even.

    Args:
        points: Points in the interior; several regions of full dimension share them by measure.
        boundary_points: Even points on each region of lower dimension.
        counts: Points of single conditions by name.
        candidates: Candidates a feature that points are drawn from, beside those asked for.
        scheme: repeated draws of the process, volume (one draw, and independent points by
            leverage), or independent.
        attempts: Draws, of which the one with the best Gram matrix is kept.

    Attributes:
        gram_errors: Distance of the weighted Gram matrix from the identity, by condition.

    Raises:
        ValueError: A number is below 1, or the scheme is unknown.

    Reference:
        Nouy and Michel, Weighted least-squares approximation with determinantal point processes and
        generalized volume sampling, arXiv 2312.14057.
    """

    weighted = True
    needs_features = True

    def __init__(
        self,
        *,
        points: int = 2048,
        boundary_points: int = 256,
        counts: Mapping[str, int] | None = None,
        candidates: int = 15,
        scheme: Scheme = "repeated",
        attempts: int = 1,
    ) -> None:
        super().__init__(points=points, boundary_points=boundary_points, every=None, counts=counts)
        if candidates < 1 or attempts < 1 or scheme not in ("repeated", "volume", "independent"):
            raise ValueError(
                f"DeterminantalSampler(candidates={candidates}, attempts={attempts}, "
                f"scheme={scheme!r}): numbers of at least 1, and repeated, volume or independent."
            )
        self.candidates, self.attempts = candidates, attempts
        self.scheme: Scheme = scheme
        self.gram_errors: dict[str, float] = {}
        self._rows: RowsAt | None = None
        self._told = 0

    def tell(self, rows: RowsAt) -> None:
        """Says which features points are drawn for.

        Args:
            rows: Gives their rows at points of a condition.
        """
        self._rows, self._told, self.gram_errors = rows, self._told + 1, {}

    def version(self, step: int) -> object:
        """Changes with the features alone."""
        return self._told

    def draw_share(self, share: Share, step: int) -> Points:
        """Points of one region.

        Args:
            share: The region and its number of points.
            step: Step of the training; of no effect.

        Returns:
            Its points.
        """
        words = share.words(self.seed, 0)
        if self._rows is None or not share.interior:
            return share.region.sample(share.count, seed=words, method="sobol")
        pool = share.region.sample(self.candidates * share.count, seed=words, method="sobol")
        rows = torch.cat([self._each(name, pool) for name in share.names], dim=1)
        k, m = rows.shape[1], rows.shape[2]
        basis = orthonormal(rows.reshape(-1, m))
        generator = torch.Generator().manual_seed(zlib.crc32(repr(words).encode()))
        tries = [draw(basis, share.count, self.scheme, generator) for _ in range(self.attempts)]
        errors = [gram_error(basis, chosen) for chosen in tries]
        best = min(range(len(tries)), key=errors.__getitem__)
        self.gram_errors |= dict.fromkeys(share.names, errors[best])
        return _weighted(pool, basis.reshape(len(pool), k, -1), tries[best] // k)

    def _each(self, name: str, pool: Points) -> Tensor:
        """Rows of one condition, shape (C, k, m)."""
        assert self._rows is not None
        rows = self._rows(name, pool)
        return rows.reshape(len(pool), -1, rows.shape[1])


def _weighted(pool: Points, basis: Tensor, chosen: Tensor) -> Points:
    """Chosen points with the density that they come from; rows of one point count together."""
    leverage = basis.square().sum((1, 2))
    ratio = leverage / leverage.mean()
    uniform = 1 / float(pool.weight.sum())
    density = (ratio * uniform)[chosen].to(pool.x)
    weight = 1 / (len(chosen) * density)
    return Points(pool.coordinates, pool.x[chosen], weight, density, space=pool.space)
