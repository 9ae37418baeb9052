"""Phases build optimizers that train, stop, and resume bit for bit."""

from __future__ import annotations

import inspect
import io
import math

import pytest
import torch
from docstring_parser import parse
from torch import Tensor, nn

from pdenet.optim import (
    ENGD,
    ENGDW,
    LBFGS,
    OPTIMIZERS,
    SOAP,
    SPRING,
    Adam,
    AdamW,
    Broyden,
    LevenbergMarquardt,
    Muon,
    Phase,
    ResidualFunction,
    VariableProjection,
)

PHASES: dict[str, Phase] = {
    "adam": Adam(lr=1e-2, decay_every=7, warmup=3),
    "adamw": AdamW(lr=1e-2, decay="cosine", steps=30),
    "muon": Muon(lr=1e-2, decay_every=7),
    "soap": SOAP(lr=1e-2, decay_every=7, warmup=3),
    "lbfgs": LBFGS(memory=6),
    "lbfgs-log": LBFGS(log_loss=True, iterations=3),
    "bfgs": Broyden(update="bfgs"),
    "ssbroyden1": Broyden(update="ssbroyden1"),
    "ssbroyden2": Broyden(),
    "ssbroyden2-log": Broyden(log_loss=True, iterations=3),
    "ssbroyden2-gauss-newton": Broyden(start="gauss-newton"),
    "levenberg-marquardt": LevenbergMarquardt(),
    "levenberg-marquardt-qr": LevenbergMarquardt(algebra="qr"),
    "gauss-newton-cg": LevenbergMarquardt(algebra="cg", rank=10),
    "engd": ENGD(cutoff=1e-4),
    "engd-w": ENGDW(damping=1e-4),
    "spring": SPRING(damping=1e-3, rate=0.5),
}
CONSUMES_JACOBIAN = [name for name, phase in PHASES.items() if phase.consumes == "jacobian"]


class Training:
    """A small network that learns a sine, one phase long."""

    def __init__(self, phase: Phase, dtype: torch.dtype = torch.float64) -> None:
        torch.manual_seed(0)
        layers = nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1)
        self.net = nn.Sequential(*layers).to(dtype)
        self.x = torch.linspace(-1, 1, 40, dtype=dtype)[:, None]
        self.optimizer = phase.build(self.net.parameters())
        self.scheduler = phase.scheduler(self.optimizer)
        self.linearize = ResidualFunction(self.net.parameters(), self.rows)
        self.given = {"linearize": self.linearize} if phase.consumes == "jacobian" else {}
        self.rates: list[float] = []

    def rows(self) -> Tensor:
        return (self.net(self.x) - torch.sin(3 * self.x))[:, 0] / 40**0.5

    def closure(self) -> Tensor:
        self.optimizer.zero_grad()
        loss = 0.5 * (self.net(self.x) - torch.sin(3 * self.x)).square().mean()
        loss.backward()
        return loss

    def go(self, steps: int) -> Training:
        for _ in range(steps):
            self.rates.append(self.optimizer.param_groups[0].get("lr", math.nan))
            self.optimizer.step(self.closure, **self.given)
            if self.scheduler is not None:
                self.scheduler.step()
        return self

    @property
    def loss(self) -> float:
        return self.closure().item()

    def save(self) -> io.BytesIO:
        file = io.BytesIO()
        scheduler = None if self.scheduler is None else self.scheduler.state_dict()
        torch.save((self.net.state_dict(), self.optimizer.state_dict(), scheduler), file)
        file.seek(0)
        return file

    def load(self, file: io.BytesIO) -> Training:
        # Checkpoints are read without running code from them.
        net, optimizer, scheduler = torch.load(file, weights_only=True)
        self.net.load_state_dict(net)
        self.optimizer.load_state_dict(optimizer)
        if self.scheduler is not None:
            self.scheduler.load_state_dict(scheduler)
        return self


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("stop", [1, 10])
@pytest.mark.parametrize("name", PHASES)
def test_resume_is_exact(name, stop, dtype):
    phase = PHASES[name]
    whole = Training(phase, dtype).go(stop + 12)
    saved = Training(phase, dtype).go(stop).save()
    resumed = Training(phase, dtype).load(saved).go(12)
    for a, b in zip(whole.net.parameters(), resumed.net.parameters(), strict=True):
        assert torch.equal(a, b)
    if hasattr(whole.optimizer, "evaluations"):
        assert whole.optimizer.evaluations == resumed.optimizer.evaluations


