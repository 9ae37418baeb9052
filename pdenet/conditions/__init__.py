"""What fields satisfy: equations, boundary and initial values, periodicity, integrals, data.

Every condition is a residual function of names, on a region. The named kinds write that function
for the user and keep their data, so that it can be imposed exactly instead of trained.
"""

from pdenet.conditions.base import Condition
from pdenet.conditions.data import Data
from pdenet.conditions.dirichlet import Dirichlet, Initial
from pdenet.conditions.integral import Integral
from pdenet.conditions.interface import Interface
from pdenet.conditions.operator_data import OperatorData
from pdenet.conditions.periodic import Periodic
from pdenet.conditions.robin import Neumann, Robin
from pdenet.conditions.rows import stack_rows
from pdenet.conditions.values import (
    Value,
    argument_names,
    evaluate,
    prescribed_values,
    with_signature,
)

__all__ = [
    "Condition",
    "Data",
    "Dirichlet",
    "Initial",
    "Integral",
    "Interface",
    "Neumann",
    "OperatorData",
    "Periodic",
    "Robin",
    "Value",
    "argument_names",
    "evaluate",
    "prescribed_values",
    "stack_rows",
    "with_signature",
]
