r"""J of operator networks, whose rows belong to pairs of a point and a function.

Trunk features of the points, shape (c, n, Q), meet the branches' coefficients of the functions, (m
o, Q), in a linear layer whose weight is no parameter. Rows depend on its outputs pair by pair, so
that one reverse pass to there serves all pairs. From there on rows of one function are pulled back
through the trunk, and rows of one point through the branches: neither sees all pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from pdenet.jets import Jet
from pdenet.residuals import Batch
from pdenet.tangent.factors import Crossed, Factors, Plain
from pdenet.tangent.general import GeneralRows
from pdenet.tangent.linear_layers import Columns, Found
from pdenet.tangent.recorder import Recorder, RefusedError, Use


@dataclass(frozen=True)
class Junction:
    """Where features of points meet coefficients of functions.

    Args:
        features: In the graph of the trunk, shape (c, n, Q).
        coefficients: In the graph of the branches, shape (m o, Q).
        outputs: A leaf of the rows' graph, shape (c, n, m o).
    """

    features: Tensor
    coefficients: Tensor
    outputs: Tensor


class PairRecorder(Recorder):
    """Takes down linear layers of trunk and branches, and where the two meet.

    Args:
        trained: The trained parameters, by identity.
        modules: Where factorized layers are looked for.
        points: Number of points.
        functions: Number of functions.

    Attributes:
        junctions: Where they met so far.
    """

    def __init__(
        self,
        trained: Mapping[int, nn.Parameter],
        modules: Sequence[nn.Module],
        points: int,
        functions: int,
    ) -> None:
        super().__init__(trained, modules, points)
        self.sizes = {points, functions}
        self.functions = functions
        self.junctions: list[Junction] = []

    def sides(self, loose: Mapping[str, nn.Parameter]) -> dict[str, str]:
        """Where parameters act: in the trunk, in a branch, or at pairs.

        Args:
            loose: Parameters that were in no linear layer, by name.

        Returns:
            "trunk", "branch" or "pair" for each.
        """
        trunk = self._reached([j.features for j in self.junctions], loose)
        branch = self._reached([j.coefficients for j in self.junctions], loose)
        return {n: "trunk" if n in trunk else "branch" if n in branch else "pair" for n in loose}

    def _reached(self, outputs: Sequence[Tensor], loose: Mapping[str, nn.Parameter]) -> set[str]:
        made = [tensor.sum() for tensor in outputs if tensor.requires_grad]
        if not made or not loose:
            return set()
        found = torch.autograd.grad(
            made, list(loose.values()), retain_graph=True, allow_unused=True
        )
        return {name for name, g in zip(loose, found, strict=True) if g is not None}

    def _linear(self, input: Any, weight: Tensor, bias: Tensor | None = None) -> Any:
        if self._running is not None or isinstance(weight, nn.Parameter):
            return super()._linear(input, weight, bias)
        features = input.channels if isinstance(input, Jet) else input[None]
        if not (features.requires_grad or weight.requires_grad) or len(weight) % self.functions:
            return super()._linear(input, weight, bias)
        here: Any = (
            input.like(features.detach()) if isinstance(input, Jet) else features[0].detach()
        )
        result = F.linear(here, weight.detach(), bias)
        outputs = result.channels if isinstance(result, Jet) else result[None]
        outputs = outputs.detach().requires_grad_()
        self.junctions.append(Junction(features, weight, outputs))
        return result.like(outputs) if isinstance(result, Jet) else outputs[0]


@dataclass(frozen=True)
class PairRows(GeneralRows):
    """Rows of pairs: products by autograd, whose passes keep the two factors; J from factors.

    Args:
        collect: Gives the factors from a batch and the scale of its rows.
    """

    collect: Callable[[Batch, Tensor], Factors]

    def write(self, out: Tensor) -> None:
        """Writes the rows to ``out``, shape (n, k, P)."""
        self.factors().write(out)

    def factors(self) -> Factors:
        """The rows as outer products of the layers of trunk and branches."""
        return self.collect(self.batch, self.scale)


@dataclass(frozen=True)
class Loose:
    """Copies of parameters that act outside linear layers, for each point, function, or pair."""

    trunk: Mapping[nn.Parameter, Tensor]
    branch: Mapping[nn.Parameter, Tensor]
    pair: Mapping[nn.Parameter, Tensor]


def collect_pairs(
    rows: Tensor, recorder: PairRecorder, loose: Loose, columns: Columns, scale: Tensor
) -> Factors:
    """Factors of the rows' derivatives.

    Args:
        rows: Shape (n, m k), with a graph that begins at the junctions.
        recorder: What was recorded while they were computed.
        loose: Copies of other parameters in the same graphs.
        columns: Where each parameter's columns are.
        scale: What rows are multiplied by, shape (n, 1).

    Returns:
        The factors.

    Raises:
        RefusedError: Nothing meets.
    """
    junctions, n, m = recorder.junctions, len(rows), recorder.functions
    if not junctions or not rows.requires_grad:
        raise RefusedError("trunk and branches meet in no linear layer")
    ends = [j.outputs for j in junctions] + list(loose.pair.values())
    by_pair = rows.view(n, m, -1)
    count = by_pair.shape[2]
    passes = [
        torch.autograd.grad(
            by_pair[..., k],
            ends,
            scale.expand(n, m),
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        for k in range(count)
    ]
    # By junction, (k, c, n, m, o): each pair's derivative by its own outputs.
    slopes = [
        torch.stack([p[i] for p in passes]).unflatten(-1, (m, -1)) for i in range(len(junctions))
    ]
    points, functions = Found(columns), Found(columns)
    _pull_back(points, recorder.uses, loose.trunk, *_to_features(junctions, slopes))
    _pull_back(functions, recorder.uses, loose.branch, *_to_coefficients(junctions, slopes))
    z = rows.detach() * scale
    found = points.factors(z)
    crossed = functions.factors(z.view(n, m, -1).transpose(0, 1).reshape(m, -1))
    plains = [
        Plain(columns[p], torch.stack([g[i].view(n, m, -1) for g in passes], 2).flatten(1, 2))
        for i, p in enumerate(loose.pair, len(junctions))
    ]
    turned = [Crossed(part, n) for part in (*crossed.outers, *crossed.plains)]
    shared = {p.columns.start for p in turned} & {p.columns.start for p in found.parts}
    if shared:
        raise RefusedError("trunk and branches share parameters")
    return Factors(z, found.outers, [*found.plains, *plains], turned)


def _to_features(
    junctions: Sequence[Junction], slopes: Sequence[Tensor]
) -> tuple[list[Tensor], list[list[Tensor]]]:
    """Trunk features, and for each function and equation the gradients of its rows there."""
    kept = [(j, s) for j, s in zip(junctions, slopes, strict=True) if j.features.requires_grad]
    pulled = []
    for junction, slope in kept:
        weights = junction.coefficients.detach().unflatten(0, slope.shape[-2:])
        pulled.append(torch.einsum("kcnmo,moq->mkcnq", slope, weights).flatten(0, 1))
    return [j.features for j, _ in kept], _transposed(pulled)


def _to_coefficients(
    junctions: Sequence[Junction], slopes: Sequence[Tensor]
) -> tuple[list[Tensor], list[list[Tensor]]]:
    """Coefficients, and for each point and equation the gradients of its rows there."""
    kept = [(j, s) for j, s in zip(junctions, slopes, strict=True) if j.coefficients.requires_grad]
    pulled = []
    for junction, slope in kept:
        product = torch.einsum("kcnmo,cnq->nkmoq", slope, junction.features.detach())
        pulled.append(product.flatten(2, 3).flatten(0, 1))
    return [j.coefficients for j, _ in kept], _transposed(pulled)


def _transposed(pulled: Sequence[Tensor]) -> list[list[Tensor]]:
    return [list(of_one_pass) for of_one_pass in zip(*pulled, strict=True)]


def _pull_back(
    found: Found,
    uses: Sequence[Use],
    leaves: Mapping[nn.Parameter, Tensor],
    outputs: list[Tensor],
    gradients: list[list[Tensor]],
) -> None:
    """Gradients at the layers that lead to some outputs, one pass for each set of gradients."""
    if not outputs:
        return
    ends = [use.outputs for use in uses] + list(leaves.values())

    def grads(given: list[Tensor], ends: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
        return torch.autograd.grad(outputs, ends, given, retain_graph=True, allow_unused=True)

    reached = [g is not None for g in grads(gradients[0], ends)]
    inside = [end for end, hit in zip(ends, reached, strict=True) if hit]
    passes = [grads(given, inside) for given in gradients]
    stacked = iter([torch.stack(of_one_end) for of_one_end in zip(*passes, strict=True)])  # type: ignore[arg-type]
    for use, hit in zip(uses, reached, strict=False):
        if hit:
            found.add_layer(use, next(stacked))
    for parameter, hit in zip(leaves, reached[len(uses) :], strict=True):
        if hit:
            found.add_copies(parameter, next(stacked))
