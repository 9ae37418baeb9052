"""Gaussian random fields: on any region from nodes, on boxes from waves."""

from __future__ import annotations

import itertools
import math
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from pdenet.checks import whole
from pdenet.functions.base import Expansion, bounds
from pdenet.functions.kernels import RBF, Kernel
from pdenet.geometry import Box, PointCloud, Region

MOST_NODES = 3_000  # a dense eigenvalue problem of this size takes a few seconds
_NEGLIGIBLE = 1e-12  # of the largest eigenvalue: dividing by its root loses half the digits


class GaussianField(Expansion):
    r"""Gaussian random field on any region: an interval, a rectangle, a polygon, a set of points.

    Values at nodes X follow the law exactly; elsewhere a draw is their conditional mean,

    .. math:: f(x) = k(x, X)\,K^{-1} f(X) = k(x, X)\,V \Lambda^{-1/2} \xi,\quad K = V\Lambda V^T

    with standard normal coefficients :math:`\xi`, eigenvectors of negligible eigenvalues left out.
    So one draw is one function, however often and wherever it is asked for. Between nodes it is
    smoother than the law by what the nodes do not say: 1e-3 of the standard deviation at the
    default spacing of :class:`RBF`, more for rough kernels; more ``nodes`` shrink that.

    Args:
        on: Region on which the functions live; on a :class:`PointCloud`, whose points are the
            nodes, every value follows the law exactly.
        kernel: Covariance.
        deviation: Standard deviation of the values.
        mean: Mean value.
        nodes: Number of nodes, about; by default what the kernel's length asks for.

    Raises:
        ValueError: No region, numbers out of range, or more nodes than a dense matrix can have.

    Example:
        >>> from pdenet.geometry import Interval
        >>> space = GaussianField(Interval(x=(0, 1)), RBF(0.2))
        >>> draws = space.draw(3, seed=0)
        >>> draws(torch.tensor([[0.0], [0.5]])).shape
        torch.Size([2, 3])
    """

    def __init__(
        self,
        on: Region,
        kernel: Kernel,
        *,
        deviation: float = 1.0,
        mean: float = 0.0,
        nodes: int | None = None,
    ) -> None:
        if nodes is not None:
            whole(2, nodes=nodes)
        _check_law(deviation, mean)
        self.on, self.kernel, self.deviation, self.mean = on, kernel, deviation, mean
        self.nodes = _nodes(on, kernel.spacing, nodes)
        values, vectors = torch.linalg.eigh(kernel(self.nodes, self.nodes))
        kept = values > _NEGLIGIBLE * values[-1]
        # Largest first: a reader who looks at single coefficients sees those that matter.
        self._weights = (vectors[:, kept] * values[kept].rsqrt()).flip(1)
        self.size = self._weights.shape[1]

    def _draw(self, generator: np.random.Generator) -> np.ndarray:
        return generator.standard_normal(self.size)

    def basis(self, x: Any) -> Any:
        """Karhunen-Loeve functions of the nodes, continued to all points.

        Args:
            x: Points, shape (n, d), float64; a jet passes too.

        Returns:
            Shape (n, size).
        """
        return self.deviation * linear(self.kernel(x, self.nodes), self._weights.T)

    def evaluate(self, coefficients: Tensor, x: Any) -> Any:
        """Values of functions at points.

        Args:
            coefficients: Shape (m, size).
            x: Points, shape (n, d), float64; a jet passes too.

        Returns:
            Shape (n, m).
        """
        # Weights times coefficients first: there are fewer functions than nodes to carry along.
        weights = self.deviation * (self._weights @ coefficients.T)
        return linear(self.kernel(x, self.nodes), weights.T) + self.mean


