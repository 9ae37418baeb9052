"""Planned conditions hold to round-off for any network; what cannot be imposed says why."""

import inspect
import math
from typing import Any

import pytest
import torch

from pdenet.conditions import Condition, Dirichlet, Initial, Neumann, Periodic, prescribed_values
from pdenet.geometry import Box, Disk, Interval, Parameters, Polygon, Region
from pdenet.jets import Layout, biharmonic, laplacian, propagate
from pdenet.networks import MLP, build_network
from pdenet.problem import Problem
from pdenet.solvers.hard import HardPlan, plan_hard_conditions

SQUARE = Box(x=(0, 1), y=(-1, 2))
STRIP = Box(x=(-1, 1), t=(0, 2))


def problem(domain: Any, fields: Any = "u", **conditions: Condition) -> Problem:
    """A problem with a first-order equation that has nothing to do with the conditions."""
    first = domain.coordinates[0]

    def equation(**known):
        return known[next(iter(known))].d(first)

    name = fields if isinstance(fields, str) else next(iter(fields))
    equation.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)]
    )
    interior = Condition(equation, on=domain.interior)
    return Problem(domain=domain, fields=fields, conditions={"equation": interior, **conditions})


def model(p: Problem, plan: HardPlan, dtype=torch.float64) -> torch.nn.Module:
    network = build_network(
        lambda n, m: MLP(n, m, width=8, depth=1),
        coordinates=p.coordinates,
        fields=p.shapes,
        bounds=p.domain.bounds,
        periodic=plan.periodic,
        seed=0,
        dtype=dtype,
    )
    return plan.wrap(network)


def misfit(p: Problem, plan: HardPlan, name: str, dtype=torch.float64) -> float:
    """Largest error of a condition's values and rates at random points of its part."""
    condition, module = p.conditions[name], model(p, plan, dtype)
    points = condition.on.sample(50, seed=7).to(dtype=dtype)
    x = points.x.clone().requires_grad_()
    columns, start, worst = module(x), 0, 0.0
    for field, shape in p.shapes.items():
        width = math.prod(shape)
        for what, values in (("value", condition.values), ("rate", getattr(condition, "rate", {}))):
            if field in values:
                wanted = prescribed_values(values[field], points).reshape(50, -1)
                for i in range(width):
                    found = columns[:, start + i]
                    if what == "rate":
                        (gradient,) = torch.autograd.grad(found.sum(), x, retain_graph=True)
                        found = gradient[:, p.coordinates.index("t")]
                    error = found.detach() - wanted[:, i % wanted.shape[1]]
                    worst = max(worst, float(error.abs().max()))
        start += width
    return worst


def slope(p: Problem, plan: HardPlan, part: Region) -> torch.Tensor:
    """Normal derivative of the first output at random points of a part."""
    points = part.sample(50, seed=7)
    x = points.x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(p, plan)(x)[:, 0].sum(), x)
    assert points.normals is not None
    columns = [p.coordinates.index(name) for name in points.space]
    return (gradient[:, columns] * points.normals).sum(-1)


def free_inside(p: Problem, plan: HardPlan) -> bool:
    """Whether the network still matters at every interior point, for every output."""
    points = p.domain.sample(30, seed=3)
    given = {name: points[name] for name in points.coordinates}
    return all(d is None or bool((d(**given) > 0).all()) for d in plan.distance)  # type: ignore


ROUND_OFF = 1e-12  # values of order one, a few dozen operations each