@pytest.mark.parametrize("name", [n for n in PHASES if n not in {"adam", "adamw", "muon", "soap"}])
def test_a_saved_state_does_not_follow_the_optimizer(name):
    training = Training(PHASES[name]).go(5)
    other = Training(PHASES[name])
    other.net.load_state_dict(training.net.state_dict())
    other.optimizer.load_state_dict(training.optimizer.state_dict())
    training.go(3)
    other.go(3)
    for a, b in zip(training.net.parameters(), other.net.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_state_of_another_network_is_refused():
    state = Training(Broyden()).go(2).optimizer.state_dict()
    other = Broyden().build([nn.Parameter(torch.ones(3)) for _ in range(6)])
    with pytest.raises(ValueError, match="97 parameters"):
        other.load_state_dict(state)


@pytest.mark.parametrize("name", PHASES)
def test_every_phase_trains(name):
    training = Training(PHASES[name])
    before = training.loss
    assert training.go(25).loss < 0.5 * before


@pytest.mark.parametrize("name", [n for n in CONSUMES_JACOBIAN if n != "ssbroyden2-gauss-newton"])
def test_what_consumes_a_jacobian_says_so(name):
    training = Training(PHASES[name])
    with pytest.raises(ValueError, match="linearize="):
        training.optimizer.step(training.closure)


def test_first_step_of_adam_is_its_rate_along_the_signs():
    training = Training(Adam(lr=1e-3, decay="constant"))
    assert training.scheduler is None
    before = nn.utils.parameters_to_vector(training.net.parameters()).detach().clone()
    training.closure()
    gradient = nn.utils.parameters_to_vector(p.grad for p in training.net.parameters())
    training.go(1)
    after = nn.utils.parameters_to_vector(training.net.parameters()).detach()
    # Both averages are unbiased after one step: g / sqrt(g^2); eps = 1e-12 is all that is left.
    torch.testing.assert_close(after - before, -1e-3 * gradient.sign(), rtol=1e-6, atol=0)


def test_muon_moves_matrices_in_all_directions_alike():
    matrix, thin = nn.Parameter(torch.zeros(8, 8)), nn.Parameter(torch.zeros(8, 1))
    optimizer = Muon(lr=1e-3, decay="constant").build([matrix, thin])
    matrix.grad, thin.grad = torch.randn(8, 8), torch.randn(8, 1)
    optimizer.step()
    # Newton-Schulz in bfloat16 leaves singular values between 0.7 and 1.2 of one size, which is
    # 0.2 sqrt(8) lr, to match Adam's steps.
    sizes = torch.linalg.svdvals(matrix.detach()) / (0.2 * 8**0.5 * 1e-3)
    assert sizes.min() > 0.5
    assert sizes.max() < 1.4
    assert (matrix.detach() * matrix.grad).sum() < 0
    torch.testing.assert_close(thin.detach(), -1e-3 * thin.grad.sign(), rtol=1e-6, atol=0)


def test_muon_without_matrices_is_adam():
    x = nn.Parameter(torch.ones(3))
    assert isinstance(Muon().build([x]), torch.optim.Adam)
    assert isinstance(Muon(thin=1).build([nn.Parameter(torch.ones(3, 3))]), torch.optim.Muon)


def test_weight_decay_shrinks_what_has_no_gradient():
    x = nn.Parameter(torch.ones(1))
    optimizer = AdamW(lr=0.1, weight_decay=0.5, decay="constant").build([x])
    x.grad = torch.zeros(1)
    optimizer.step()
    assert x.item() == pytest.approx(1 - 0.1 * 0.5, rel=1e-12)


def test_learning_rates():
    phase = Adam(lr=2.0, warmup=4, decay_rate=0.25, decay_every=2)
    rates = Training(phase).go(9).rates
    expected = [0.5, 1.0, 1.5, 2.0, 2.0, 1.0, 0.5, 0.25, 0.125]
    assert rates == pytest.approx(expected, rel=1e-12)
    phase = Adam(lr=2.0, decay="cosine", steps=4)
    rates = Training(phase).go(5).rates
    half = math.sqrt(0.5)
    assert rates == pytest.approx([2, 1 + half, 1, 1 - half, 0], abs=1e-12)


def test_which_points_a_step_uses():
    assert [Adam().drawing_step(k) for k in (0, 5, 7)] == [0, 5, 7]
    assert [Adam(resample_every=5).drawing_step(k) for k in (4, 5, 9)] == [0, 5, 5]
    assert [LBFGS().drawing_step(k) for k in (0, 500)] == [0, 0]
    assert [Broyden(resample_every=3).drawing_step(k) for k in (2, 3, 8)] == [0, 3, 6]
    assert LBFGS().fixed_points
    assert not Adam().fixed_points


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_named_sequences(name):
    phases = OPTIMIZERS[name]()
    assert all(isinstance(p, Phase) for p in phases)
    assert "-".join(p.name for p in phases).startswith(name)
    # Only the last phase may run without an end.
    assert all(p.steps is not None for p in phases[:-1])
    for phase in phases:
        if isinstance(phase, VariableProjection):  # see test_projected.py
            continue
        Training(phase).go(2)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_options_of_sequences_are_typed_and_explained(name):
    function = OPTIMIZERS[name]
    explained = {p.arg_name for p in parse(function.__doc__ or "").params}
    parameters = inspect.signature(function, eval_str=True).parameters
    assert explained == set(parameters)
    for parameter in parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty
        assert parameter.default is not inspect.Parameter.empty


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: Adam(lr=-1), "lr=-1"),
        (lambda: Adam(lr=math.nan), "lr=nan"),
        (lambda: Adam(steps=0), "steps=0"),
        (lambda: Adam(decay="cosine"), "steps=None"),
        (lambda: Adam(decay="linear"), "constant, exponential, cosine"),  # type: ignore[arg-type]
        (lambda: Adam(decay_rate=1.5), "decay_rate=1.5"),
        (lambda: Adam(betas=(0.9, 1.0)), "betas"),
        (lambda: Adam(warmup=-1), "warmup=-1"),
        (lambda: AdamW(weight_decay=-0.1), "weight_decay=-0.1"),
        (lambda: Muon(momentum=1.0), "momentum=1.0"),
        (lambda: Muon(thin=0), "thin=0"),
        (lambda: SOAP(frequency=0), "frequency=0"),
        (lambda: LBFGS(memory=0), "memory=0"),
        (lambda: LBFGS(resample_every=0), "resample_every=0"),
        (lambda: Broyden(update="sr1"), "ssbroyden2"),  # type: ignore[arg-type]
        (lambda: Broyden(iterations=0), "iterations=0"),
        (lambda: Broyden(start="lm"), "gauss-newton"),  # type: ignore[arg-type]
        (lambda: Broyden(damping=0.0), "damping=0.0"),
        (lambda: LevenbergMarquardt(damping=-1.0), "damping=-1.0"),
        (lambda: LevenbergMarquardt(algebra="lu"), "cholesky"),  # type: ignore[arg-type]
        (lambda: LevenbergMarquardt(tolerance=2.0), "tolerance=2.0"),
        (lambda: LevenbergMarquardt(max_bytes=0), "max_bytes=0"),
        (lambda: ENGD(cutoff=1.0), "cutoff=1.0"),
        (lambda: ENGD(search="wolfe"), "armijo"),  # type: ignore[arg-type]
        (lambda: ENGDW(damping=0.0), "damping=0.0"),
        (lambda: ENGDW(search="wolfe"), "armijo"),  # type: ignore[arg-type]
        (lambda: SPRING(momentum=1.0), "momentum=1.0"),
        (lambda: SPRING(longest=0.0), "longest=0.0"),
        (lambda: Broyden(largest=10).build([nn.Parameter(torch.ones(11))]), "lbfgs"),
    ],
)
def test_bad_options_are_refused(build, match):
    with pytest.raises(ValueError, match=match):
        build()
