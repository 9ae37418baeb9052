"""Steps in JAX, whole step jitted: gradient of gradient, forward over reverse, its own jets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.experimental import jet

from benchmarks.step_speed.case import LEARNING_RATE, VISCOSITY, Case, Steps, weights_of
from benchmarks.step_speed.torch_steps import timed

Function = Callable[[Any], Any]
X, Y = (jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0]))


def grad_of_grad(case: Case) -> Steps:
    """Reverse over reverse, per point under vmap."""

    def second(f: Function, i: int) -> Function:
        return lambda p: jax.grad(lambda q: jax.grad(f)(q)[i])(p)[i]

    return _steps(case, second, lambda f, p: jax.grad(f)(p))


def forward_over_reverse(case: Case) -> Steps:
    """A forward derivative of the reverse gradient."""

    def second(f: Function, i: int) -> Function:
        e = (X, Y)[i]
        return lambda p: jax.jvp(jax.grad(f), (p,), (e.astype(p.dtype),))[1][i]

    return _steps(case, second, lambda f, p: jax.grad(f)(p))


def jax_jets(case: Case) -> Steps:
    """``jax.experimental.jet`` along the axes; for the biharmonic also along the diagonals."""
    if case.operator == "biharmonic":
        return _loop(case, _biharmonic_by_jets)

    def second(f: Function, i: int) -> Function:
        return lambda p: _series(f, p, (X, Y)[i], 2)[1]

    def first(f: Function, p: Any) -> Any:
        return jnp.stack([_series(f, p, e, 2)[0] for e in (X, Y)])

    return _steps(case, second, first)


def _series(f: Function, p: Any, direction: Any, order: int) -> Any:
    """Derivatives 1 to ``order`` along a direction."""
    series = [direction.astype(p.dtype)] + [jnp.zeros_like(p)] * (order - 1)
    return jet.jet(f, (p,), (series,))[1]


def _biharmonic_by_jets(f: Function, p: Any) -> Any:
    """Fourth derivatives along axes and diagonals give the mixed one by polarization."""
    along = [_series(f, p, v, 4)[3] for v in (X, Y, X + Y, X - Y)]
    mixed = (along[2] + along[3] - 2 * along[0] - 2 * along[1]) / 12
    return along[0] + along[1] + 2 * mixed


def _steps(case: Case, second: Callable[[Function, int], Function], first: Callable) -> Steps:
    def laplace(f: Function) -> Function:
        return lambda p: second(f, 0)(p) + second(f, 1)(p)

    def residual(f: Function, p: Any) -> Any:
        if case.operator == "laplacian":
            return laplace(f)(p)
        if case.operator == "biharmonic":
            return laplace(laplace(f))(p)
        g = first(f, p)
        return g[1] + f(p) * g[0] - VISCOSITY * second(f, 0)(p)

    return _loop(case, residual)


def _loop(case: Case, residual: Callable[[Function, Any], Any]) -> Steps:
    jax.config.update("jax_enable_x64", case.precision == 64)
    weights = [
        (jnp.asarray(w.numpy().T), jnp.asarray(b.numpy())) for w, b in weights_of(case.network())
    ]
    points = jnp.asarray(case.points())
    optimizer = optax.adam(LEARNING_RATE)

    def network(parameters: Any, p: Any) -> Any:
        h = p
        for w, b in parameters[:-1]:
            h = jnp.tanh(h @ w + b)
        w, b = parameters[-1]
        return (h @ w + b)[0]

    def loss(parameters: Any) -> Any:
        rows = jax.vmap(lambda p: residual(lambda q: network(parameters, q), p))(points)
        return 0.5 * jnp.mean(rows**2)

    @jax.jit
    def update(parameters: Any, state: Any) -> Any:
        gradients = jax.grad(loss)(parameters)
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(parameters, updates), state

    now = [weights, optimizer.init(weights)]

    def step() -> None:
        now[:] = jax.block_until_ready(update(*now))

    return timed(step)
