"""Residual rows of a problem for many input functions at once."""

from pdenet.operators.channels import CHANNELS, SENSORS, channels
from pdenet.operators.residuals import OperatorResiduals
from pdenet.operators.rows import OperatorRows

__all__ = ["CHANNELS", "SENSORS", "OperatorResiduals", "OperatorRows", "channels"]
