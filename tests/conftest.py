"""Every test runs in float64 with fixed seeds, and leaves the defaults as it found them."""

import os
import random
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import settings

# Deadlines measure the machine, not the code; derandomized runs fail twice alike.
settings.register_profile("pdenet", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("pdenet")

if "PYTEST_XDIST_WORKER" in os.environ:  # one thread a process, here and in those it starts
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def reproducible() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - guards against stray use of the global generator
    random.seed(0)
    yield
    torch.set_default_dtype(before)
