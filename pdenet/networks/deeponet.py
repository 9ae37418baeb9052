"""Networks from functions to functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from pdenet.networks.hard import Term, bind
from pdenet.networks.layers import dense


class DeepONet(nn.Module):
    r"""Basis functions of the location, whose coefficients depend on the input functions.

    .. math:: u_i(x; v, w) = \ell_i(x) + d_i(x)\Bigl[\mu_i + s_i\Bigl(\beta_i + Q^{-1/2}
        \sum_{q=1}^{Q} b^v_{iq}(v)\,b^w_{iq}(w)\,t_q(x)\Bigr)\Bigr]

    The trunk t sees coordinates, each branch b the values of its function at its sensors; several
    input functions multiply. Lift and distance impose conditions exactly. The branches do not
    depend on the location, so that partial derivatives by jets pass through the trunk alone.

    Args:
        trunk: Maps (n, coordinates) to (n, basis), or to (n, outputs * basis) where each output
            has basis functions of its own.
        branches: By input function, maps values at sensors (m, s) to (m, outputs * basis).
        outputs: Number of field components.
        basis: Number Q of basis functions.
        coordinates: Names of the input columns; needed with lift or distance.
        lift: For each output, a number, a function of named coordinates, or None for zero.
        distance: For each output, the same, or None for one.

    Attributes:
        scale: Typical size of each output, a constant, shape (outputs,).
        mean: Typical value of each output, a constant, shape (outputs,).

    Raises:
        ValueError: There is no branch, or sizes do not fit each other.

    Reference:
        Lu, Jin, Pang, Zhang, Karniadakis, Nature Machine Intelligence 3, 2021, 218-229; several
        inputs: Jin, Meng, Lu, MIONet, SIAM J. Sci. Comput. 44(6), 2022.

    Example:
        >>> net = DeepONet(nn.Linear(1, 4), {"v": nn.Linear(10, 4)}, outputs=1, basis=4)
        >>> net(torch.zeros(7, 1), {"v": torch.ones(3, 10)}).shape
        torch.Size([7, 3, 1])
    """

    scale: Tensor
    mean: Tensor

    def __init__(
        self,
        trunk: nn.Module,
        branches: Mapping[str, nn.Module],
        *,
        outputs: int,
        basis: int,
        coordinates: Sequence[str] = (),
        lift: Sequence[Term] | None = None,
        distance: Sequence[Term] | None = None,
    ) -> None:
        super().__init__()
        if not branches or outputs < 1 or basis < 1:
            raise ValueError(
                f"DeepONet with {len(branches)} branches, outputs={outputs}, basis={basis}; one of "
                "each is needed at least."
            )
        terms = [(None,) * outputs if t is None else tuple(t) for t in (lift, distance)]
        if any(len(t) != outputs for t in terms):
            raise ValueError(f"Give one lift and one distance for each of {outputs} outputs.")
        self.trunk, self.branches = trunk, nn.ModuleDict(branches)
        self.outputs, self.basis = outputs, basis
        self.coordinates = tuple(coordinates)
        self.lift, self.distance = ([bind(t, self.coordinates) for t in ts] for ts in terms)
        like = next(iter(self.branches.parameters()))
        self.bias = nn.Parameter(torch.zeros(outputs).to(like))
        self.register_buffer("scale", torch.ones_like(self.bias))
        self.register_buffer("mean", torch.zeros_like(self.bias))

    def coefficients(self, values: Mapping[str, Tensor]) -> Tensor:
        """What the branches make of input functions.

        Args:
            values: By input function, values at its sensors, shape (m, s).

        Returns:
            Shape (m, outputs, basis).

        Raises:
            ValueError: An input function is missing or unknown.
        """
        if values.keys() != self.branches.keys():
            raise ValueError(
                f"Values came for the input functions {sorted(values)}; the network has branches "
                f"for {sorted(self.branches)}."
            )
        found = [branch(values[name]) for name, branch in self.branches.items()]
        product = found[0]
        for other in found[1:]:
            product = product * other
        return product.reshape(-1, self.outputs, self.basis) / math.sqrt(self.basis)

    def forward(self, x: Any, values: Mapping[str, Tensor]) -> Any:
        """Every output for every function at every point.

        Args:
            x: Points, shape (n, coordinates); a jet passes too.
            values: By input function, values at its sensors, shape (m, s).

        Returns:
            Shape (n, m, outputs).
        """
        return self.combine(x, self.coefficients(values))

    def combine(self, x: Any, coefficients: Tensor) -> Any:
        """Outputs from coefficients that are known already.

        Args:
            x: Points, shape (n, coordinates); a jet passes too.
            coefficients: Shape (m, outputs, basis).

        Returns:
            Shape (n, m, outputs).
        """
        features, m = self.trunk(x), len(coefficients)
        if features.shape[-1] == self.basis:
            flat = linear(features, coefficients.reshape(m * self.outputs, self.basis))
            return self._finished(x, flat.reshape(-1, m, self.outputs), 1)
        own = features.reshape(-1, self.outputs, self.basis)
        columns = [linear(own[:, i], coefficients[:, i]) for i in range(self.outputs)]
        return self._finished(x, torch.stack(columns, dim=-1), 1)

    def paired(self, x: Tensor, coefficients: Tensor) -> Tensor:
        """Outputs at points of each function's own.

        Args:
            x: Points, shape (m, p, coordinates).
            coefficients: Shape (m, outputs, basis).

        Returns:
            Shape (m, p, outputs).
        """
        m, p = x.shape[:2]
        flat = x.reshape(m * p, -1)
        features = self.trunk(flat).reshape(m, p, -1, self.basis)
        shared = features.expand(m, p, self.outputs, self.basis)
        values = torch.einsum("mpoq,moq->mpo", shared, coefficients)
        return self._finished(flat, values.reshape(m * p, -1), 0).reshape(m, p, -1)

    def single(self, x: Any, coefficients: Tensor) -> Any:
        """Outputs at points, each for a function of its own.

        Args:
            x: Points, shape (n, coordinates); a jet passes too.
            coefficients: Of each point's function, shape (n, outputs, basis).

        Returns:
            Shape (n, outputs).
        """
        features = self.trunk(x)
        own = features.reshape(features.shape[0], -1, self.basis)
        return self._finished(x, (own * coefficients).sum(-1), 0)

    def at(self, values: Mapping[str, Tensor]) -> OperatorAt:
        """The solution for one input function of each kind, as an ordinary network.

        Args:
            values: By input function, values at its sensors, shape (s,).

        Returns:
            Maps (n, coordinates) to (n, outputs); its parameters are the operator's own.
        """
        return OperatorAt(self, values)

    def _finished(self, x: Any, free: Any, axes: int) -> Any:
        """Bias, scale, distance and lift; ``axes`` lie between those of points and of outputs."""
        values = (free + self.bias) * self.scale + self.mean
        if all(term is None for term in (*self.lift, *self.distance)):
            return values
        given = {name: x[..., i] for i, name in enumerate(self.coordinates)}
        columns = []
        for i, (lift, distance) in enumerate(zip(self.lift, self.distance, strict=True)):
            u = values[..., i]
            if distance is not None:
                u = u * _at(distance, given, axes)
            if lift is not None:
                u = u + _at(lift, given, axes)
            columns.append(u)
        return torch.stack(columns, dim=-1)


class OperatorAt(nn.Module):
    """An operator network at one input function of each kind: a network of coordinates.

    Args:
        operator: The operator network.
        values: By input function, values at its sensors, shape (s,).

    Raises:
        ValueError: Values have another shape.
    """

    def __init__(self, operator: DeepONet, values: Mapping[str, Tensor]) -> None:
        super().__init__()
        if any(v.ndim != 1 for v in values.values()):
            shapes = {name: tuple(v.shape) for name, v in values.items()}
            raise ValueError(f"One function of each kind is needed, shape (s,); got {shapes}.")
        self.operator = operator
        self.values = {
            name: v.detach().to(operator.bias).reshape(1, -1) for name, v in values.items()
        }
        operator.coefficients(self.values)

    def forward(self, x: Any) -> Any:
        """Map (n, coordinates) to (n, outputs)."""
        like = self.operator.bias
        coefficients = self.operator.coefficients(
            {name: v.to(like) for name, v in self.values.items()}
        )
        return self.operator.combine(x, coefficients)[:, 0]


class Branch(nn.Module):
    """From values at sensors to coefficients: an encoding, a network, and a linear shortcut.

    Args:
        mean: Mean value at each sensor, shape (s,).
        encoding: Rows that centred values are multiplied by, shape (k, s).
        core: Maps (m, k) to (m, coefficients), or None: the shortcut alone.
        sizes: What the encoded values are multiplied by before the core, shape (k,): what varies
            little then matters little to it, or it would memorize; 1 where None.
        shortcut: Number of coefficients of a linear map beside the core, or 0 for none. Smooth
            operators are linear ones with a correction, and a linear map is learned at once.
        generator: CPU generator of the shortcut's draw.

    Raises:
        ValueError: There is neither core nor shortcut.
    """

    centre: Tensor
    encoding: Tensor
    sizes: Tensor

    def __init__(
        self,
        mean: Tensor,
        encoding: Tensor,
        core: nn.Module | None,
        shortcut: int = 0,
        generator: torch.Generator | None = None,
        sizes: Tensor | None = None,
    ) -> None:
        super().__init__()
        if core is None and not shortcut:
            raise ValueError("A branch needs a network, a linear shortcut, or both.")
        self.register_buffer("centre", mean)
        self.register_buffer("encoding", encoding)
        sizes = torch.ones_like(encoding[:, 0]) if sizes is None else sizes
        self.register_buffer("sizes", sizes)
        self.core = core
        self.shortcut = dense(len(encoding), shortcut, generator) if shortcut else None

    def forward(self, values: Tensor) -> Tensor:
        """Map (m, s) to (m, coefficients)."""
        if values.shape[-1] != len(self.centre):
            raise ValueError(
                f"Values at {values.shape[-1]} sensors came; the branch has {len(self.centre)}."
            )
        seen = linear(values - self.centre, self.encoding)
        if self.core is None or self.shortcut is None:
            return self.shortcut(seen) if self.core is None else self.core(seen * self.sizes)  # type: ignore[misc]
        return self.core(seen * self.sizes) + self.shortcut(seen)


def principal_components(values: Tensor, tolerance: float = 1e-7, most: int = 128) -> Tensor:
    r"""Encoding that makes samples uncorrelated and of variance one.

    Values at neighbouring sensors say nearly the same, so that a network of the values themselves
    is as hard to train as their covariance is ill-conditioned.

    Args:
        values: Samples at sensors, shape (m, s).
        tolerance: Share of the variance that may be left out.
        most: Largest number of components.

    Returns:
        Shape (k, s): multiply centred values by it.

    Raises:
        ValueError: All samples are the same.

    Example:
        >>> samples = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
        >>> seen = (samples - samples.mean(0)) @ principal_components(samples).T
        >>> torch.allclose(seen.T @ seen / 50, torch.eye(3), atol=1e-5)
        True
    """
    centred = values - values.mean(0)
    _, sizes, rows = torch.linalg.svd(centred, full_matrices=False)
    energy = sizes.square().cumsum(0)
    if not float(energy[-1]) > 0:
        raise ValueError("All input functions have the same values at the sensors.")
    kept = 1 + int((energy < (1 - tolerance) * energy[-1]).sum())
    kept = min(kept, most, int((sizes > 1e-6 * sizes[0]).sum()))
    return rows[:kept] * (math.sqrt(len(values)) / sizes[:kept, None])


def _at(term: Any, given: Mapping[str, Any], axes: int) -> Any:
    """A lift or distance, with axes behind the one of the points."""
    value: Any = term(**given) if callable(term) else term
    for _ in range(axes if getattr(value, "ndim", 0) else 0):
        value = value.unsqueeze(-1)
    return value
