"""A JAX implementation in the manner of jaxpi, scaled to a CPU.

Wang, Sankaran, Wang, Perdikaris, An expert's guide to training physics-informed neural networks,
arXiv 2308.08468, and the configurations of jaxpi's examples: a modified MLP of four layers with
random Fourier features and random weight factorization (mean 1, deviation 0.1), Adam with 1e-3
falling by 0.9 every 2000 steps, fresh points at every step, float32. Problems in time have causal
weights (tolerance 1, 32 chunks) and weights by the NTK, steady ones weights by gradient norms, with
momentum 0.9. Scaled: 64 neurons a layer for 256, 1024 points for up to 8192, weights every 100
steps for 1000, since minutes of a CPU hold thousands of steps where jaxpi takes 300 000.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import pi
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.time_to_error.cases import Case
from benchmarks.time_to_error.stopwatch import Stopwatch

WIDTH, LAYERS, BATCH, EDGE = 64, 4, 1024, 256
CHUNKS, TOLERANCE = 32, 1.0
MEAN, DEVIATION, SCALE = 1.0, 0.1, {"in time": 2.0, "steady": 1.0}
RATE, DECAY, DECAY_EVERY = 1e-3, 0.9, 2000
MOMENTUM, UPDATE_EVERY = 0.9, 100

Terms = dict[str, Any]


def jaxpi(case: Case, watch: Stopwatch, seed: int) -> None:
    """Steps until the seconds are over."""
    kind = "in time" if case.in_time else "steady"
    watch.note(
        settings=f"modified MLP {LAYERS} x {WIDTH}, Fourier features of scale {SCALE[kind]:g}, "
        f"{BATCH} fresh points, weights by {'NTK, causal' if case.in_time else 'gradient norm'}, "
        "float32"
    )
    key, draw = jax.random.split(jax.random.PRNGKey(seed))
    parameters = _network(case, draw, SCALE[kind])
    optimizer = optax.adam(optax.exponential_decay(RATE, DECAY_EVERY, DECAY))
    state = optimizer.init(parameters)
    weights: Terms = dict.fromkeys(_terms(case, parameters, _points(case, key)), jnp.ones(()))

    @jax.jit
    def update(parameters: Any, state: Any, weights: Terms, key: Any) -> Any:
        key, draw = jax.random.split(key)
        points = _points(case, draw)

        def loss(p: Any) -> Any:
            terms = _terms(case, p, points)
            return sum(weights[name] * value for name, value in terms.items())

        changes, state = optimizer.update(jax.grad(loss)(parameters), state)
        return optax.apply_updates(parameters, changes), state, key

    @jax.jit
    def balance(parameters: Any, weights: Terms, key: Any) -> Terms:
        points = _points(case, key)
        sizes = (_kernels if case.in_time else _norms)(case, parameters, points)
        mean = sum(sizes.values()) / len(sizes)
        return {
            n: MOMENTUM * weights[n] + (1 - MOMENTUM) * mean / (s + 1e-5 * mean)
            for n, s in sizes.items()
        }

    forward = jax.jit(jax.vmap(partial(_apply, case), (None, 0)))

    def predict(x: np.ndarray) -> np.ndarray:
        return np.asarray(forward(parameters, jnp.asarray(x, jnp.float32)))

    step = 0
    while not watch.look(predict):
        if step % UPDATE_EVERY == 0:
            weights = balance(parameters, weights, key)
        parameters, state, key = jax.block_until_ready(update(parameters, state, weights, key))
        step += 1


def _network(case: Case, key: Any, scale: float) -> Terms:
    keys = iter(jax.random.split(key, 3 * (LAYERS + 4)))
    inputs = 2 + len(case.periods)

    def dense(a: int, b: int) -> Terms:
        w = jax.nn.initializers.glorot_normal()(next(keys), (a, b))
        g = jnp.exp(MEAN + DEVIATION * jax.random.normal(next(keys), (b,)))
        return {"g": g, "v": w / g, "b": jnp.zeros(b)}

    return {
        "waves": scale * jax.random.normal(next(keys), (inputs, WIDTH // 2)),
        "gates": [dense(WIDTH, WIDTH) for _ in range(2)],
        "layers": [dense(WIDTH, WIDTH) for _ in range(LAYERS)],
        "last": dense(WIDTH, len(case.fields)),
    }


def _apply(case: Case, p: Any, x: Any) -> Any:
    """Fields (m,) at one point (2,)."""

    def dense(layer: Terms, h: Any) -> Any:
        return h @ (layer["g"] * layer["v"]) + layer["b"]

    columns = []
    for k, (a, b) in enumerate(zip(case.low, case.high, strict=True)):
        angle = 2 * pi / (b - a) * x[k]
        columns += [jnp.cos(angle), jnp.sin(angle)] if k in case.periods else [x[k]]
    phases = jnp.stack(columns) @ p["waves"]
    h = jnp.concatenate([jnp.cos(phases), jnp.sin(phases)])
    u, v = (jnp.tanh(dense(gate, h)) for gate in p["gates"])
    for layer in p["layers"]:
        h = jnp.tanh(dense(layer, h))
        h = h * u + (1 - h) * v
    return dense(p["last"], h)


def _rows(case: Case, p: Any, x: Any) -> Any:
    """Rows of the equations at one point, by forward derivatives."""
    found: Terms = {}  # all fields at once, and each partial once: less to compile

    def d(name: str, axes: str = "") -> Any:
        if axes not in found:
            f: Callable[[Any], Any] = partial(_apply, case, p)
            for axis in axes:
                e = jnp.eye(2, dtype=x.dtype)[case.coordinates.index(axis)]
                f = partial(lambda g, e, q: jax.jvp(g, (q,), (e,))[1], f, e)
            found[axes] = f(x)
        return found[axes][case.fields.index(name)]

    return jnp.stack(case.equations(jnp, x[0], x[1], d))


def _start(case: Case, p: Any, x: Any) -> Any:
    assert case.start is not None
    return _apply(case, p, x)[0] - case.start(jnp, x[0], x[1])


def _rest(case: Case, p: Any, x: Any) -> Any:
    return jax.jvp(partial(_apply, case, p), (x,), (jnp.array([0.0, 1.0]),))[1][0]


def _wall(case: Case, p: Any, x: Any) -> Any:
    found = _apply(case, p, x)
    off = [found[case.fields.index(n)] - f(jnp, x[0], x[1]) for n, f in case.walls.items()]
    return jnp.stack(off)


def _points(case: Case, key: Any) -> Terms:
    """Fresh points inside, sorted in time; even ones on the edges."""
    low, high = (jnp.array(ends, jnp.float32) for ends in (case.low, case.high))
    inside = low + (high - low) * jax.random.uniform(key, (BATCH, 2))
    if case.in_time:
        inside = inside.at[:, 1].set(jnp.sort(inside[:, 1]))
    even = jnp.linspace(0.0, 1.0, EDGE)
    found = {"inside": inside}
    if case.start is not None:
        x = low[0] + (high[0] - low[0]) * even
        found["start"] = jnp.stack([x, jnp.full_like(x, low[1])], 1)
    if case.walls:
        sides = []
        for k in (0,) if case.in_time else (0, 1):
            along = low[1 - k] + (high[1 - k] - low[1 - k]) * even
            for end in (low[k], high[k]):
                pair = (jnp.full_like(along, end), along)
                sides.append(jnp.stack(pair if k == 0 else pair[::-1], 1))
        found["walls"] = jnp.concatenate(sides)
    return found


def _functions(case: Case) -> dict[str, tuple[str, Callable[[Any, Any], Any]]]:
    """Terms of the loss beside the equations: which points, and what is zero there."""
    found: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {}
    if case.start is not None:
        found["start"] = ("start", partial(_start, case))
    if case.at_rest:
        found["rest"] = ("start", partial(_rest, case))
    if case.walls:
        found["walls"] = ("walls", partial(_wall, case))
    return found


def _terms(case: Case, p: Any, points: Terms) -> Terms:
    rows = jax.vmap(partial(_rows, case, p))(points["inside"])
    if case.in_time:
        chunks = (rows**2).reshape(CHUNKS, -1).mean(1)
        terms = {"equation 0": (_causal(chunks) * chunks).mean()}
    else:
        terms = {f"equation {k}": (rows[:, k] ** 2).mean() for k in range(rows.shape[1])}
    for name, (where, function) in _functions(case).items():
        terms[name] = (jax.vmap(partial(function, p))(points[where]) ** 2).mean()
    return terms


def _causal(chunks: Any) -> Any:
    """Each chunk waits until those before it are learned."""
    before = jnp.cumsum(chunks) - chunks
    return jax.lax.stop_gradient(jnp.exp(-TOLERANCE * before))


def _norms(case: Case, p: Any, points: Terms) -> Terms:
    """Norm of each term's gradient."""
    gradients = jax.jacrev(lambda q: _terms(case, q, points))(p)
    return {name: optax.global_norm(g) for name, g in gradients.items()}


def _kernels(case: Case, p: Any, points: Terms) -> Terms:
    """Mean of the NTK's diagonal, term by term; that of the equation with its causal weights."""

    def diagonal(function: Callable[[Any, Any], Any], x: Any) -> Any:
        def one(point: Any) -> Any:
            gradient = jax.grad(lambda q: jnp.sum(function(q, point)))(p)
            return optax.global_norm(gradient) ** 2

        return jax.vmap(one)(x)

    def rows(q: Any, x: Any) -> Any:
        return _rows(case, q, x)

    inside = diagonal(rows, points["inside"]).reshape(CHUNKS, -1).mean(1)
    chunks = (jax.vmap(partial(_rows, case, p))(points["inside"]) ** 2).reshape(CHUNKS, -1).mean(1)
    sizes = {"equation 0": (_causal(chunks) * inside).mean()}
    for name, (where, function) in _functions(case).items():
        sizes[name] = diagonal(function, points[where]).mean()
    return sizes
