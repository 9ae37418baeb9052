"""Networks with other parts."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, TypeVar

from torch import nn

T = TypeVar("T")


def replaced(module: T, parts: Mapping[Any, nn.Module]) -> T:
    """A module with others in place of some of its parts; everything else is shared.

    Args:
        module: The module, not one of the parts.
        parts: What to put in place of which part.

    Returns:
        The module itself where it has none of the parts, else a copy.
    """
    assert isinstance(module, nn.Module)
    children = {
        name: parts[child] if child in parts else replaced(child, parts)
        for name, child in module._modules.items()
        if child is not None
    }
    if all(module._modules[name] is child for name, child in children.items()):
        return module
    clone = copy.copy(module)
    clone._modules = {**module._modules, **children}
    return clone
