"""The operator network of a problem: trunk, branches, hard conditions, sizes of the outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pdenet.functions import Ensemble
from pdenet.networks import NETWORKS, Factory, build_network
from pdenet.networks.deeponet import Branch, DeepONet, principal_components
from pdenet.networks.initializers import Initializer
from pdenet.networks.layers import make_generator
from pdenet.networks.pod import PODTrunk, orthogonal_modes
from pdenet.problem import Problem
from pdenet.solvers.hard import HardPlan
from pdenet.solvers.scales import output_scales
from pdenet.solvers.start import region_sample

BRANCHES = ("linear", *NETWORKS)


@dataclass(frozen=True)
class Sizes:
    """How large an operator network is.

    Args:
        basis: Number of basis functions.
        branch: Network of the branches by name, or `linear`.
        width: Neurons in each hidden layer of a branch.
        depth: Hidden layers of a branch.
        components: Principal components of its input that a branch sees, at most.

    Raises:
        ValueError: A number is below 1, or there is no such network.
    """

    basis: int = 64
    branch: str = "mlp"
    width: int = 64
    depth: int = 2
    components: int = 64

    def __post_init__(self) -> None:
        if self.branch not in BRANCHES:
            raise ValueError(f"branch={self.branch!r} must be one of {', '.join(BRANCHES)}.")


def operator_network(
    problem: Problem,
    network: Factory,
    plan: HardPlan | None,
    ensemble: Ensemble,
    sizes: Sizes,
    initializer: Initializer,
    *,
    grid: Sequence[Tensor] | None = None,
    seed: int,
    dtype: torch.dtype,
) -> DeepONet:
    """An operator network for a problem, as drawn.

    Args:
        problem: The problem, with input functions.
        network: Trunk, a factory ``(inputs, outputs) -> nn.Module``.
        plan: Conditions imposed exactly, or None.
        ensemble: Functions from which the branches learn what varies.
        sizes: Numbers of basis functions and neurons.
        initializer: Structure and draw of the trunk.
        grid: Sides of the grid on which the basis functions are modes of data, or None.
        seed: Seed of all draws.
        dtype: Precision of everything.

    Returns:
        The network.

    Raises:
        ValueError: The network is a module, whose sizes are its own.
    """
    if isinstance(network, nn.Module):
        raise ValueError(
            "The trunk of an operator network is built for the problem; give a factory (inputs, "
            "outputs) -> nn.Module, such as functools.partial(MLP, width=64)."
        )
    trunk = (
        _modes(sizes, grid, dtype)
        if grid is not None
        else _trunk(problem, network, plan, sizes, initializer, seed, dtype)
    )
    generator = make_generator(seed)
    branches = {
        name: _branch(values, problem.outputs * sizes.basis, sizes, seed + i, generator, dtype)
        for i, (name, values) in enumerate(ensemble.seen.items())
    }
    operator = DeepONet(
        trunk,
        branches,
        outputs=problem.outputs,
        basis=sizes.basis,
        coordinates=problem.coordinates,
        lift=None if plan is None else plan.lift,
        distance=None if plan is None else plan.distance,
    )
    scales, means = output_scales(problem, () if plan is None else plan.imposed)
    start = 0
    for name, shape in problem.shapes.items():
        columns = slice(start, start := start + torch.Size(shape).numel())
        operator.scale[columns] = scales.get(name, 1.0)
        operator.mean[columns] = means.get(name, 0.0)
    return operator.to(dtype)


def fit_outputs(operator: DeepONet, x: Tensor, tables: Sequence[Tensor | None]) -> None:
    """Brings each output to the size that data have; modes of data become basis functions.

    Args:
        operator: The network, whose constants change.
        x: Points of the data, shape (n, d).
        tables: Values of each output, shape (m, n), or None where there are no data.

    Raises:
        ValueError: Modes are wanted of several outputs, or of fewer functions than there are modes.
    """
    with torch.no_grad():
        coefficients = torch.zeros(1, operator.outputs, operator.basis).to(operator.bias)
        # The form around the network is affine: its two ends tell lift and distance.
        ends = []
        for value in (0.0, 1.0):
            operator.mean.fill_(value)
            ends.append(operator.combine(x.to(operator.bias), coefficients)[:, 0].double().cpu())
        lift, distance = ends[0], ends[1] - ends[0]
        operator.mean.zero_()
        for i, table in enumerate(tables):
            if table is None:
                continue
            free = bool((distance[:, i] == 1).all()) and not bool(lift[:, i].any())
            rest = table - lift[:, i]
            mean = float(rest.mean()) if free and not isinstance(operator.trunk, PODTrunk) else 0.0
            size = (rest - mean).square().mean().sqrt() / distance[:, i].square().mean().sqrt()
            operator.scale[i] = size if size > 0 else 1.0
            operator.mean[i] = mean
        if isinstance(operator.trunk, PODTrunk):
            known = [t for t in tables if t is not None]
            snapshots = torch.cat([t / t.square().mean().sqrt() for t in known])
            modes = orthogonal_modes(snapshots, operator.basis)
            operator.trunk.modes.copy_(modes)


def _branch(
    values: Tensor,
    outputs: int,
    sizes: Sizes,
    seed: int,
    generator: torch.Generator | None,
    dtype: torch.dtype,
) -> Branch:
    encoding = principal_components(values, most=sizes.components)
    core = None
    if sizes.branch != "linear":
        make = NETWORKS[sizes.branch]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            core = make(len(encoding), outputs, width=sizes.width, depth=sizes.depth).to(dtype)  # type: ignore[call-arg]
    mean, scale = values.mean(0), 1 / encoding.norm(dim=1)
    # The deviation along each component, in units of the largest; the root keeps small ones seen.
    seen = (scale / scale.max()).sqrt()
    return Branch(mean, encoding, core, outputs, generator, seen).to(dtype)


def _trunk(
    problem: Problem,
    network: Factory,
    plan: HardPlan | None,
    sizes: Sizes,
    initializer: Initializer,
    seed: int,
    dtype: torch.dtype,
) -> nn.Module:
    initializer.check_order(max(problem.layout(name).order for name in problem.conditions))
    built = build_network(
        initializer.structure(network, region_sample(problem)),
        coordinates=problem.coordinates,
        fields={"basis": (sizes.basis,)},
        bounds=problem.domain.bounds,
        periodic=None if plan is None else plan.periodic,
        seed=seed,
        dtype=dtype,
    )
    if not initializer.own:
        initializer.draw(built, make_generator(seed))
    return built


def _modes(sizes: Sizes, grid: Sequence[Tensor], dtype: torch.dtype) -> PODTrunk:
    """Basis functions that data will tell."""
    points = math.prod(len(axis) for axis in grid)
    return PODTrunk(grid, torch.zeros(sizes.basis, points, dtype=dtype))