def test_start_and_walls_of_burgers():
    p = problem(
        STRIP,
        start=Initial(u=lambda x: -torch.sin(math.pi * x), on=STRIP.initial),
        ends=Dirichlet(u=0, on=STRIP.boundary),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("start", "ends")
    assert max(misfit(p, plan, name) for name in plan.imposed) < ROUND_OFF
    assert free_inside(p, plan)
    points = STRIP.sample(10, seed=0)
    # The start fits the walls, so that it needs no correction: lift and start are the same.
    lift = plan.lift[0](x=points["x"], t=points["t"])  # type: ignore[operator, misc]
    assert torch.equal(lift, -torch.sin(math.pi * points["x"]))


def test_single_precision_is_exact_to_its_own_round_off():
    p = problem(
        Box(x=(0.1, 0.7), t=(0, 0.3)),
        start=Initial(u=lambda x: 2 + x, on=Box(x=(0.1, 0.7), t=(0, 0.3)).initial),
        left=Dirichlet(u=2.1, on=Box(x=(0.1, 0.7), t=(0, 0.3)).face(x=0.1)),
        right=Dirichlet(u=lambda t: 2.7 + t, on=Box(x=(0.1, 0.7), t=(0, 0.3)).face(x=0.7)),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("start", "left", "right")
    # A few units in the last place of 2.7.
    assert max(misfit(p, plan, name, torch.float32) for name in plan.imposed) < 2e-6


def test_rates_are_exact():
    p = problem(
        STRIP,
        start=Initial(
            u=lambda x: torch.cos(math.pi * x / 2),
            rate={"u": lambda x: 3 * (1 - x**2)},
            on=STRIP.initial,
        ),
        ends=Dirichlet(u=0, on=STRIP.boundary),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("start", "ends")
    assert max(misfit(p, plan, name) for name in plan.imposed) < ROUND_OFF
    assert free_inside(p, plan)


def test_rates_with_moving_walls():
    p = problem(
        STRIP,
        start=Initial(u=lambda x: x**2, rate={"u": lambda x: x}, on=STRIP.initial),
        left=Dirichlet(u=lambda t: torch.exp(-t), on=STRIP.face(x=-1)),
        right=Dirichlet(u=lambda t: 1 + torch.sin(t), on=STRIP.face(x=1)),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("start", "left", "right")
    assert max(misfit(p, plan, name) for name in plan.imposed) < ROUND_OFF


def smooth(x, y):
    return torch.exp(x) * torch.sin(3 * y) + x * y**2


def test_interpolation_between_four_faces_knows_the_faces_only():
    p = problem(SQUARE, walls=Dirichlet(u=smooth, on=SQUARE.boundary))
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("walls",)
    assert misfit(p, plan, "walls") < ROUND_OFF
    points = SQUARE.sample(50, seed=0)
    lift = plan.lift[0](x=points["x"], y=points["y"])  # type: ignore[operator, misc]
    # The data may be the solution's own formula: using it inside would be giving it away.
    assert (lift - smooth(points["x"], points["y"])).abs().max() > 0.05


def test_interpolation_equals_the_formula_of_coons():
    p = problem(SQUARE, walls=Dirichlet(u=smooth, on=SQUARE.boundary))
    points = SQUARE.sample(20, seed=0)
    x, y = points["x"], points["y"]
    r, s = x, (y + 1) / 3
    low, high = torch.full_like(y, -1), torch.full_like(y, 2)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    along_x = (1 - r) * smooth(zero, y) + r * smooth(one, y)
    along_y = (1 - s) * smooth(x, low) + s * smooth(x, high)
    corners = (1 - r) * ((1 - s) * smooth(zero, low) + s * smooth(zero, high)) + r * (
        (1 - s) * smooth(one, low) + s * smooth(one, high)
    )
    lift = plan_hard_conditions(p).lift[0](x=x, y=y)  # type: ignore[operator, misc]
    torch.testing.assert_close(lift, along_x + along_y - corners, rtol=1e-12, atol=1e-12)


def test_interpolation_in_space_and_time():
    domain = Box(x=(0, 1), y=(0, 2), t=(1, 2))

    def wave(x, y, t):
        return torch.cos(x + 2 * y - 3 * t)

    p = problem(
        domain,
        start=Initial(u=wave, on=domain.initial),
        left=Dirichlet(u=wave, on=domain.face(x=0)),
        rest=Dirichlet(u=wave, on=domain.face(x=1, y=(0, 2))),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("start", "left", "rest")
    assert max(misfit(p, plan, name) for name in plan.imposed) < ROUND_OFF
    assert free_inside(p, plan)


def test_some_faces_may_be_free():
    p = problem(
        SQUARE,
        left=Dirichlet(u=lambda y: y**3, on=SQUARE.face(x=0)),
        top=Dirichlet(u=lambda x: 8 + torch.sin(x), on=SQUARE.face(y=2)),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("left", "top")
    assert max(misfit(p, plan, name) for name in plan.imposed) < ROUND_OFF
    bottom = model(p, plan)(SQUARE.face(y=-1).sample(9, seed=0).x)
    assert bottom.std() > 1e-3


def test_numbers_at_the_ends_of_an_interval():
    domain = Interval(x=(1, 3))
    p = problem(
        domain,
        left=Dirichlet(u=5, on=domain.face(x=1)),
        right=Dirichlet(u=-1, on=domain.face(x=3)),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("left", "right")
    x = torch.tensor([[1.0], [3.0]])
    assert model(p, plan)(x).flatten().tolist() == pytest.approx([5, -1], abs=1e-14)


def test_the_same_number_everywhere_is_the_lift():
    p = problem(SQUARE, walls=Dirichlet(u=2.5, on=SQUARE.boundary))
    plan = plan_hard_conditions(p)
    assert plan.lift[0](x=torch.zeros(1), y=torch.zeros(1)) == 2.5  # type: ignore[operator, misc]
    assert misfit(p, plan, "walls") == 0
    zero = problem(SQUARE, walls=Dirichlet(u=0, on=SQUARE.boundary))
    assert plan_hard_conditions(zero).lift == (None,)


def test_vectors_and_their_components():
    p = problem(
        SQUARE,
        fields={"v": 2, "p": ()},
        inflow=Dirichlet(v=(lambda y: (y + 1) * (2 - y), 0), on=SQUARE.face(x=0)),
        walls=Dirichlet(v=0, on=SQUARE.face(y=(-1, 2))),
        outflow=Dirichlet(p=0, on=SQUARE.face(x=1)),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("inflow", "walls", "outflow")
    assert max(misfit(p, plan, name) for name in plan.imposed) < ROUND_OFF
    assert free_inside(p, plan)


def test_parameters_are_inputs_like_others():
    domain: Any = Box(x=(0, 1), t=(0, 1)) * Parameters(nu=(1, 2))
    p = problem(
        domain,
        start=Initial(u=lambda x, nu: nu * x * (1 - x), on=domain.initial),
        ends=Dirichlet(u=lambda t, nu: nu * t, on=domain.boundary),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("start", "ends")
    assert max(misfit(p, plan, name) for name in plan.imposed) < ROUND_OFF


def test_lid_that_jumps_at_the_corner_is_trained():
    p = problem(
        SQUARE,
        walls=Dirichlet(u=0, on=SQUARE.face(x=(0, 1), y=-1)),
        lid=Dirichlet(u=1, on=SQUARE.face(y=2)),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("walls",)
    assert "disagree by 1 where x=0 meets y=2" in plan.reasons["lid"]
    assert misfit(p, plan, "walls") == 0


def test_smooth_lid_is_imposed():
    p = problem(
        SQUARE,
        walls=Dirichlet(u=0, on=SQUARE.face(x=(0, 1), y=-1)),
        lid=Dirichlet(u=lambda x: 4 * x * (1 - x), on=SQUARE.face(y=2)),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("walls", "lid")
    assert max(misfit(p, plan, name) for name in plan.imposed) < ROUND_OFF


def test_start_that_does_not_fit_the_walls_gives_way():
    p = problem(
        STRIP,
        start=Initial(u=1, on=STRIP.initial),
        ends=Dirichlet(u=0, on=STRIP.boundary),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("ends",)
    assert "'start' and 'ends' disagree by 1 where t=0 meets x=-1" in plan.reasons["start"]


def test_rate_that_does_not_fit_the_walls_gives_way():
    p = problem(
        STRIP,
        start=Initial(u=0, rate={"u": 2.0}, on=STRIP.initial),
        ends=Dirichlet(u=0, on=STRIP.boundary),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("ends",)
    assert "disagree by 2" in plan.reasons["start"]


def test_hard_true_is_an_order_and_says_why_it_fails():
    walls = Dirichlet(u=0, on=SQUARE.face(x=(0, 1), y=-1))
    p = problem(SQUARE, walls=walls, lid=Dirichlet(u=1, on=SQUARE.face(y=2), hard=True))
    assert plan_hard_conditions(p).imposed == ("lid",)  # the walls give way
    walls = Dirichlet(u=0, on=SQUARE.face(x=(0, 1), y=-1), hard=True)
    p = problem(SQUARE, walls=walls, lid=Dirichlet(u=1, on=SQUARE.face(y=2), hard=True))
    with pytest.raises(ValueError, match=r"'(lid|walls)'.*hard=True, but .*disagree by 1"):
        plan_hard_conditions(p)


def test_hard_false_is_trained():
    p = problem(
        STRIP,
        start=Initial(u=0, on=STRIP.initial, hard=False),
        ends=Dirichlet(u=0, on=STRIP.boundary),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("ends",)
    assert "hard=False" in plan.reasons["start"]


def test_part_of_a_face_is_trained():
    part = SQUARE.face(y=2).where(lambda x: x > 0.5, "half lid")
    p = problem(SQUARE, lid=Dirichlet(u=1, on=part), left=Dirichlet(u=0, on=SQUARE.face(x=0)))
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("left",)
    assert "half lid is not made of whole faces" in plan.reasons["lid"]


def test_condition_of_two_fields_is_imposed_for_both_or_none():
    p = problem(
        SQUARE,
        fields=("u", "v"),
        walls=Dirichlet(u=0, v=0, on=SQUARE.face(x=(0, 1), y=-1)),
        lid=Dirichlet(u=1, v=0, on=SQUARE.face(y=2)),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("walls",)
    lid = SQUARE.face(y=2).sample(20, seed=0).x
    assert model(p, plan)(lid)[:, 1].abs().max() > 1e-3


def test_too_many_directions_are_trained():
    domain = Box(a=(0, 1), b=(0, 1), c=(0, 1), e=(0, 1))

    def value(a, b, c, e):
        return torch.cos(a + 2 * b + 3 * c + 5 * e)

    p = problem(domain, walls=Dirichlet(u=value, on=domain.boundary))
    plan = plan_hard_conditions(p)
    assert plan.imposed == ()
    assert "more than 3 directions" in plan.reasons["walls"]


# -- clamped edges -------------------------------------------------------------------------------


def test_clamped_plate():
    p = problem(
        SQUARE,
        edge=Dirichlet(u=0, on=SQUARE.boundary),
        clamped=Neumann(u=0, on=SQUARE.boundary),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("edge", "clamped")
    assert misfit(p, plan, "edge") == 0
    assert slope(p, plan, SQUARE.boundary).abs().max() < ROUND_OFF
    assert free_inside(p, plan)


def test_plate_clamped_on_one_side():
    p = problem(
        SQUARE,
        edge=Dirichlet(u=0, on=SQUARE.boundary),
        clamped=Neumann(u=0, on=SQUARE.face(x=0)),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("edge", "clamped")
    assert slope(p, plan, SQUARE.face(x=0)).abs().max() < ROUND_OFF
    assert slope(p, plan, SQUARE.face(x=1)).abs().max() > 1e-3


def test_slope_that_the_lift_lacks_is_trained():
    p = problem(
        SQUARE,
        edge=Dirichlet(u=0, on=SQUARE.boundary),
        slope=Neumann(u=1, on=SQUARE.face(x=0)),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("edge",)
    assert "misses them by 1" in plan.reasons["slope"]
    assert slope(p, plan, SQUARE.face(x=0)).std() > 1e-3


def test_slope_without_value_is_trained():
    p = problem(
        SQUARE,
        left=Dirichlet(u=0, on=SQUARE.face(x=0)),
        right=Neumann(u=0, on=SQUARE.face(x=1)),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("left",)
    assert "only where the value of u is" in plan.reasons["right"]


# -- other shapes --------------------------------------------------------------------------------

DISK = Disk(center=(0.2, 0), radius=1)
PIPE: Any = DISK * Interval(t=(0, 1))
HOLED = Box(x=(-2, 2), y=(-2, 2)) - Disk(center=(0, 0), radius=1)


def bump(x, y):
    return 1 - (x - 0.2) ** 2 - y**2


def test_number_on_a_disk():
    p = problem(DISK, rim=Dirichlet(u=3, on=DISK.boundary))
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("rim",)
    assert misfit(p, plan, "rim") < ROUND_OFF
    assert free_inside(p, plan)


def test_start_and_rate_on_a_disk():
    p = problem(
        PIPE,
        rim=Dirichlet(u=1, on=PIPE.boundary),
        start=Initial(u=lambda x, y: 1 + bump(x, y), rate={"u": bump}, on=PIPE.initial),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("rim", "start")
    assert max(misfit(p, plan, name) for name in plan.imposed) < ROUND_OFF


@pytest.mark.parametrize(("value", "rate"), [(0, 0), (1, 2.0)])
def test_start_that_does_not_fit_the_rim_gives_way(value, rate):
    p = problem(
        PIPE,
        rim=Dirichlet(u=1, on=PIPE.boundary),
        start=Initial(u=value, rate={"u": rate}, on=PIPE.initial),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("rim",)
    assert "'start' and 'rim' disagree" in plan.reasons["start"]


def test_formula_on_a_shape_is_used_inside_only_on_demand():
    def value(x, y):
        return torch.exp(x) * torch.sin(y)

    p = problem(DISK, rim=Dirichlet(u=value, on=DISK.boundary))
    plan = plan_hard_conditions(p)
    assert plan.imposed == ()
    assert "say hard=True" in plan.reasons["rim"]
    p = problem(DISK, rim=Dirichlet(u=value, on=DISK.boundary, hard=True))
    plan = plan_hard_conditions(p)
    assert misfit(p, plan, "rim") < ROUND_OFF
    points = DISK.sample(5, seed=0)
    lift = plan.lift[0](x=points["x"], y=points["y"])  # type: ignore[operator, misc]
    assert torch.equal(lift, value(points["x"], points["y"]))


def test_moving_formula_with_a_start():
    p = problem(
        PIPE,
        rim=Dirichlet(u=lambda x, t: x * (1 + t), on=PIPE.boundary, hard=True),
        start=Initial(u=lambda x, y: x + bump(x, y), on=PIPE.initial),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("rim", "start")
    assert max(misfit(p, plan, name) for name in plan.imposed) < ROUND_OFF
    rate = Initial(u=lambda x: x, rate={"u": lambda x: x}, on=PIPE.initial)
    rim = Dirichlet(u=lambda x, t: x * (1 + t), on=PIPE.boundary, hard=True)
    plan = plan_hard_conditions(problem(PIPE, rim=rim, start=rate))
    assert plan.imposed == ("rim",)
    assert "rates cannot be combined" in plan.reasons["start"]


def test_different_numbers_on_parts_that_do_not_touch():
    p = problem(
        HOLED,
        left=Dirichlet(u=1, on=HOLED.face(x=-2)),
        right=Dirichlet(u=-3, on=HOLED.face(x=2)),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("left", "right")
    assert max(misfit(p, plan, name) for name in plan.imposed) < ROUND_OFF
    assert free_inside(p, plan)


def test_different_numbers_on_parts_that_touch_are_trained():
    p = problem(
        HOLED,
        left=Dirichlet(u=1, on=HOLED.face(x=-2)),
        top=Dirichlet(u=0, on=HOLED.face(y=2)),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("top",)
    assert "touches x=-2" in plan.reasons["left"]


def test_clamped_round_plate_of_fourth_order():
    p = problem(
        DISK,
        plate=Condition(lambda u: biharmonic(u), on=DISK.interior),
        rim=Dirichlet(u=0, on=DISK.boundary),
        clamped=Neumann(u=0, on=DISK.boundary),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("rim", "clamped")
    assert slope(p, plan, DISK.boundary).abs().max() < ROUND_OFF


def test_corners_of_distances_are_kept_from_fourth_order_equations():
    shape = Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
    rim = Dirichlet(u=0, on=shape.boundary)
    second = problem(shape, poisson=Condition(lambda u: laplacian(u), on=shape.interior), rim=rim)
    assert plan_hard_conditions(second).imposed == ("rim",)
    fourth = problem(shape, plate=Condition(lambda u: biharmonic(u), on=shape.interior), rim=rim)
    plan = plan_hard_conditions(fourth)
    assert plan.imposed == ()
    assert "has corners" in plan.reasons["rim"]


def test_part_without_distance_is_trained():
    part = DISK.boundary.where(lambda x: x > 0.5, "right")
    plan = plan_hard_conditions(problem(DISK, rim=Dirichlet(u=0, on=part)))
    assert plan.imposed == ()
    assert "no smooth distance to right" in plan.reasons["rim"]


@pytest.mark.parametrize("clamped", [[], ["x=1"], ["x=0", "x=1"], ["x=0", "y=-1", "y=2"]])
def test_distance_is_one_at_its_largest(clamped):
    slopes = {f: Neumann(u=0, on=SQUARE.faces[f]) for f in clamped}
    p = problem(SQUARE, edge=Dirichlet(u=0, on=SQUARE.boundary), **slopes)
    plan = plan_hard_conditions(p)
    assert set(plan.imposed) == {"edge", *clamped}
    x, y = torch.meshgrid(torch.linspace(0, 1, 301), torch.linspace(-1, 2, 301), indexing="ij")
    largest = plan.distance[0](x=x, y=y).max().item()  # type: ignore[operator, misc]
    # The maximum of x^p (1 - x)^q lies on the grid or within 1/600 of it: flat to second order.
    assert largest == pytest.approx(1, abs=1e-4)


# -- periodicity ---------------------------------------------------------------------------------


def across(domain, *fields, **options) -> Periodic:
    return Periodic(*fields, on=domain.face(x=-1), to=domain.face(x=1), **options)


def test_periodic_start():
    p = problem(
        STRIP,
        start=Initial(u=lambda x: torch.cos(math.pi * x), on=STRIP.initial),
        period=across(STRIP, "u", order=3),
    )
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("start", "period")
    assert plan.periodic == {"x": 2.0}
    t = torch.linspace(0, 2, 7)
    module = model(p, plan)
    left, right = (module(torch.stack([torch.full_like(t, at), t], 1)) for at in (-1.0, 1.0))
    assert (left - right).abs().max() < ROUND_OFF
    assert left.std() > 1e-3


def test_start_with_a_kink_across_the_period_is_trained():
    def start(hard=None):
        return Initial(u=lambda x: x**2 * torch.cos(math.pi * x), on=STRIP.initial, hard=hard)

    p = problem(STRIP, start=start(), period=across(STRIP, "u"))
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("period",)
    assert "its slope jumps by 4 across the period" in plan.reasons["start"]
    p = problem(STRIP, start=start(hard=True), period=across(STRIP, "u"))
    with pytest.raises(ValueError, match=r"'start'.*hard=True.*jumps by 4"):
        plan_hard_conditions(p)


def test_period_of_some_fields_is_trained():
    p = problem(STRIP, fields=("u", "p"), period=across(STRIP, "u"))
    plan = plan_hard_conditions(p)
    assert (plan.imposed, plan.periodic) == ((), {})
    assert "would make p periodic as well" in plan.reasons["period"]


def test_periods_of_all_fields_may_be_said_in_turn():
    p = problem(
        STRIP, fields=("u", "p"), velocity=across(STRIP, "u"), pressure=across(STRIP, "p", order=0)
    )
    assert plan_hard_conditions(p).imposed == ("velocity", "pressure")


def test_module_of_ones_own_keeps_its_inputs():
    p = problem(STRIP, period=across(STRIP, "u"))
    plan = plan_hard_conditions(p, embedding=False)
    assert plan.imposed == ()
    assert "inputs stay as they are" in plan.reasons["period"]
    p = problem(STRIP, period=across(STRIP, "u", hard=True))
    with pytest.raises(ValueError, match="inputs stay as they are"):
        plan_hard_conditions(p, embedding=False)


def test_values_on_faces_that_are_joined_are_trained():
    p = problem(STRIP, period=across(STRIP, "u"), left=Dirichlet(u=0, on=STRIP.face(x=-1)))
    plan = plan_hard_conditions(p)
    assert plan.imposed == ("period",)
    assert "periodic along x" in plan.reasons["left"]


# -- the plan as an object -----------------------------------------------------------------------


def test_nothing_to_impose_leaves_the_network_alone():
    network = torch.nn.Linear(2, 1)
    plan = plan_hard_conditions(problem(STRIP))
    assert plan.wrap(network) is network
    assert plan.reasons == {}
    assert plan.describe() == ""


def test_description_names_every_condition():
    p = problem(
        STRIP,
        start=Initial(u=1, on=STRIP.initial),
        ends=Dirichlet(u=0, on=STRIP.boundary),
    )
    lines = plan_hard_conditions(p).describe().splitlines()
    assert lines[0].startswith("start: trained, because 'start' and 'ends' disagree")
    assert lines[1] == "ends: imposed, by a factor that vanishes on boundary"


def test_planned_form_carries_derivatives_and_traces():
    p = problem(SQUARE, walls=Dirichlet(u=smooth, on=SQUARE.boundary))
    module = model(p, plan_hard_conditions(p))
    x = SQUARE.sample(5, seed=0).x
    traced = torch.compile(module, fullgraph=True, backend="eager")
    torch.testing.assert_close(traced(x), module(x))
    jet = propagate(module, x, Layout(("x", "y"), [(0, 0), (1, 1)]))
    x.requires_grad_()
    (first,) = torch.autograd.grad(module(x).sum(), x, create_graph=True)
    for axis in (0, 1):
        (second,) = torch.autograd.grad(first[:, axis].sum(), x, retain_graph=True)
        found = jet.partial((axis, axis))[:, 0]  # type: ignore[index]
        torch.testing.assert_close(found, second[:, axis], rtol=1e-11, atol=1e-11)
