"""The preconditioner from random vectors."""

import torch

from pdenet.discovery.refine.krylov import combined
from pdenet.discovery.refine.nystrom import Nystrom
from pdenet.discovery.refine.waves import Waves
from pdenet.grid import Grid


def test_it_is_the_inverse_where_few_directions_are_seen():
    waves = Waves(Grid((32,), (1.0,)), torch.zeros((), dtype=torch.float64))
    torch.manual_seed(0)
    few = waves.modes(30 * torch.randn(2, 5, 3, 32, dtype=torch.float64))
    variance = torch.rand(2, 3, 17, dtype=torch.float64) + 0.1

    def seen(x: torch.Tensor) -> torch.Tensor:
        return combined(waves.gram(few, x), few)

    found = Nystrom.of(waves, variance, seen)
    x = waves.modes(torch.randn(2, 4, 3, 32, dtype=torch.float64))
    back = found(seen(x) + x / variance[:, None])
    assert torch.allclose(back, x, atol=1e-6 * float(x.abs().max()))


def test_it_is_symmetric_and_positive():
    waves = Waves(Grid((16,), (1.0,)), torch.zeros((), dtype=torch.float64))
    torch.manual_seed(1)
    many = waves.modes(torch.randn(1, 16, 1, 16, dtype=torch.float64))
    weight = torch.logspace(0, 4, 16, dtype=torch.float64)[None, :, None]
    variance = torch.full((1, 1, 9), 2.0, dtype=torch.float64)
    found = Nystrom.of(waves, variance, lambda x: combined(weight * waves.gram(many, x), many))
    x = waves.modes(torch.randn(1, 8, 1, 16, dtype=torch.float64))
    matrix = waves.gram(x, found(x))[0]
    assert torch.allclose(matrix, matrix.T)
    assert float(torch.linalg.eigvalsh(matrix).min()) > 0
