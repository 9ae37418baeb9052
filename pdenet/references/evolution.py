"""Operators of evolution equations in one dimension, many functions at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from scipy.sparse import csr_matrix

from pdenet.functions import Functions
from pdenet.references.base import Kind
from pdenet.references.etdrk4 import Etdrk4
from pdenet.references.operators import GridOperator
from pdenet.references.trajectory import TIME_DEGREE, _lagrange

Pointwise = Callable[[np.ndarray], np.ndarray]

_SNAPSHOTS = 64
_SAMPLES = np.linspace(-2.0, 2.0, 17)  # where pointwise functions are told from others


def nothing(u: np.ndarray) -> np.ndarray:
    """The reaction that is none."""
    return 0 * u


@dataclass(frozen=True, eq=False)
class OdeOperator(GridOperator):
    """u' = g(u, v), u(a) = start, v given: Runge-Kutta of order 4, all functions at once.

    Args:
        rate: g, a pointwise numpy function of u and v.
        interval: Both ends of the time.
        start: u at the first end.
        steps: Number of steps.
        tolerance: Relative accuracy, as the tests measure it.
        fields: One name.
        inputs: One name.
        coordinates: One name.
    """

    kind: ClassVar[Kind] = "spectral"
    rate: Callable[[np.ndarray, np.ndarray], np.ndarray]
    interval: tuple[float, float] = (0.0, 1.0)
    start: float = 0.0
    steps: int = 400
    tolerance: float = 1e-8
    fields: tuple[str, ...] = ("u",)
    inputs: tuple[str, ...] = ("v",)
    coordinates: tuple[str, ...] = ("x",)

    def _content(self) -> tuple[object, ...]:
        samples = self.rate(_SAMPLES[:, None], _SAMPLES[None])
        return samples, self.interval, self.start, self.steps

    def _solve(self, inputs: Mapping[str, Functions]) -> np.ndarray:
        times = np.linspace(*self.interval, 2 * self.steps + 1)
        v = inputs[self.inputs[0]](torch.as_tensor(times[:, None])).numpy()
        h, u = times[2] - times[0], np.full(v.shape[1], self.start)
        stored = [u]
        for i in range(self.steps):
            before, middle, after = v[2 * i], v[2 * i + 1], v[2 * i + 2]
            a = self.rate(u, before)
            b = self.rate(u + h / 2 * a, middle)
            c = self.rate(u + h / 2 * b, middle)
            d = self.rate(u + h * c, after)
            u = u + h / 6 * (a + 2 * b + 2 * c + d)
            stored.append(u)
        return np.array(stored).T

    def _probe(self, x: np.ndarray) -> csr_matrix:
        low, high = self.interval
        return _matrix([(_positions(x[:, 0], low, high, self.steps), self.steps + 1, False)])


@dataclass(frozen=True, eq=False)
class ReactionDiffusionOperator(GridOperator):
    """u_t = D u_xx + r(u) + v(x), zero at the start and at both ends of an interval.

    Chebyshev collocation in space, in whose eigenfunctions exponential time differencing of order
    four advances all functions at once.

    Args:
        diffusion: D.
        reaction: r, a pointwise numpy function.
        interval: Both ends of the interval.
        t_final: Last time.
        modes: Degree of the polynomials in space.
        steps: Steps between two snapshots.
        tolerance: Relative accuracy, as the tests measure it.
        fields: One name.
        inputs: One name, of the source v.
        coordinates: Names of space and time.
    """

    kind: ClassVar[Kind] = "spectral"
    diffusion: float
    reaction: Pointwise = nothing
    interval: tuple[float, float] = (0.0, 1.0)
    t_final: float = 1.0
    modes: int = 64
    steps: int = 4
    tolerance: float = 1e-4
    fields: tuple[str, ...] = ("u",)
    inputs: tuple[str, ...] = ("v",)
    coordinates: tuple[str, ...] = ("x", "t")

    def _content(self) -> tuple[object, ...]:
        numbers = (self.diffusion, self.interval, self.t_final, self.modes, self.steps)
        return self.reaction(_SAMPLES), numbers

    @cached_property
    def _nodes(self) -> np.ndarray:
        """Chebyshev points from high to low, in [-1, 1]."""
        return np.cos(np.pi * np.arange(self.modes + 1) / self.modes)

    def _solve(self, inputs: Mapping[str, Functions]) -> np.ndarray:
        low, high = self.interval
        derivative = _differentiation(self._nodes) * 2 / (high - low)
        operator = self.diffusion * (derivative @ derivative)[1:-1, 1:-1]
        # The eigenvalues of this matrix are real and negative, those of the Laplacian and beyond.
        values, vectors = (np.real(part) for part in np.linalg.eig(operator))
        back = np.linalg.inv(vectors)
        x = low + (high - low) * (self._nodes[1:-1] + 1) / 2
        v = inputs[self.inputs[0]](torch.as_tensor(x[:, None])).numpy().T

        def rate(w: np.ndarray) -> np.ndarray:
            return (self.reaction(w @ vectors.T) + v) @ back.T

        advance = Etdrk4(values, self.t_final / (_SNAPSHOTS * self.steps))
        w = np.zeros_like(v)
        stored = np.zeros((len(v), _SNAPSHOTS + 1, self.modes + 1))
        for k in range(_SNAPSHOTS):
            for _ in range(self.steps):
                w = advance(w, rate)
            stored[:, k + 1, 1:-1] = w @ vectors.T
        return stored.reshape(len(v), -1)

    def _probe(self, x: np.ndarray) -> csr_matrix:
        low, high = self.interval
        scaled = (2 * (x[:, 0] - low) / (high - low) - 1).clip(-1, 1)
        space = _barycentric(self._nodes, scaled)
        time = _positions(x[:, 1], 0.0, self.t_final, _SNAPSHOTS)
        index, weight = _lagrange(time, TIME_DEGREE, _SNAPSHOTS + 1)
        n = len(self._nodes)
        columns = index[:, :, None] * n + np.arange(n)
        return _sparse(columns, weight[:, :, None] * space[:, None, :], (_SNAPSHOTS + 1) * n)


@dataclass(frozen=True, eq=False)
class PeriodicOperator(GridOperator):
    r"""u_t = L u + F g(u), periodic, from the start v: Fourier series, all functions at once.

    Args:
        symbol: L as a function of the angular wavenumbers k.
        flux: g, a pointwise numpy function.
        factor: F as a function of k.
        interval: Both ends of the period.
        t_final: Last time.
        modes: Grid points of one period.
        steps: Steps between two snapshots.
        tolerance: Relative accuracy, as the tests measure it.
        fields: One name.
        inputs: One name, of the start v.
        coordinates: Names of space and time.
    """

    kind: ClassVar[Kind] = "spectral"
    symbol: Pointwise
    flux: Pointwise = nothing
    factor: Pointwise = nothing
    interval: tuple[float, float] = (0.0, 1.0)
    t_final: float = 1.0
    modes: int = 128
    steps: int = 8
    tolerance: float = 1e-5
    fields: tuple[str, ...] = ("u",)
    inputs: tuple[str, ...] = ("v",)
    coordinates: tuple[str, ...] = ("x", "t")
    _degree: int = field(default=TIME_DEGREE, repr=False)

    def _content(self) -> tuple[object, ...]:
        k = np.arange(64.0)
        numbers = (self.interval, self.t_final, self.modes, self.steps)
        return self.symbol(k) + 0j, self.flux(_SAMPLES), self.factor(k) + 0j, numbers

    def _solve(self, inputs: Mapping[str, Functions]) -> np.ndarray:
        low, high = self.interval
        n, kept = self.modes, self.modes // 3  # two thirds of the modes alias into nothing
        k = 2 * np.pi / (high - low) * np.arange(n // 2 + 1)
        symbol, factor = self.symbol(k) + 0j, self.factor(k) + 0j
        factor[kept + 1 :] = 0
        x = low + (high - low) * np.arange(n) / n
        w = np.fft.rfft(inputs[self.inputs[0]](torch.as_tensor(x[:, None])).numpy().T)
        w[:, kept + 1 :] = 0

        def rate(w: np.ndarray) -> np.ndarray:
            return factor * np.fft.rfft(self.flux(np.fft.irfft(w, n)))

        advance = Etdrk4(symbol, self.t_final / (_SNAPSHOTS * self.steps))
        stored = [w]
        for _ in range(_SNAPSHOTS):
            for _ in range(self.steps):
                w = advance(w, rate)
            stored.append(w)
        # A grid finer than the modes, so that polynomials of low degree suffice between its points.
        values = np.fft.irfft(np.array(stored), 2 * n, axis=-1) * 2
        return values.transpose(1, 0, 2).reshape(values.shape[1], -1)

    def _probe(self, x: np.ndarray) -> csr_matrix:
        low, high = self.interval
        n = 2 * self.modes
        phase = np.mod((x[:, 0] - low) / (high - low), 1.0) * n
        time = _positions(x[:, 1], 0.0, self.t_final, _SNAPSHOTS)
        return _matrix([(time, _SNAPSHOTS + 1, False), (phase, n, True)])


def _positions(x: np.ndarray, low: float, high: float, cells: int) -> np.ndarray:
    """Points in units of the grid's cells; a rounding beyond the ends is taken back."""
    slack = 1e-6 * (high - low)
    if len(x) and not (x.min() >= low - slack and x.max() <= high + slack):
        raise ValueError(
            f"Points from {x.min():g} to {x.max():g} were asked of a reference that covers "
            f"{low:g} to {high:g}."
        )
    return ((x - low) / (high - low) * cells).clip(0, cells)