class WaveField(Expansion):
    r"""Gaussian random field on a box as a finite sum of waves; exact anywhere, smooth.

    Periodic waves are :math:`\cos k\cdot x` and :math:`\sin k\cdot x`; cosine waves,
    :math:`\prod_i \cos(\pi n_i x_i/L_i)`, have no slope across the boundary, and sine waves
    vanish there. Coefficients are independent and normal, their variances the kernel's spectrum,
    normalized so that the mean of the variance over the box is ``deviation**2``.

    Args:
        on: Box on which the functions live.
        kernel: Covariance whose spectrum weighs the waves.
        kind: periodic, cosine or sine.
        waves: Highest number of waves along each coordinate.
        deviation: Standard deviation of the values, root mean square over the box.
        mean: Mean value.
        constant: Whether the constant is among the waves.

    Raises:
        ValueError: ``on`` is no box, or numbers are out of range.

    Example:
        >>> from pdenet.geometry import Interval
        >>> start = WaveField(Interval(x=(0, 1)), RBF(0.1), waves=20).draw(1, seed=0)
        >>> ends = start(torch.tensor([[0.0], [1.0]]))
        >>> torch.allclose(ends[0], ends[1])
        True
    """

    def __init__(
        self,
        on: Region,
        kernel: Kernel | None = None,
        *,
        kind: Literal["periodic", "cosine", "sine"] = "periodic",
        waves: int = 32,
        deviation: float = 1.0,
        mean: float = 0.0,
        constant: bool = True,
    ) -> None:
        if not isinstance(on, Box):
            raise ValueError(f"WaveField lives on a Box or an Interval; got {on!r}.")
        if kind not in ("periodic", "cosine", "sine"):
            raise ValueError(f"kind={kind!r} must be periodic, cosine or sine.")
        whole(waves=waves)
        _check_law(deviation, mean)
        self.on, self.kind, self.waves = on, kind, waves
        self.kernel = RBF(0.2) if kernel is None else kernel
        self.deviation, self.mean, self.constant = deviation, mean, constant
        numbers = self._numbers()
        low, high = bounds(on)
        self._low = low
        self._k = numbers * ((2 if kind == "periodic" else 1) * math.pi / (high - low))
        power = self.kernel.spectrum(self._k.norm(dim=1), len(on.coordinates)).sqrt()
        power, share = self._both(power), self._both(self._share(numbers))
        self._power = deviation * power / (power.square() * share).sum().sqrt()
        self.size = len(self._power)

    def _numbers(self) -> Tensor:
        """Whole numbers of waves along each coordinate, shape (k, d)."""
        d, most = len(self.on.coordinates), self.waves
        first = {"periodic": -most, "cosine": 0, "sine": 1}[self.kind]
        found = list(itertools.product(*[range(first, most + 1)] * d))
        if self.kind == "periodic":  # of k and -k one is enough
            found = [n for n in found if n >= (0,) * d]
        found = [n for n in found if any(n) or self.constant]
        found.sort(key=lambda n: (sum(abs(i) for i in n), n))
        return torch.tensor(found, dtype=torch.float64)

    @cached_property
    def _is_constant(self) -> Tensor:
        return (self._k == 0).all(1)

    def _both(self, values: Tensor) -> Tensor:
        """A value for each basis function from one for each wave: cosines, then sines."""
        if self.kind != "periodic":
            return values
        return torch.cat([values, values[~self._is_constant]])

    def _share(self, numbers: Tensor) -> Tensor:
        """Mean square of each wave over the box, shape (k,)."""
        if self.kind == "periodic":
            return torch.where((numbers == 0).all(1), 1.0, 0.5).to(numbers)
        return torch.where(numbers == 0, 1.0, 0.5).to(numbers).prod(1)

    def _draw(self, generator: np.random.Generator) -> np.ndarray:
        return generator.standard_normal(self.size)

    def basis(self, x: Any) -> Any:
        """The waves, each times its standard deviation.

        Args:
            x: Points, shape (n, d), float64; a jet passes too.

        Returns:
            Shape (n, size).
        """
        moved = x - self._low
        if self.kind == "periodic":
            phase = linear(moved, self._k)
            sines = torch.sin(linear(moved, self._k[~self._is_constant]))
            return torch.cat([torch.cos(phase), sines], dim=-1) * self._power
        wave = torch.cos if self.kind == "cosine" else torch.sin
        product: Any = self._power
        for i in range(self._k.shape[1]):
            product = wave(linear(moved[..., i : i + 1], self._k[:, i : i + 1])) * product
        return product

    def evaluate(self, coefficients: Tensor, x: Any) -> Any:
        """Values of functions at points.

        Args:
            coefficients: Shape (m, size).
            x: Points, shape (n, d), float64; a jet passes too.

        Returns:
            Shape (n, m).
        """
        return super().evaluate(coefficients, x) + self.mean


def _check_law(deviation: float, mean: float) -> None:
    if not (0 < deviation < math.inf and math.isfinite(mean)):
        raise ValueError(
            f"deviation={deviation} must be positive and finite, and mean={mean} finite."
        )


def _nodes(on: Region, spacing: float, nodes: int | None) -> Tensor:
    """Points whose values make a draw, shape (k, d)."""
    if isinstance(on, PointCloud):
        return _few(on.x)
    low, high = bounds(on)
    if isinstance(on, Box):
        counts = _per_axis(high - low, spacing, nodes)
        _few(range(math.prod(counts)))
        axes = [torch.linspace(float(a), float(b), n, dtype=torch.float64)
                for a, b, n in zip(low, high, counts, strict=True)]  # fmt: skip
        return torch.cartesian_prod(*axes).reshape(-1, len(axes))
    count = math.prod(_per_axis(high - low, spacing, None)) if nodes is None else nodes
    _few(range(count))
    return on.sample(count, seed=0, method="sobol").x


def _per_axis(lengths: Tensor, spacing: float, nodes: int | None) -> list[int]:
    if nodes is None:
        return [max(2, math.ceil(float(length) / spacing) + 1) for length in lengths]
    return [max(2, round(nodes ** (1 / len(lengths))))] * len(lengths)


def _few(points: Any) -> Any:
    if len(points) > MOST_NODES:
        raise ValueError(
            f"{len(points)} nodes are more than the {MOST_NODES} that a dense matrix can have; "
            "give a longer correlation length, or fewer nodes=..., or use WaveField on a box."
        )
    return points
