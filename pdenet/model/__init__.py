"""The network: filters, symbolic network and integrator as δt-blocks with shared parameters."""

from pdenet.model.pdenet import NetworkShape, PDENet, SplineShape, rollout, stack_rollout
from pdenet.model.rhs import LearnedRHS
from pdenet.model.stability import spectral_radius, stable_substeps

__all__ = [
    "LearnedRHS",
    "NetworkShape",
    "PDENet",
    "SplineShape",
    "rollout",
    "spectral_radius",
    "stable_substeps",
    "stack_rollout",
]