def _matrix(axes: list[tuple[np.ndarray, int, bool]]) -> csr_matrix:
    """Interpolation on a tensor grid: positions, nodes, and whether it is periodic, by axis."""
    size = len(axes[0][0])
    columns, weights, total = np.zeros((size, 1), int), np.ones((size, 1)), 1
    for position, nodes, periodic in axes:
        index, weight = _lagrange(position, TIME_DEGREE, None if periodic else nodes)
        columns = (columns[:, :, None] * nodes + index[:, None, :] % nodes).reshape(size, -1)
        weights = (weights[:, :, None] * weight[:, None, :]).reshape(size, -1)
        total *= nodes
    return _sparse(columns, weights, total)


def _sparse(columns: np.ndarray, weights: np.ndarray, total: int) -> csr_matrix:
    size = len(columns)
    rows = np.repeat(np.arange(size), columns[0].size if size else 0)
    return csr_matrix((weights.ravel(), (rows, columns.ravel())), shape=(size, total))


def _differentiation(x: np.ndarray) -> np.ndarray:
    """Chebyshev differentiation matrix (Trefethen, Spectral Methods in MATLAB, 2000, chapter 6)."""
    n = len(x) - 1
    c = np.r_[2.0, np.ones(n - 1), 2.0] * (-1.0) ** np.arange(n + 1)
    apart = x[:, None] - x[None] + np.eye(n + 1)
    matrix = np.outer(c, 1 / c) / apart
    return matrix - np.diag(matrix.sum(axis=1))


def _barycentric(nodes: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Interpolation in Chebyshev points (Berrut, Trefethen, SIAM Review 46(3), 2004, section 5).

    Args:
        nodes: Chebyshev points, shape (k,).
        x: Where, shape (n,).

    Returns:
        Shape (n, k).
    """
    weights = (-1.0) ** np.arange(len(nodes))
    weights[[0, -1]] /= 2
    apart = x[:, None] - nodes[None]
    exact = np.abs(apart) < 1e-14
    shares = weights / np.where(exact, 1.0, apart)
    found = shares / shares.sum(axis=1, keepdims=True)
    hit = exact.any(axis=1)
    found[hit] = exact[hit]
    return found
