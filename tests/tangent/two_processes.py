"""J of a small problem in this process, or shared by several: ``torchrun two_processes.py OUT``.

Not a test of its own: test_gathering.py runs it once by torchrun and once by itself.
"""

import sys

import torch
import torch.distributed as dist

from pdenet import Condition, Dirichlet, Integral, Periodic, Problem
from pdenet.geometry import Box, Point
from pdenet.networks import MLP
from pdenet.residuals import Residuals
from pdenet.tangent import Tangent


def found(shard: tuple[int, int]) -> dict[str, torch.Tensor]:
    """Everything that is made of J; odd numbers of points make shards of unequal length."""
    domain = Box(x=(0, 1), t=(0, 1))
    problem = Problem(
        domain=domain,
        fields=("u", "v"),
        conditions={
            "drift": Condition(lambda u, v: (v.t + u * v.x, v.xx - u), on=domain.interior),
            "mean": Integral(lambda v: v, on=domain.interior, equals=0.25),
            "walls": Dirichlet(u=0, on=domain.face(x=(0, 1))),
            "ring": Periodic("v", on=domain.face(x=0), to=domain.face(x=1)),
            "gauge": Condition(lambda v: v - 1, on=Point(x=0.5, t=0.5)),  # one process has none
        },
    )
    residuals = Residuals(problem, MLP(2, 2, width=5, depth=2, seed=0))
    sizes = {"drift": 11, "mean": 9, "walls": 4, "ring": 3}
    points = {n: c.on.sample(sizes.get(n, 1), seed=4) for n, c in problem.conditions.items()}
    tangent = Tangent(residuals, points, shard=shard)
    generator = torch.Generator().manual_seed(1)
    v, w = (torch.randn(size, generator=generator) for size in reversed(tangent.shape))
    kept = tangent.linearize({"walls": 4.0})
    matrix, gradient = kept.normal()
    return {
        "z": kept.z,
        "J": tangent.dense(),
        "K": kept.gram(),
        "J^T J": matrix,
        "J^T z": gradient,
        "J v": kept.jvp(v),
        "J^T w": tangent.vjp(w),
        "norms": tangent.squared_norms(),
    }


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    dist.init_process_group("gloo")
    mine = found((dist.get_rank(), dist.get_world_size()))
    torch.save(mine, f"{sys.argv[1]}.{dist.get_rank()}")
    dist.destroy_process_group()
