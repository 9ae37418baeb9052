"""Every rule against nested autograd, with mixed, third and collapsed derivatives."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from pdenet.jets import Jet, Layout, propagate
from pdenet.jets.rules import ALIASES, RULES
from pdenet.networks.blocks import blockwise_linear

LAYOUT = Layout(("x", "y"), [(0, 0, 1), ((0, 1),)])
W = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4)
V = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)


def points(x):
    """A constant of one value a point, as a normal is."""
    return torch.arange(1.0, 1.0 + len(x))


def layer_norm(u):
    if not isinstance(u, torch.Tensor):
        return F.layer_norm(u, (3,), V, V)
    # Torch 2.13 gives wrong third derivatives of its layer_norm, whose double backward takes mean
    # and deviation for constants; the formula itself is differentiated rightly.
    centred = u - u.mean(-1, keepdim=True)
    return centred * torch.rsqrt((centred**2).mean(-1, keepdim=True) + 1e-5) * V + V


# The argument u has shape (n, 3), each entry nonlinear in x and y and between about -2 and 2.
CASES = {
    "abs": lambda u: torch.abs(u),
    "add": lambda u: u + u * u + 1.5 + V,
    "add_alpha": lambda u: torch.add(u, u * u, alpha=-2),
    "add_broadcast": lambda u: u + u[:, :1] * u[:, :1],
    "add_points": lambda u: u[..., 0] + points(u),
    "addcmul": lambda u: torch.addcmul(u, u, u, value=0.5),
    "addmm": lambda u: torch.addmm(W[0], u, W),
    "asin": lambda u: torch.asin(0.3 * u) + torch.acos(0.2 * u),
    "asinh": lambda u: torch.asinh(u),
    "acosh": lambda u: torch.acosh(4 + u),
    "atan": lambda u: torch.atan(u),
    "atan2": lambda u: torch.atan2(2 * u[..., 0], u[..., 1]),  # not harmonic
    "atanh": lambda u: torch.atanh(0.3 * u),
    "cat": lambda u: torch.cat([u, torch.sin(u), W[:, :2].sum() * torch.ones(len(u), 1)], -1),
    "chunk": lambda u: torch.chunk(u, 3, dim=-1)[1] * u,
    "clamp": lambda u: torch.clamp(u, -0.5, 0.5) + u.clamp(min=0.1),
    "cos": lambda u: torch.cos(u),
    "cosh": lambda u: torch.cosh(u),
    "detach": lambda u: u * u.detach()[..., :1] * 0 + u,
    "div": lambda u: u / (3 + u[..., :1]),
    "div_by": lambda u: u / V + u / 3,
    "div_into": lambda u: 2 / (3 + u) + V / (4 + u),
    "dropout_off": lambda u: F.dropout(u, 0.5, training=False),
    "einsum": lambda u: torch.einsum("ni,ij->nj", u, W),
    "einsum_pair": lambda u: torch.einsum("ni,nj->nij", u, u),
    "elu": lambda u: F.elu(u, 1.5),
    "erf": lambda u: torch.erf(u),
    "exp": lambda u: torch.exp(u),
    "expand": lambda u: u[..., :1].expand(-1, 3) * u,
    "expm1": lambda u: torch.expm1(u),
    "flatten": lambda u: (u[:, :, None] * u[:, None, :]).flatten(1),
    "floor": lambda u: torch.floor(u) * u + torch.ceil(u) + torch.round(u) + torch.sign(u) * u,
    "gelu": lambda u: F.gelu(u),
    "gelu_tanh": lambda u: F.gelu(u, approximate="tanh"),
    "hypot": lambda u: torch.hypot(u, u + 3),
    "index_column": lambda u: u[:, 1] * u[..., 2],
    "index_list": lambda u: u[:, [2, 0]],
    "index_mask": lambda u: u[:, torch.tensor([True, False, True])],
    "index_new_axis": lambda u: u[:, None, :] * u[..., None],
    "layer_norm": lambda u: layer_norm(u * u),
    "leaky_relu": lambda u: F.leaky_relu(u, 0.2),
    "lerp": lambda u: torch.lerp(u, u * u, 0.3),
    "linear": lambda u: F.linear(u, W.t(), W[0]),
    "linear_no_bias": lambda u: F.linear(torch.sin(u), W.t()),
    "blockwise_linear": lambda u: blockwise_linear(u.unsqueeze(-1), W.reshape(-1, 1)).flatten(-2),
    "log": lambda u: torch.log(4 + u),
    "log1p": lambda u: torch.log1p(0.3 * u),
    "logaddexp": lambda u: torch.logaddexp(u, u * u),
    "logsigmoid": lambda u: F.logsigmoid(u),
    "matmul": lambda u: u @ W,
    "matmul_left": lambda u: torch.matmul(W.t(), u[..., None]),
    "matmul_pair": lambda u: u[:, None, :] @ u[:, :, None],
    "maximum": lambda u: torch.maximum(u[..., 0], u[..., 1] * u[..., 2]),
    "mean": lambda u: u.mean(-1, keepdim=True) * u,
    "minimum": lambda u: torch.minimum(u, u * u),
    "mish": lambda u: F.mish(u),
    "mul": lambda u: u * V * torch.sin(u) * 2.0,
    "mul_points": lambda u: u * points(u)[:, None],
    "neg": lambda u: -u,
    "norm": lambda u: torch.linalg.vector_norm(3 + u, dim=-1) + (u + 4).norm(dim=-1),
    "normalize": lambda u: F.normalize(3 + u, dim=-1),
    "pow_int": lambda u: u**3 + u**2 + u**1 + u**0,
    "pow_jet": lambda u: (4 + u) ** u,
    "pow_negative": lambda u: (3 + u) ** -2,
    "pow_of_number": lambda u: 2.0**u,
    "pow_real": lambda u: (3 + u) ** 1.7 + torch.pow(3 + u, 0.5),
    "pow_tensor": lambda u: (4 + u) ** torch.tensor(2.3),
    "permute": lambda u: (u[:, :, None] * W).permute(0, 2, 1),
    "reciprocal": lambda u: torch.reciprocal(3 + u),
    "relu": lambda u: torch.relu(u) * u,
    "repeat": lambda u: u.repeat(1, 2),
    "reshape": lambda u: (u[:, :, None] * W).reshape(len(u), 12).view(len(u), 4, 3),
    "rsqrt": lambda u: torch.rsqrt(3 + u),
    "rsub": lambda u: 1 - u + (V - u) + torch.rsub(u, V),
    "sigmoid": lambda u: torch.sigmoid(u) + torch.special.expit(2 * u),
    "silu": lambda u: F.silu(u),
    "sin": lambda u: torch.sin(u),
    "sinh": lambda u: torch.sinh(u),
    "softmax": lambda u: torch.softmax(u, -1) + F.softmax(u, dim=1),
    "softplus": lambda u: F.softplus(u, 2.0),
    "split": lambda u: torch.cat(torch.split(u, [1, 2], dim=-1)[::-1], dim=-1) * u,
    "sqrt": lambda u: torch.sqrt(3 + u),
    "square": lambda u: torch.square(u),
    "squeeze": lambda u: u[..., :1].squeeze(-1),
    "stack": lambda u: torch.stack([u[..., 0], u[..., 1] ** 2, points(u)], dim=-1),
    "sub": lambda u: torch.sin(u) - u - 0.5 - V,
    "sum": lambda u: (u * u).sum(dim=1),
    "tan": lambda u: torch.tan(0.3 * u),
    "tanh": lambda u: u.tanh() + torch.nn.Tanh()(2 * u),
    "transpose": lambda u: (u[:, :, None] * W).transpose(1, 2),
    "unbind": lambda u: u.unbind(-1)[1] * u.unbind(-1)[2],
    "unsqueeze": lambda u: u.unsqueeze(-1) * u.unsqueeze(1),
    "where": lambda u: torch.where(u > 0, torch.sin(u), u * u) + torch.where(u < 0, u, 0.0),
}


class Wrapped(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 4), nn.Linear(4, 3)
        self.function = function

    def forward(self, x):
        return self.function(2 * self.second(torch.sin(self.first(x))))


@pytest.mark.parametrize("case", CASES)
def test_rule_matches_nested_autograd(case: str, matches_oracle) -> None:
    matches_oracle(Wrapped(CASES[case]), torch.randn(3, 2), LAYOUT)


@pytest.mark.parametrize("case", CASES)
def test_rule_acts_on_the_coordinates_themselves(case: str, matches_oracle) -> None:
    # Coordinates have constant first derivatives and no others: structural ones and zeros.
    function = CASES[case]

    class Direct(nn.Module):
        def forward(self, x):
            return function(torch.cat([x, x[..., :1] - 0.3], -1))

    matches_oracle(Direct(), 0.3 + 0.5 * torch.rand(3, 2), LAYOUT)


def test_every_rule_has_a_case() -> None:
    # Names that appear in no case by their own: values, not derivatives, or trivial.
    trivial = {"eq", "ge", "gt", "le", "lt", "ne", "numel", "ones_like", "zeros_like", "to"}
    trivial |= {"clone", "contiguous", "ceil", "round", "sign", "getitem", "dropout", "acos"}
    cases = {name.split("_")[0] for name in CASES} | set(CASES)
    assert set(RULES) - trivial <= cases
    assert set(ALIASES.values()) <= set(RULES)


def test_attributes_are_those_of_the_value() -> None:
    def function(x):
        assert x.shape == (4, 2)
        assert (x.ndim, x.dim(), len(x), x.size(-1)) == (2, 2, 4, 2)
        assert (x.dtype, x.device.type) == (torch.float64, "cpu")
        assert (x > 0).dtype == torch.bool
        assert torch.zeros_like(x).shape == (4, 2)
        return x.clone().contiguous().to(torch.float64) * torch.ones_like(x)

    assert isinstance(propagate(function, torch.randn(4, 2), LAYOUT), Jet)


def test_dropout_masks_all_channels_alike() -> None:
    jet = propagate(lambda x: F.dropout(x, 0.5, training=True), torch.ones(50, 2), LAYOUT)
    kept = jet.value != 0
    slope = jet.partial((0,))[:, :1]
    assert torch.equal(slope, 2.0 * kept[:, :1])
    assert 0.2 < kept.double().mean() < 0.8


@pytest.mark.parametrize(
    "mixing",
    [
        lambda u: u.sum(),
        lambda u: u.mean(0),
        lambda u: torch.cat([u, u]),
        lambda u: W.t()[:, :2] @ u,
    ],
)
def test_mixing_points_is_refused(mixing) -> None:
    with pytest.raises(ValueError, match="mixes the points"):
        propagate(mixing, torch.randn(2, 2), LAYOUT)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda u: u[:, 0] * u, "would not meet"),
        (lambda u: u[:, 0] * torch.ones(4, 1), "points along axis 0"),
        (lambda u: torch.div(u, 2, rounding_mode="floor"), "no derivative"),
        (lambda u: torch.einsum("ni,ni,ni->n", u, u, u), "at most two"),
        (lambda u: torch.linalg.vector_norm(u, 1, dim=-1), "order 1"),
    ],
)
def test_senseless_operations_are_refused(wrong, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        propagate(wrong, torch.randn(4, 2), LAYOUT)


def test_jets_of_different_layouts_do_not_mix() -> None:
    x = torch.randn(3, 2)
    other = propagate(lambda x: x, x, Layout(("x", "y"), [(0,)]))
    with pytest.raises(ValueError, match="union of the layouts"):
        propagate(lambda u: u + other, x, LAYOUT)
