import pytest
import torch
from torch import Tensor, nn

from pdenet.jets import (
    Vector,
    biharmonic,
    curl,
    discover,
    div,
    dot,
    flatten,
    grad,
    hessian,
    laplacian,
    norm,
    normal_derivative,
    propagate,
    reference,
)

POINTS = torch.rand(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
NAMES = ("x", "y", "z", "t")
LAP = (0, 1, 2)


@pytest.fixture
def network() -> nn.Module:
    """Scalar u, vector v of three components, tensor of two by two."""
    return nn.Sequential(nn.Linear(4, 7), nn.Tanh(), nn.Linear(7, 8), nn.Tanh(), nn.Linear(8, 8))


@pytest.fixture
def evaluate(network):
    def run(function, **given: Tensor):
        demand = discover(
            function,
            fields={"u": (), "v": (3,), "s": (2, 2)},
            coordinates=NAMES,
            space=("x", "y", "z"),
            given=given,
        )
        jet = propagate(network, POINTS, demand.layout)
        jets = {"u": jet[..., 0], "v": jet[..., 1:4], "s": jet[..., 4:].reshape(-1, 2, 2)}
        run.layout = demand.layout
        return function(**demand.arguments(jets, POINTS, given))

    return run


@pytest.fixture
def exact(network):
    """Partial derivatives of output k, by nested autograd."""

    def partial(k: int, *index) -> Tensor:
        from pdenet.jets import Layout

        layout = Layout(NAMES, [index])
        return reference.propagate(network, POINTS, layout).partial(index)[:, k]

    return partial


def close(found, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)  # order 4 at most


def test_laplacian_and_biharmonic(evaluate, exact) -> None:
    close(evaluate(lambda u: laplacian(u)), exact(0, LAP))
    assert evaluate.layout.channels[-1] == (LAP,)
    close(evaluate(lambda u: laplacian(u, "x", "t")), exact(0, (0, 3)))
    close(evaluate(lambda u: biharmonic(u)), exact(0, LAP, LAP))
    close(evaluate(lambda u: laplacian(laplacian(u))), exact(0, LAP, LAP))
    assert evaluate.layout.channels[-1] == (LAP, LAP)


def test_laplacians_mix_with_other_derivatives(evaluate, exact) -> None:
    found = evaluate(lambda u: u.t + u * u.x - laplacian(u).t + laplacian(u.y, "x", "y"))
    expected = exact(0, 3) + exact(0) * exact(0, 0) - exact(0, 3, LAP) + exact(0, 1, (0, 1))
    close(found, expected)


def test_gradient_hessian_and_their_kin(evaluate, exact) -> None:
    for i, part in enumerate(evaluate(lambda u: grad(u))):
        close(part, exact(0, i))
    for i, part in enumerate(evaluate(lambda u: grad(laplacian(u)))):
        close(part, exact(0, i, LAP))
    rows = evaluate(lambda u: hessian(u))
    for i in range(3):
        for j in range(3):
            close(rows[i][j], exact(0, i, j))
    for i, row in enumerate(evaluate(lambda v: grad(v))):
        for j, part in enumerate(row):
            close(part, exact(1 + i, j))


def test_divergence_of_a_gradient_is_carried_as_a_laplacian(evaluate, exact) -> None:
    close(evaluate(lambda u: div(grad(u))), exact(0, LAP))
    assert len(evaluate.layout) == 5
    close(evaluate(lambda u, n: div(grad(u) / 4 / n), n=2 * torch.ones(5)), exact(0, LAP) / 8)
    assert len(evaluate.layout) == 5
    found = evaluate(lambda u, x: div((1 + x) * grad(u) / u - 2 * grad(u)))
    assert len(evaluate.layout) == 5
    u, lap = exact(0), exact(0, LAP)
    squares = sum(exact(0, i) ** 2 for i in range(3))
    one = 1 + POINTS[:, 0]
    close(found, one / u * lap + exact(0, 0) / u - one * squares / u**2 - 2 * lap)


def test_divergence_in_general(evaluate, exact) -> None:
    close(evaluate(lambda v: div(v)), exact(1, 0) + exact(2, 1) + exact(3, 2))
    close(evaluate(lambda s: div(s[0], "x", "y")), exact(4, 0) + exact(5, 1))
    rows = evaluate(lambda s: div(s, "x", "y"))
    close(rows[1], exact(6, 0) + exact(7, 1))
    found = evaluate(lambda u, v: div(u * v))
    close(found, sum(exact(0, i) * exact(1 + i) + exact(0) * exact(1 + i, i) for i in range(3)))


@pytest.mark.parametrize("p", [3, 1.5])
def test_p_laplacian(evaluate, exact, p: float) -> None:
    found = evaluate(lambda u: div(norm(grad(u)) ** (p - 2) * grad(u)))
    g = [exact(0, i) for i in range(3)]
    square = sum(a**2 for a in g)
    curvature = sum(g[i] * g[j] * exact(0, i, j) for i in range(3) for j in range(3))
    expected = square ** (p / 2 - 1) * (exact(0, LAP) + (p - 2) * curvature / square)
    close(found, expected)


def test_curl(evaluate, exact) -> None:
    found = evaluate(lambda v: curl(v))
    close(found[0], exact(3, 1) - exact(2, 2))
    close(found[1], exact(1, 2) - exact(3, 0))
    close(found[2], exact(2, 0) - exact(1, 1))
    close(evaluate(lambda s: curl(s[0], "x", "y")), exact(5, 0) - exact(4, 1))


def test_identities(evaluate) -> None:
    zero = torch.zeros(5)
    for part in evaluate(lambda u: curl(grad(u))):
        close(part, zero)
    close(evaluate(lambda v: div(curl(v))), zero)
    close(evaluate(lambda v: div(grad(v))[1] - laplacian(v)[1]), zero)


def test_dot_norm_and_normal_derivative(evaluate, exact) -> None:
    close(evaluate(lambda u, v: dot(v, grad(u))), sum(exact(1 + i) * exact(0, i) for i in range(3)))
    close(evaluate(lambda v: norm(v)), sum(exact(1 + i) ** 2 for i in range(3)).sqrt())
    n = {f"n{c}": torch.rand(5) for c in "xyz"}
    found = evaluate(lambda u, nx, ny, nz: normal_derivative(u, nx, ny, nz), **n)
    close(found, sum(part * exact(0, i) for i, part in enumerate(n.values())))


def test_operators_act_on_vectors_by_component(evaluate, exact) -> None:
    for operator, index in [(laplacian, (LAP,)), (biharmonic, (LAP, LAP))]:
        for i, part in enumerate(evaluate(lambda v, f=operator: f(v))):
            close(part, exact(1 + i, *index))
    for i, part in enumerate(evaluate(lambda v: v.t)):
        close(part, exact(1 + i, 3))
    close(evaluate(lambda v: v.d("x", "t")[2]), exact(3, 0, 3))


def test_vector_arithmetic(evaluate, exact) -> None:
    def function(u, v, n):
        w = 2 * v - v / u + n * grad(u)
        return -w + v

    n = torch.rand(5)
    for i, part in enumerate(evaluate(function, n=n)):
        v = exact(1 + i)
        close(part, -(2 * v - v / exact(0) + n * exact(0, i)) + v)


def test_flatten_lists_components(evaluate) -> None:
    rows = flatten(evaluate(lambda u, s: (u.x, s, laplacian(u))))
    assert len(rows) == 6
    assert all(row.shape == (5,) for row in rows)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda v: v[3], IndexError, "Component 3 of a vector with 3"),
        (lambda v: v * v, TypeError, r"dot\(a, b\)"),
        (lambda v: v / v, TypeError, "Divide its components"),
        (lambda v: v + 1, TypeError, "vector of 3 components and int"),
        (lambda v, s: v + s[0], TypeError, "one of 2"),
        (lambda v: torch.sin(v), TypeError, "sin of a vector field"),
        (lambda u, v: u + v, TypeError, "unsupported|cannot be added|vector"),
        (lambda s: div(s[0]), ValueError, "2 components over 3 coordinates"),
        (lambda u: div(u), TypeError, "div needs a vector field"),
        (lambda v: curl(v, "x", "y"), ValueError, "curl of 3 components over 2"),
        (lambda v, s: dot(v, s[0]), ValueError, "3 and 2 components"),
        (lambda u: laplacian(1.0), TypeError, "laplacian needs a field"),
        (lambda u: laplacian(u, "x", "x"), ValueError, "named twice"),
        (lambda u: laplacian(u, "r"), ValueError, "no coordinate 'r'"),
        (lambda u: normal_derivative(u, torch.ones(3)), ValueError, r"\(u, nx, ny, nz\)"),
        (lambda u: laplacian(biharmonic(u)), ValueError, "order 6"),
    ],
)
def test_mistakes_are_explained(evaluate, function, error, message: str) -> None:
    with pytest.raises(error, match=message):
        evaluate(function)


def test_no_space_coordinates() -> None:
    with pytest.raises(ValueError, match="No space coordinates"):
        discover(lambda u: laplacian(u), fields={"u": ()}, coordinates=("t",), space=())


def test_a_vector_is_a_sequence() -> None:
    v = Vector([1.0, 2.0])
    assert list(v) == [1.0, 2.0]
    assert len(v) == 2
    assert v[-1] == 2.0
    assert repr(v) == "Vector([1.0, 2.0])"
