import itertools
import math

import pytest
import torch

from pdenet.jets.index import (
    canonical,
    closure,
    faa_di_bruno,
    leibniz,
    order,
    sort_key,
    written_out,
)

PURE = [i for k in range(5) for i in itertools.combinations_with_replacement(range(2), k)]
COLLAPSED = [
    ((0, 1),),
    (0, (0, 1)),
    (2, (0, 1)),
    ((0, 1), (0, 1)),
    ((0, 1), (1, 2)),
    (0, 0, (0, 1)),
]


def test_canonical_sorts_and_writes_single_axes_out() -> None:
    assert canonical([(1, 0), 1, 0]) == (0, 1, (0, 1))
    assert canonical([(1,), 0]) == (0, 1, 1)


@pytest.mark.parametrize("index", PURE + COLLAPSED, ids=str)
def test_both_rules_keep_the_order(index) -> None:
    assert all(order(a) + order(b) == order(index) for _, a, b in leibniz(index))
    assert all(sum(map(order, blocks)) == order(index) for _, blocks in faa_di_bruno(index))


@pytest.mark.parametrize("k", range(5))
def test_chain_rule_counts_set_partitions(k: int) -> None:
    bell = [1, 1, 2, 5, 15][k]
    assert sum(count for count, _ in faa_di_bruno((0,) * k)) == bell
    assert sum(count for count, _, _ in leibniz((0,) * k)) == 2**k


@pytest.mark.parametrize("index", COLLAPSED, ids=str)
def test_collapsed_rules_are_sums_of_pure_ones(index) -> None:
    # Monomials of independent symbols stand for the partial derivatives of f, g and h.
    torch.manual_seed(1)
    values: dict[tuple[str, tuple], float] = {}

    def symbol(name: str, i: tuple) -> float:
        return sum(
            count * values.setdefault((name, pure), torch.randn(()).item())
            for pure, count in written_out(i).items()
        )

    def product(i: tuple) -> float:
        return sum(c * symbol("f", a) * symbol("g", b) for c, a, b in leibniz(i))

    def composition(i: tuple) -> float:
        return sum(
            c * symbol("s", (9,) * len(blocks)) * math.prod(symbol("h", b) for b in blocks)
            for c, blocks in faa_di_bruno(i)
        )

    for rule in (product, composition):
        explicit = sum(count * rule(pure) for pure, count in written_out(index).items())
        assert rule(index) == pytest.approx(explicit, rel=1e-13)  # sums of some fifty products


def test_biharmonic_chain_rule_is_the_published_one() -> None:
    # methods.md, section 7, with L = laplacian(h), g = grad(h), H its Hessian.
    lap = (0, 1)
    terms = {blocks: count for count, blocks in faa_di_bruno((lap, lap))}
    assert terms[((lap, lap),)] == 1
    assert terms[((lap,), (lap,))] == 1
    assert terms[((0,), (0, lap))] == 4
    assert terms[((0, 0), (0, 0))] == 2
    assert terms[((0, 1), (0, 1))] == 4  # twice, for H is symmetric
    assert terms[((0,), (0,), (lap,))] == 2
    assert terms[((0,), (0,), (0, 0))] == 4
    assert terms[((0,), (0,), (1,), (1,))] == 2


def test_closure_holds_every_part_of_its_members() -> None:
    members = closure([((0, 1), (0, 1)), (2,)])
    assert sorted(members, key=sort_key)[0] == ()
    for index in members:
        assert {b for _, blocks in faa_di_bruno(index) for b in blocks} <= members
        assert {a for _, a, _ in leibniz(index)} <= members
