"""Products with J, its Gram matrices and its norms equal those of the matrix written out."""

from collections.abc import Callable
from functools import partial

import pytest
import torch

from pdenet import Problem
from pdenet.geometry import Points
from pdenet.networks import MLP, PirateNet
from pdenet.residuals import Residuals
from pdenet.tangent import Tangent
from pdenet.tangent.products import Products

# The same products summed in another order: round-off alone.
assert_close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)


@pytest.fixture
def tangent(problem: Problem, points: dict[str, Points]) -> Tangent:
    return Tangent(Residuals(problem, PirateNet(2, 2, width=4, depth=1, alpha=0.3)), points)


FORMS: list[Callable[[Tangent], Products]] = [lambda t: t, lambda t: t.linearize()]


@pytest.mark.parametrize("form", FORMS, ids=["anew", "kept"])
def test_products_equal_those_with_the_matrix(
    tangent: Tangent, form: Callable[[Tangent], Products]
) -> None:
    products, dense = form(tangent), tangent.dense()
    v, w = torch.randn(dense.shape[1]), torch.randn(dense.shape[0])
    assert_close(products.jvp(v), dense @ v)
    assert_close(products.vjp(w), w @ dense)
    assert_close(products.gram(), dense @ dense.T)
    assert_close(products.squared_norms(), dense.square().sum(1))
    matrix, gradient = products.normal()
    assert_close(matrix, dense.T @ dense)
    assert_close(gradient, tangent.values() @ dense)


@pytest.mark.parametrize("form", FORMS, ids=["anew", "kept"])
def test_any_memory_bound_gives_the_same(
    tangent: Tangent, form: Callable[[Tangent], Products]
) -> None:
    dense = tangent.dense()
    kernel = dense @ dense.T
    tangent.max_bytes = 8 * len(kernel) ** 2  # K fits, J does not
    products = form(tangent)
    blocks = list(products.blocks())
    assert len(blocks) > len(tangent.rows)
    assert [rows.start for rows, _ in blocks[1:]] == [rows.stop for rows, _ in blocks[:-1]]
    assert_close(torch.cat([block for _, block in blocks]), dense)
    assert_close(products.gram(), kernel)
    v, w = torch.randn(dense.shape[1]), torch.randn(dense.shape[0])
    assert_close(products.jvp(v), dense @ v)
    assert_close(products.vjp(w), w @ dense)
    with pytest.raises(ValueError, match="use jvp and vjp"):
        products.dense()
    products.max_bytes -= 1
    with pytest.raises(ValueError, match="use fewer points"):
        products.gram()
    products.max_bytes = 8 * dense.shape[1] ** 2 - 1
    with pytest.raises(ValueError, match="use gram"):
        products.normal()


def test_linearization_stays_at_its_moment(problem: Problem, points: dict[str, Points]) -> None:
    residuals = Residuals(problem, MLP(2, 2, width=4, depth=2))
    tangent = Tangent(residuals, points)
    z, dense, kept = tangent.values(), tangent.dense(), tangent.linearize()
    with torch.no_grad():
        for p in residuals.parameters():
            p += 0.1
    assert kept.frozen
    assert_close(kept.z, z)
    buffer = torch.full(tangent.shape, torch.nan)  # whatever stands there is overwritten
    assert kept.dense(buffer) is buffer
    assert_close(buffer, dense)
    assert_close(kept.vjp(kept.z), z @ dense)


def test_weights_multiply_squares_of_rows(problem: Problem, points: dict[str, Points]) -> None:
    tangent = Tangent(Residuals(problem, MLP(2, 2, width=4, depth=1)), points)
    each = torch.rand(6)
    kept = tangent.linearize({"walls": 4.0, "transport": each, "mass": torch.tensor(9.0)})
    roots = torch.ones(tangent.shape[0])
    roots[tangent.rows["walls"]] = 2
    roots[tangent.rows["mass"]] = 3
    roots[tangent.rows["transport"]] = each.sqrt().repeat_interleave(2)  # two equations a point
    assert_close(kept.z, roots * tangent.values())
    assert_close(kept.dense(), roots[:, None] * tangent.dense())


def test_other_points_are_not_tried_again(problem: Problem, points: dict[str, Points]) -> None:
    residuals = Residuals(problem, MLP(2, 2, width=4, depth=1))
    tangent = Tangent(residuals, points)
    sizes = {"momentum": 9, "walls": 2}
    others = {n: c.on.sample(sizes.get(n, 3), seed=8) for n, c in problem.conditions.items()}
    moved, fresh = tangent.at(others), Tangent(residuals, others)
    assert moved.shape == fresh.shape
    assert moved.rows == fresh.rows
    assert_close(moved.dense(), fresh.dense())
    with pytest.raises(ValueError, match="no points"):
        tangent.at({**others, "walls": others["walls"].select(slice(0))})


def test_rows_that_are_differentiated_anew(problem: Problem, points: dict[str, Points]) -> None:
    residuals = Residuals(problem, MLP(2, 2, width=4, depth=1))
    tangent = Tangent(residuals, points)
    z = tangent.values()
    tangent.max_bytes = 1
    kept = tangent.linearize()
    assert not kept.frozen
    assert_close(kept.z, z)
