"""The exact flow of a linear equation with constant coefficients: exp(L t) for every wave."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Exponential"]


@dataclass(frozen=True, eq=False)
class Exponential:
    """exp(L t) on states (.., field, *waves). matrix: (equation, field, *waves), or its diagonal
    (field, *waves) where no field is in the equation of another."""

    matrix: Tensor
    ndim: int

    @classmethod
    def of(cls, symbol: Tensor, time: float) -> Exponential:
        """Of the symbol (equation, field, *waves) of L."""
        fields, ndim = symbol.shape[0], symbol.dim() - 2
        diagonal = symbol.diagonal().movedim(-1, 0)
        if int(symbol.count_nonzero()) == int(diagonal.count_nonzero()) or fields == 1:
            return cls((diagonal * time).exp(), ndim)
        each = torch.linalg.matrix_exp(symbol.flatten(2).movedim(2, 0) * time)
        return cls(each.movedim(0, 2).unflatten(2, symbol.shape[2:]), ndim)

    @property
    def adjoint(self) -> Exponential:
        """Its transpose under the inner product of fields."""
        coupled = self.matrix.dim() > self.ndim + 1
        matrix = self.matrix.transpose(0, 1) if coupled else self.matrix
        return Exponential(matrix.conj_physical(), self.ndim)

    def __call__(self, state: Tensor) -> Tensor:
        if self.matrix.dim() == self.ndim + 1:
            return self.matrix * state
        parts = state.unbind(-self.ndim - 1)
        rows = ([e * u for e, u in zip(row, parts, strict=True)] for row in self.matrix)
        return torch.stack([sum(row[1:], row[0]) for row in rows], -self.ndim - 1)
