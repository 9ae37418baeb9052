"""Maps of the unit interval that are integrals of piecewise linear densities."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Transform, constraints
from torch.distributions.transforms import SigmoidTransform
from zuko.lazy import LazyTransform
from zuko.transforms import DependentTransform

from pdenet.flows.maps import image_and_ladj, preimage

LIMIT = 8.0  # of the logarithm of a density's node values
SPREAD = 0.97  # cells of a coupling shrink to 3 per cent of an even share at most


class QuadraticCDF(Transform):
    r"""The integral of a piecewise linear density on the unit interval, a quadratic in each cell.

    On a cell with nodes :math:`s_i < s_{i+1}`, width h and densities :math:`w_i, w_{i+1}`,

    .. math:: q(s) = q_i + w_i (s - s_i) + \tfrac{w_{i+1} - w_i}{2h} (s - s_i)^2.

    Args:
        nodes: Increasing from 0 to 1, shape (..., n + 1); one set for all, or one for each map.
        density: Positive values at the nodes, shape (..., n + 1); their integral must be 1.

    Reference:
        Müller, McWilliams, Rousselle, Gross and Novák, Neural Importance Sampling, ACM Trans.
        Graph. 38(5), 2019; as a layer of B-KRnet, Zeng, Wan and Zhou.
    """

    domain = constraints.unit_interval
    codomain = constraints.unit_interval
    bijective = True
    sign = +1  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]

    def __init__(self, nodes: Tensor, density: Tensor) -> None:
        super().__init__()
        self.nodes, self.density = nodes, density
        widths = nodes.diff(dim=-1)
        masses = 0.5 * widths * (density[..., 1:] + density[..., :-1])
        self.values = torch.nn.functional.pad(masses.cumsum(-1), (1, 0))

    def _cell(self, where: Tensor, x: Tensor) -> tuple[Tensor, ...]:
        """Start, width, value and both densities of the cell that each x lies in."""
        beyond = x.detach()[..., None] >= where.detach()[..., 1:-1]
        # Products with indicators, not gather: its backward pass scatters, which costs far more.
        first = torch.nn.functional.pad(beyond, (1, 0), value=True)
        last = torch.nn.functional.pad(~beyond, (0, 1), value=True)
        here = (first & last).to(x.dtype)
        starts = self.nodes[..., :-1], self.nodes.diff(dim=-1), self.values[..., :-1]
        densities = self.density[..., :-1], self.density[..., 1:]
        s, h, q, w0, w1 = ((here * table).sum(-1) for table in (*starts, *densities))
        return s, h, q, w0, w1

    def _call(self, x: Tensor) -> Tensor:
        return self.call_and_ladj(x)[0]

    def call_and_ladj(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Image and logarithm of the slope in one pass.

        Args:
            x: Points of the unit interval.

        Returns:
            Both of the shape of ``x``.
        """
        s, h, q, w0, w1 = self._cell(self.nodes, x)
        slope = (w1 - w0) / h
        r = x - s
        return q + r * (w0 + 0.5 * slope * r), (w0 + slope * r).log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Logarithm of the slope, of the shape of ``x``."""
        return self.call_and_ladj(x)[1]

    def _inverse(self, y: Tensor) -> Tensor:
        s, h, q, w0, w1 = self._cell(self.values, y)
        r = y - q
        # The form without cancellation: r divided by the mean slope, never a difference of roots.
        root = (w0.square() + 2 * (w1 - w0) * r / h).clamp_min(0).sqrt()
        return s + 2 * r / (w0 + root)


def normalized(nodes: Tensor, density: Tensor) -> Tensor:
    """Node densities scaled so that their piecewise linear interpolation has integral 1.

    Args:
        nodes: Increasing from 0 to 1, shape (..., n + 1).
        density: Positive, shape (..., n + 1).

    Returns:
        Shape (..., n + 1).
    """
    mean = 0.5 * (density[..., 1:] + density[..., :-1])
    return density / (nodes.diff(dim=-1) * mean).sum(-1, keepdim=True)


def conditional_cdf(steps: Tensor, weights: Tensor) -> Transform:
    """The map of a bounded coupling, from a network's numbers; the identity where they are zero.

    Args:
        steps: Shape (..., n - 1): how far each node lies from an even share of what is left.
        weights: Shape (..., n + 1): densities at the nodes, between 1 and 199 to one another.

    Returns:
        The transform.
    """
    n = weights.shape[-1] - 1
    left = torch.arange(n, 1, -1, dtype=steps.dtype, device=steps.device)
    rest = (1 - (1 + SPREAD * torch.tanh(steps)) / left).cumprod(-1)
    nodes = torch.nn.functional.pad(1 - rest, (1, 0), value=0.0)
    nodes = torch.nn.functional.pad(nodes, (0, 1), value=1.0)
    return QuadraticCDF(nodes, normalized(nodes, 1 + 0.99 * torch.tanh(weights)))


class Marginals(LazyTransform):
    """A density of each coordinate by itself, with fixed nodes: no network, so all but free.

    Args:
        dimension: Number of coordinates.
        cells: Cells of each density.
    """

    def __init__(self, dimension: int, cells: int) -> None:
        super().__init__()
        self.log_density = nn.Parameter(torch.zeros(dimension, cells + 1))
        self.register_buffer("nodes", torch.linspace(0, 1, cells + 1), persistent=False)

    def forward(self, c: Tensor | None = None) -> Transform:
        """The transform with the present parameters."""
        density = self.log_density.clamp(-LIMIT, LIMIT).exp()
        nodes = self.get_buffer("nodes")
        return DependentTransform(QuadraticCDF(nodes, normalized(nodes, density)), 1)


class NonlinearCDF(LazyTransform):
    """KRnet's last layer: each coordinate by the integral of a density, the identity far out.

    The mesh on [-reach, reach] is symmetric, with cells that grow outward by 1.2. The density is 1
    at both ends, and only the nodes between them are rescaled to the integral, so that the map
    joins the identity without a kink.

    Args:
        dimension: Number of coordinates.
        cells: Cells of the mesh, an even number.
        reach: End of the mesh.
    """

    def __init__(self, dimension: int, cells: int = 32, reach: float = 50.0) -> None:
        super().__init__()
        widths = 1.2 ** torch.arange(cells // 2)
        ends = torch.cat([widths.flip(0), widths]).cumsum(0)
        nodes = torch.cat([torch.zeros(1), ends / ends[-1]])
        nodes[-1] = 1.0
        self.register_buffer("nodes", nodes, persistent=False)
        self.log_density = nn.Parameter(torch.zeros(dimension, cells - 1))
        self.reach = reach

    def forward(self, c: Tensor | None = None) -> Transform:
        """The transform with the present parameters."""
        nodes = self.get_buffer("nodes")
        inner = self.log_density.clamp(-LIMIT, LIMIT).exp()
        widths = nodes.diff()
        ends = 0.5 * (widths[0] + widths[-1])
        shares = 0.5 * (widths[1:] + widths[:-1])
        inner = inner * (1 - ends) / (inner * shares).sum(-1, keepdim=True)
        one = torch.ones_like(inner[:, :1])
        cdf = QuadraticCDF(nodes, torch.cat([one, inner, one], -1))
        return DependentTransform(Inside(cdf, self.reach), 1)


class Inside(Transform):
    """A map of the unit interval, stretched to [-reach, reach]; the identity outside.

    Args:
        inner: The map.
        reach: End of the interval.
    """

    domain = constraints.real
    codomain = constraints.real
    bijective = True
    sign = +1  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]

    def __init__(self, inner: Transform, reach: float) -> None:
        super().__init__()
        self.inner, self.reach = inner, reach

    def _call(self, x: Tensor) -> Tensor:
        return self.call_and_ladj(x)[0]

    def call_and_ladj(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Image and logarithm of the slope in one pass.

        Args:
            x: Points of the line.

        Returns:
            Both of the shape of ``x``.
        """
        y, ladj = image_and_ladj(self.inner, self._scaled(x))
        far = x.abs() >= self.reach
        return torch.where(far, x, self._line(y)), torch.where(far, torch.zeros_like(x), ladj)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Logarithm of the slope, of the shape of ``x``."""
        return self.call_and_ladj(x)[1]

    def _inverse(self, y: Tensor) -> Tensor:
        return torch.where(
            y.abs() >= self.reach, y, self._line(preimage(self.inner, self._scaled(y)))
        )

    def _scaled(self, x: Tensor) -> Tensor:
        return 0.5 + 0.5 * x.clamp(-self.reach, self.reach) / self.reach

    def _line(self, y: Tensor) -> Tensor:
        return (2 * y - 1) * self.reach


class Logit(LazyTransform):
    """From the unit interval to the line, coordinate by coordinate."""

    def forward(self, c: Tensor | None = None) -> Transform:
        """The transform."""
        return DependentTransform(SigmoidTransform().inv, 1)
