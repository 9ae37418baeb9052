"""How torch operations act on jets: one literal table, one entry an operation.

Operations are found by name, so that ``torch.tanh(u)``, ``u.tanh()`` and ``F.tanh(u)`` share one
entry. A rule takes the operation's own arguments, at least one of which is a jet. Axis 0 is the
axis of the points, and no rule mixes them.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pdenet.jets.composites import COMPOSITES
from pdenet.jets.rules.arithmetic import (
    add,
    comparison,
    dropout,
    multiply,
    negative,
    subtract,
    where,
)
from pdenet.jets.rules.entries import detach, getitem, join, of_value, reduction, structural
from pdenet.jets.rules.functions import divide, layer_norm, raise_to, softmax, univariate
from pdenet.jets.rules.linear import addmm, blockwise_linear, einsum, linear, matmul
from pdenet.jets.univariate import UNIVARIATE

__all__ = ["ALIASES", "REVERSED", "RULES", "rule_for"]

RULES: dict[str, Callable[..., Any]] = {
    **COMPOSITES,
    **{name: univariate(name) for name in UNIVARIATE},
    "add": add,
    "addmm": addmm,
    "blockwise_linear": blockwise_linear,
    "cat": join(torch.cat, 0),
    "chunk": structural(torch.chunk),
    "clone": structural(torch.clone),
    "contiguous": structural(Tensor.contiguous),
    "detach": detach,
    "div": divide,
    "dropout": dropout,
    "einsum": einsum,
    "eq": comparison(torch.eq),
    "expand": structural(Tensor.expand),
    "flatten": structural(torch.flatten),
    "ge": comparison(torch.ge),
    "getitem": getitem,
    "gt": comparison(torch.gt),
    "layer_norm": layer_norm,
    "le": comparison(torch.le),
    "linear": linear,
    "lt": comparison(torch.lt),
    "matmul": matmul,
    "mean": reduction(torch.mean),
    "mul": multiply,
    "ne": comparison(torch.ne),
    "neg": negative,
    "numel": of_value(torch.numel),
    "ones_like": of_value(torch.ones_like),
    "permute": structural(Tensor.permute),
    "pow": raise_to,
    "repeat": structural(Tensor.repeat),
    "reshape": structural(Tensor.reshape),
    "softmax": softmax,
    "split": structural(torch.split),
    "squeeze": structural(torch.squeeze),
    "stack": join(torch.stack, 1),
    "sub": subtract,
    "sum": reduction(torch.sum),
    "to": structural(Tensor.to),
    "transpose": structural(torch.transpose),
    "unbind": structural(torch.unbind),
    "unsqueeze": structural(torch.unsqueeze),
    "where": where,
    "zeros_like": of_value(torch.zeros_like),
}
"""The rules, by the name of the torch operation."""

ALIASES: dict[str, str] = {
    "absolute": "abs",
    "arccos": "acos",
    "arcsin": "asin",
    "arctan": "atan",
    "arctan2": "atan2",
    "clip": "clamp",
    "concat": "cat",
    "concatenate": "cat",
    "divide": "div",
    "linalg_vector_norm": "norm",
    "log_sigmoid": "logsigmoid",
    "multiply": "mul",
    "negative": "neg",
    "special_erf": "erf",
    "special_expit": "sigmoid",
    "special_log1p": "log1p",
    "subtract": "sub",
    "true_divide": "div",
    "view": "reshape",
}
"""Other names of the same operations."""

REVERSED: dict[str, str] = {
    "__rdiv__": "div",
    "__rmatmul__": "matmul",
    "__rpow__": "pow",
    "__rsub__": "sub",
    "rsub": "sub",
}
"""Operations whose arguments come the other way round."""


def rule_for(name: str) -> Callable[..., Any] | None:
    """The rule of a torch operation by its name; None where there is none."""
    name = ALIASES.get(name, name)
    if name in REVERSED:
        forward = RULES[REVERSED[name]]
        return lambda a, b: forward(b, a)
    return RULES.get(name)
