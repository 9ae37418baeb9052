r"""R-functions: arithmetic whose sign follows Boolean logic.

:math:`a \wedge b = a + b - \sqrt{a^2 + b^2}` and :math:`a \vee b = a + b + \sqrt{a^2 + b^2}` are
positive exactly where "a and b" (or) are, vanish on the boundary of that set, and keep a unit
normal slope there. They are smooth except where both arguments vanish: at corners second
derivatives grow like 0.7 / r. So products are used instead wherever signs outside the domain do not
matter.

Reference:
    Rvachev and Sheiko, R-functions in boundary value problems in mechanics, Appl. Mech. Rev. 48(4),
    1995; Sukumar and Srivastava, Exact imposition of boundary conditions with distance functions in
    physics-informed deep neural networks, CMAME 389, 2022.
"""

from __future__ import annotations

from typing import Any

import torch


def conjunction(a: Any, b: Any) -> Any:
    """Positive exactly where both are.

    Args:
        a: Values of one function.
        b: Values of another.

    Returns:
        Values of the same kind.
    """
    return a + b - torch.sqrt(a * a + b * b)


def disjunction(a: Any, b: Any) -> Any:
    """Positive exactly where one of them is, or both.

    Args:
        a: Values of one function.
        b: Values of another.

    Returns:
        Values of the same kind.
    """
    return a + b + torch.sqrt(a * a + b * b)


def saturate(a: Any) -> Any:
    """Keep sign and slope at zero, and bound the size by 1.

    Args:
        a: Values, dimensionless.

    Returns:
        Values of the same kind.
    """
    return a / torch.sqrt(a * a + 1)
