"""K from layers' factors equals J J^T, tile by tile and block by block."""

import pytest
import torch

from pdenet import Problem
from pdenet.geometry import Points
from pdenet.networks import MLP
from pdenet.residuals import Residuals
from pdenet.tangent import Tangent, kernel
from pdenet.tangent.factors import Outer


@pytest.mark.parametrize("max_bytes", [2**30, 2**15], ids=["at once", "in blocks"])
@pytest.mark.parametrize("width", [2, 40])
def test_kernel_from_factors(
    width: int,
    max_bytes: int,
    problem: Problem,
    points: dict[str, Points],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernel, "TILE", 8)  # several tiles a condition
    monkeypatch.setattr(kernel, "STRIP", 5)
    residuals = Residuals(problem, MLP(2, 2, width=width, depth=3))
    tangent = Tangent(residuals, points)
    dense = tangent.dense()
    tangent.max_bytes = max_bytes
    # The same products summed in another order: round-off alone.
    torch.testing.assert_close(tangent.gram(), dense @ dense.T, rtol=1e-10, atol=1e-10)


def test_one_weight_used_twice_a_layer(problem: Problem, points: dict[str, Points]) -> None:
    pairs = {name: points[name] for name in ("ring", "walls")}
    tangent = Tangent(Residuals(problem, MLP(2, 2, width=90, depth=3)), pairs)
    kept = tangent.linearize()
    rows = [piece for name in pairs for _, piece in kept._pieces(name, held=0)]
    # The two layers between neurons; those at the ends are narrow.
    assert len(kernel.factored_weights(rows)) == 2  # type: ignore[arg-type]
    dense = tangent.dense()
    torch.testing.assert_close(kept.gram(), dense @ dense.T, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("channels", "width", "pays"), [(1, 64, True), (4, 8, False)])
def test_factors_are_taken_where_they_cost_less(channels: int, width: int, pays: bool) -> None:
    outer = Outer(
        slice(0, width**2), torch.ones(channels, 9, width), torch.ones(1, channels, 9, width)
    )
    # Flops a pair of rows: 2 c^2 (i + o), and a pass over c^2 numbers, against 2 i o.
    assert kernel._pays([outer]) is pays


def test_symmetric_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "STRIP", 3)
    a, out = torch.randn(8, 5), torch.ones(8, 8)
    kernel.add_symmetric(out, a)
    torch.testing.assert_close(kernel.mirror(out), a @ a.T + 1, rtol=1e-12, atol=1e-12)
