import math

import pytest
import torch

from pdenet.metrics import FieldError, field_errors, relative_l2, relative_max, rms


def gauss(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Midpoint rule on [0, 1], exact enough for trigonometric polynomials over full periods."""
    return (torch.arange(n) + 0.5) / n, torch.full((n,), 1.0 / n)


def test_relative_l2_is_the_ratio_of_integrals():
    x, weight = gauss(64)
    exact = torch.sin(2 * math.pi * x)
    error = 1e-3 * torch.cos(2 * math.pi * x)
    # Both have the same L2 norm, and the rule integrates their squares to round-off.
    assert relative_l2(exact + error, exact, weight).item() == pytest.approx(1e-3, rel=1e-12)


def test_weights_count():
    predicted, exact = torch.tensor([2.0, 1.0]), torch.tensor([1.0, 1.0])
    weight = torch.tensor([1.0, 3.0])
    assert relative_l2(predicted, exact, weight).item() == pytest.approx(0.5)
    assert rms(predicted - exact, weight).item() == pytest.approx(0.5)
    # Only ratios matter: a quadrature need not be normalized.
    assert relative_l2(predicted, exact, 7 * weight).item() == pytest.approx(0.5)


def test_vector_fields_use_the_pointwise_norm():
    exact = torch.tensor([[3.0, 4.0], [0.0, 5.0]])
    predicted = exact + torch.tensor([[0.3, 0.4], [0.0, 0.0]])
    assert relative_max(predicted, exact).item() == pytest.approx(0.1)
    assert relative_l2(predicted, exact).item() == pytest.approx(0.5 / math.sqrt(50))


def test_complex_fields_count_real_and_imaginary_parts():
    exact = torch.tensor([3.0 + 4.0j, 5.0j])
    predicted = exact * torch.exp(torch.tensor(0.1j))
    expected = abs(complex(math.cos(0.1) - 1, math.sin(0.1)))
    assert relative_l2(predicted, exact).item() == pytest.approx(expected, rel=1e-12)
    assert relative_max(predicted, exact).item() == pytest.approx(expected, rel=1e-12)


def test_pressure_is_compared_modulo_a_constant():
    x, weight = gauss(32)
    exact = x**2
    errors = field_errors({"p": exact + 5}, {"p": exact}, weight, modulo_constant=["p"])
    # Round-off of adding 5 and taking it off again.
    assert errors["p"].relative_l2 < 1e-14
    assert errors["p"].note == "modulo a constant"
    assert field_errors({"p": exact + 5}, {"p": exact}, weight)["p"].relative_l2 > 1


def test_mean_taken_off_is_the_weighted_one():
    exact, weight = torch.tensor([0.0, 4.0]), torch.tensor([3.0, 1.0])
    predicted = torch.tensor([0.0, 8.0])
    # Centred: (-1, 3) against (-2, 6), so the error is as large as the exact field.
    errors = field_errors({"p": predicted}, {"p": exact}, weight, modulo_constant=["p"])
    assert errors["p"].relative_l2 == pytest.approx(1.0)


def test_zero_reference_gives_absolute_errors_and_says_so():
    predicted, zero = torch.tensor([0.3, -0.4]), torch.zeros(2)
    error = field_errors({"w": predicted}, {"w": zero})["w"]
    assert error == FieldError(
        pytest.approx(math.sqrt(0.125)), pytest.approx(0.4), "absolute: the exact field is zero"
    )
    constant = field_errors({"p": predicted}, {"p": zero + 0.1}, modulo_constant=("p",))["p"]
    assert constant.note == "modulo a constant; absolute: the exact field is zero"
    assert constant.relative_max == pytest.approx(0.35)


def test_errors_keep_the_order_of_the_reference_and_skip_other_fields():
    one = torch.ones(3)
    errors = field_errors({"u": one, "v": one, "extra": one}, {"v": one, "u": one})
    assert list(errors) == ["v", "u"]
    assert errors["u"].plain() == {"relative_l2": 0.0, "relative_max": 0.0}


@pytest.mark.parametrize(
    ("predicted", "exact", "weight", "message"),
    [
        (torch.ones(3, 1), torch.ones(3), None, r"\(3, 1\) and exact \(3,\)"),
        (torch.ones(1), torch.ones(3), None, "broadcast"),
        (torch.tensor([1.0, torch.nan]), torch.ones(2), None, "1 of 2 values of predicted"),
        (torch.ones(2), torch.tensor([1.0, torch.inf]), None, "1 of 2 values of exact"),
        (torch.ones(0), torch.ones(0), None, "n > 0"),
        (torch.ones(2), torch.ones(2), torch.ones(2, 1), "weight has shape"),
        (torch.ones(2), torch.ones(2), torch.zeros(2), "sum to zero"),
    ],
)
def test_bad_input_is_refused(predicted, exact, weight, message):
    with pytest.raises(ValueError, match=message):
        relative_l2(predicted, exact, weight)


def test_missing_fields_are_named():
    with pytest.raises(ValueError, match=r"\['v'\]; there are \['u'\]"):
        field_errors({"u": torch.ones(2)}, {"v": torch.ones(2)})
    with pytest.raises(ValueError, match="Field 'u': predicted has shape"):
        field_errors({"u": torch.ones(2, 1)}, {"u": torch.ones(2)})
