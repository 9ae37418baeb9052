"""Conditions that the network's form satisfies exactly: which ones, and by what formula."""

from pdenet.solvers.hard.plan import HardPlan, plan_hard_conditions

__all__ = ["HardPlan", "plan_hard_conditions"]
