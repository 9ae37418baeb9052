"""Error norms on a quadrature, and error indicators where there is no reference."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class FieldError:
    """Errors of one field.

    Args:
        relative_l2: L2 norm of the error over that of the exact field.
        relative_max: Largest error over the largest exact value.
        note: Empty, or what makes these numbers differ from relative errors.
    """

    relative_l2: float
    relative_max: float
    note: str = ""

    def plain(self) -> dict[str, float]:
        """Return the two numbers by name, as a record stores them."""
        return {"relative_l2": self.relative_l2, "relative_max": self.relative_max}


def rms(values: Tensor, weight: Tensor | None = None) -> Tensor:
    r"""Root mean square over points; the size of a residual where there is no reference.

    .. math:: \sqrt{\textstyle\sum_i w_i |v_i|^2 / \sum_i w_i}

    Args:
        values: Shape (n,), or (n, ...) for vectors and tensors (pointwise Euclidean norm); real
            or complex.
        weight: Quadrature weights, shape (n,); equal ones by default.

    Returns:
        Real scalar.

    Raises:
        ValueError: No points, values that are not finite, weights of another shape or sum zero.

    Example:
        >>> rms(torch.tensor([3.0, -3.0])).item()
        3.0
    """
    values = _checked("values", values)
    return _mean(_square(values), _checked_weight(weight, values)).sqrt()


def relative_l2(predicted: Tensor, exact: Tensor, weight: Tensor | None = None) -> Tensor:
    r"""L2 norm of the error, relative to the exact field.

    .. math:: \sqrt{\textstyle\sum_i w_i |p_i - e_i|^2 / \sum_i w_i |e_i|^2}

    Where the exact field is zero, the root mean square of the error itself.

    Args:
        predicted: Shape (n,), or (n, ...) for vectors and tensors; real or complex.
        exact: The same shape.
        weight: Quadrature weights, shape (n,); equal ones by default.

    Returns:
        Real scalar, dimensionless.

    Raises:
        ValueError: Shapes differ, no points, or values that are not finite.

    Example:
        >>> relative_l2(torch.tensor([1.5, 0.5]), torch.tensor([1.0, 1.0])).item()
        0.5
    """
    predicted, exact = _checked_pair(predicted, exact)
    weight = _checked_weight(weight, exact)
    error, size = (_mean(_square(v), weight).sqrt() for v in (predicted - exact, exact))
    return error if size == 0 else error / size


def relative_max(predicted: Tensor, exact: Tensor) -> Tensor:
    """Largest error, relative to the largest exact value; absolute where the exact field is zero.

    Args:
        predicted: Shape (n,), or (n, ...) for vectors and tensors; real or complex.
        exact: The same shape.

    Returns:
        Real scalar, dimensionless.

    Raises:
        ValueError: Shapes differ, no points, or values that are not finite.

    Example:
        >>> relative_max(torch.tensor([1.0, 2.5]), torch.tensor([1.0, 2.0])).item()
        0.25
    """
    predicted, exact = _checked_pair(predicted, exact)
    error, size = (_square(v).max().sqrt() for v in (predicted - exact, exact))
    return error if size == 0 else error / size


def field_errors(
    predicted: Mapping[str, Tensor],
    exact: Mapping[str, Tensor],
    weight: Tensor | None = None,
    *,
    modulo_constant: Collection[str] = (),
) -> dict[str, FieldError]:
    """Errors of every field that has an exact counterpart.

    Args:
        predicted: Fields by name, shape (n,) or (n, ...).
        exact: The reference's fields by name, a part of the predicted ones.
        weight: Quadrature weights, shape (n,); equal ones by default.
        modulo_constant: Fields known up to a constant only, such as a pressure: both sides are
            compared after their means are taken off.

    Returns:
        Errors by field, in the order of ``exact``.

    Raises:
        ValueError: A field is missing on one side, shapes differ, or values are not finite.
    """
    for names, side in ((exact, predicted), (modulo_constant, exact)):
        if missing := [name for name in names if name not in side]:
            raise ValueError(
                f"No values for the fields {missing}; there are {list(side)}. "
                f"Predict every field of the reference, under its name."
            )
    errors = {}
    for name, truth in exact.items():
        try:
            errors[name] = _field_error(predicted[name], truth, weight, name in modulo_constant)
        except ValueError as error:
            raise ValueError(f"Field '{name}': {error}") from error
    return errors


def best_combination(predicted: Tensor, exact: Tensor, weight: Tensor | None = None) -> Tensor:
    r"""The matrix C for which predicted times C is nearest to the exact states in L2.

    Eigenfunctions are known up to a factor, and to a rotation where eigenvalues coincide.

    Args:
        predicted: States side by side, shape (n, k).
        exact: The same shape.
        weight: Quadrature weights, shape (n,); equal ones by default.

    Returns:
        Shape (k, k).

    Raises:
        ValueError: Shapes differ, no points, or values that are not finite.

    Example:
        >>> u = torch.tensor([[1.0], [2.0]])
        >>> round(best_combination(u, -3 * u).item(), 4)
        -3.0
    """
    predicted, exact = _checked_pair(predicted, exact)
    root = _checked_weight(weight, exact).sqrt().unsqueeze(-1)
    return torch.linalg.lstsq(root * predicted, root * exact).solution


def _field_error(
    predicted: Tensor, exact: Tensor, weight: Tensor | None, modulo_constant: bool
) -> FieldError:
    predicted, exact = _checked_pair(predicted, exact)
    notes = []
    if modulo_constant:
        weight = _checked_weight(weight, exact)
        size = _square(exact).max().sqrt()
        predicted, exact = (_centred(v, weight) for v in (predicted, exact))
        # A constant leaves round-off behind, which must not serve as a scale.
        if _square(exact).max().sqrt() <= 16 * torch.finfo(exact.dtype).eps * size:
            exact = torch.zeros_like(exact)
        notes.append("modulo a constant")
    if not exact.any():
        notes.append("absolute: the exact field is zero")
    l2, largest = relative_l2(predicted, exact, weight), relative_max(predicted, exact)
    return FieldError(l2.item(), largest.item(), "; ".join(notes))


def _centred(values: Tensor, weight: Tensor) -> Tensor:
    return values - torch.tensordot(weight.to(values.dtype), values, dims=1) / weight.sum()


def _square(values: Tensor) -> Tensor:
    """Return the squared Euclidean norm at each point, (n, ...) -> (n,)."""
    return values.abs().square().reshape(len(values), -1).sum(-1)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (weight * values).sum() / weight.sum()


def _checked(name: str, values: Tensor) -> Tensor:
    if values.ndim == 0 or values.numel() == 0:
        raise ValueError(
            f"{name} has shape {tuple(values.shape)}, but one value a point is expected, (n,) or "
            f"(n, k) with n > 0. Evaluate on a set of points."
        )
    bad = values.numel() - int(torch.isfinite(values).sum())
    if bad:
        raise ValueError(
            f"{bad} of {values.numel()} values of {name} are not finite. Training diverged or a "
            f"formula divides by zero there: look at the loss curve first."
        )
    return values if values.is_floating_point() or values.is_complex() else values.double()


def _checked_pair(predicted: Tensor, exact: Tensor) -> tuple[Tensor, Tensor]:
    if predicted.shape != exact.shape:
        raise ValueError(
            f"predicted has shape {tuple(predicted.shape)} and exact {tuple(exact.shape)}; they "
            f"would broadcast or fail. Give both the same shape; squeeze(-1) makes (n, 1) to (n,)."
        )
    return _checked("predicted", predicted), _checked("exact", exact)


def _checked_weight(weight: Tensor | None, values: Tensor) -> Tensor:
    if weight is None:
        return torch.ones(len(values), dtype=values.abs().dtype, device=values.device)
    if weight.shape != values.shape[:1]:
        raise ValueError(
            f"weight has shape {tuple(weight.shape)}, but there are {len(values)} points. Pass the "
            f"weights of the same points, shape ({len(values)},)."
        )
    if not (weight.sum() > 0 and torch.isfinite(weight).all()):
        raise ValueError(
            "The weights sum to zero or are not finite; pass Points.weight of a quadrature."
        )
    return weight
