"""Problem and network, at points, give rows of residuals."""

from pdenet.residuals.batch import Batch, input_jets, tensors
from pdenet.residuals.residuals import Residuals
from pdenet.residuals.sweeps import named_fields, with_partners

__all__ = ["Batch", "Residuals", "input_jets", "named_fields", "tensors", "with_partners"]
