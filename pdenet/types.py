"""Tensors by what they mean, and the one place that says how their axes are ordered.

**Axis convention.** A state is (batch, field, x[, y[, z]]). Space axes come last and are indexed
"ij": index i of the first space axis is the x coordinate, so `u[..., i, j]` is u(x_i, y_j), and a
plot that wants y upwards has to transpose. Time, where there is any, stands between batch and
field. The names below carry these shapes for the reader; to Python each of them is a tensor.
"""

from typing import Annotated, TypeAlias

import torch

__all__ = ["Jets", "Kernel", "MomentMatrix", "State", "Trajectory"]

State: TypeAlias = Annotated[torch.Tensor, "(batch, field, *space)"]
Trajectory: TypeAlias = Annotated[torch.Tensor, "(batch, time, field, *space)"]
# Values of the jet variables u, u_x, u_xy, ... at every point.
Jets: TypeAlias = Annotated[torch.Tensor, "(batch, variable, *space)"]
# A correlation kernel: one axis of odd size for each space axis, its centre at the point itself.
Kernel: TypeAlias = Annotated[torch.Tensor, "(*size)"]
# M[i, j] = Σ k₁ⁱ k₂ʲ q[k₁, k₂] / (i! j!), of the same shape as its kernel q.
MomentMatrix: TypeAlias = Annotated[torch.Tensor, "(*order)"]
