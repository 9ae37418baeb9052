"""What other packages are told is zero for exact solutions: no rival gets a wrong equation."""

import numpy as np
import pytest
import torch

from benchmarks.time_to_error.cases import CASES, DECAY, Case, _flow_u, _flow_v

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
SOLVED = ("poisson-2d", "helmholtz-2d", "wave-1d", "kovasznay")
SMALL = 1e-8
"""Of the largest term of an equation, in double precision; a wrong partial leaves one."""


def exact(case: Case, m, x, y) -> list:
    """Fields of the exact solution, in any package's arrays."""
    pi = np.pi
    if case.problem == "poisson-2d":
        return [m.sin(pi * x) * m.sin(pi * y)]
    if case.problem == "helmholtz-2d":
        return [m.sin(6 * pi * x) * m.sin(6 * pi * y)]
    if case.problem == "wave-1d":
        fast = m.sin(4 * pi * x) * m.cos(8 * pi * y)
        return [m.sin(pi * x) * m.cos(2 * pi * y) + 0.5 * fast]
    return [_flow_u(m, x, y), _flow_v(m, x, y), 0.5 * (1 - m.exp(2 * DECAY * x))]


def scale(case: Case) -> float:
    return {"poisson-2d": 20.0, "helmholtz-2d": 710.0, "wave-1d": 320.0, "kovasznay": 10.0}[
        case.problem
    ]


def drawn(case: Case) -> np.ndarray:
    return np.random.default_rng(0).uniform(case.low, case.high, (20, 2))


@pytest.mark.parametrize("name", SOLVED)
def test_jax(name, monkeypatch):
    jax = pytest.importorskip("jax")
    from benchmarks.time_to_error import jax_runs

    case = CASES[name]
    jnp = jax.numpy
    monkeypatch.setattr(
        jax_runs, "_apply", lambda case, p, x: jnp.stack(exact(case, jnp, x[0], x[1]))
    )
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        rows = jax.vmap(lambda x: jax_runs._rows(case, {}, x))(jnp.asarray(drawn(case)))
        assert np.abs(np.asarray(rows)).max() < SMALL * scale(case)
    finally:
        jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("name", SOLVED)
def test_deepxde(name):
    pytest.importorskip("deepxde")
    from benchmarks.time_to_error import deepxde_runs

    case = CASES[name]
    data = deepxde_runs._data(case, deepxde_runs.SETTINGS[name])
    x = torch.from_numpy(drawn(case)).requires_grad_()
    deepxde_runs.dde.grad.clear()
    fields = torch.stack(exact(case, torch, x[:, 0], x[:, 1]), 1)
    rows = torch.cat(data.pde(x, fields), 1)
    deepxde_runs.dde.grad.clear()
    assert rows.abs().max() < SMALL * scale(case)


@pytest.mark.parametrize("name", SOLVED)
def test_pina(name):
    pina = pytest.importorskip("pina")
    from benchmarks.time_to_error import pina_runs

    case = CASES[name]
    x = torch.from_numpy(drawn(case)).requires_grad_()
    points = pina.LabelTensor(x, list(case.coordinates))
    plain = points.as_subclass(torch.Tensor)
    fields = torch.stack(exact(case, torch, plain[:, 0], plain[:, 1]), 1)
    rows = pina_runs._equations(case)(points, pina.LabelTensor(fields, list(case.fields)))
    assert rows.abs().max() < SMALL * scale(case)
