"""The network: filters, symbolic network and integrator as δt-blocks with shared parameters."""

from pdenet.model.pdenet import NetworkShape, PDENet, SplineShape, rollout, stack_rollout
from pdenet.model.rhs import LearnedRHS

__all__ = [
    "LearnedRHS",
    "NetworkShape",
    "PDENet",
    "SplineShape",
    "rollout",
    "stack_rollout",
]
