import numpy as np
import pytest

from pdenet.references.piecewise import Triangulation, evaluate, lattice

RNG = np.random.default_rng(0)


def graded(n: int) -> Triangulation:
    """Squares that shrink by 1e-4 towards a corner, each cut in two."""
    s = np.concatenate([[0.0], np.geomspace(1e-4, 1, n)])
    corners = np.stack(np.meshgrid(s, s, indexing="ij"), axis=-1).reshape(-1, 2)
    index = np.arange((n + 1) ** 2).reshape(n + 1, n + 1)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    halves = [np.stack(t, axis=-1).reshape(-1, 3) for t in ((a, b, c), (a, c, d))]
    return Triangulation(corners, np.concatenate(halves))


def at_lattice(mesh: Triangulation, degree: int, function) -> np.ndarray:
    a, b, c = (mesh.corners[mesh.triangles[:, i], None] for i in range(3))
    s, t = lattice(degree)[:, None, :, None]
    return function(*np.moveaxis(a + s * (b - a) + t * (c - a), -1, 0))


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_polynomials_are_reproduced_on_any_triangles(degree):
    def polynomial(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (1 + 2 * x - 3 * y) ** degree

    mesh = graded(12)
    # Inside, on edges and corners, and in cells thinner than 1e-3.
    x = np.concatenate([RNG.random((400, 2)), RNG.random((50, 2)) * 1e-3, mesh.corners])
    values = evaluate(mesh, {"u": at_lattice(mesh, degree, polynomial)}, *x.T)["u"]
    np.testing.assert_allclose(values, polynomial(*x.T), atol=1e-11)


def test_located_triangles_hold_the_points():
    mesh = graded(10)
    x = RNG.random((300, 2)) ** 3
    cells, local = mesh.locate(x)
    a, b, c = (mesh.corners[mesh.triangles[cells, i]] for i in range(3))
    np.testing.assert_allclose(a + local[:, :1] * (b - a) + local[:, 1:] * (c - a), x, atol=1e-14)
    assert local.min() > -1e-2  # up to rounding of single precision over the thinnest cell
    assert (1 - local.sum(axis=1)).min() > -1e-2


def test_points_outside_are_refused():
    with pytest.raises(ValueError, match=r"2 points lie outside.*\[1\.1, 0\.5\]"):
        graded(4).locate(np.array([[0.5, 0.5], [1.1, 0.5], [0.2, -0.1]]))


def test_no_points_no_trouble():
    cells, local = graded(4).locate(np.zeros((0, 2)))
    assert len(cells) == len(local) == 0
