"""Unknown constants of an inverse problem, trained beside the network."""

from __future__ import annotations

from torch import nn

from pdenet.problem import Problem, Unknown


def constants(problem: Problem, model: nn.Module) -> nn.ParameterDict:
    """The unknown constants of a problem, as parameters at their start values.

    Args:
        problem: The problem.
        model: The network, whose precision and device they get.

    Returns:
        Parameters by name.

    Raises:
        ValueError: An unknown has a name that torch needs for itself.
    """
    like = next(model.parameters())
    found = nn.ParameterDict()
    for name, unknown in problem.unknowns.items():
        assert isinstance(unknown, Unknown)
        if hasattr(found, name):
            raise ValueError(
                f"The unknown {name!r} of problem {problem.name!r} has a name that torch needs for "
                "itself; rename it."
            )
        found[name] = nn.Parameter(like.new_tensor(unknown.start))
    return found
