"""Backward elimination on linear problems, against refits by brute force."""

import pytest
import torch

from pdenet.readout.fit import Normal
from pdenet.readout.select import TOLERANCE, eliminate, refitted

WINDOWS, VALUES = 12, 60


def linear_problem(design: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> Normal:
    """The normal equations of y = design @ x at x; design: (window, value, unknown)."""
    residual = y - design @ x
    matrix = torch.einsum("wnk,wnl->wkl", design, design) / design.shape[1]
    gradient = torch.einsum("wnk,wn->wk", design, residual) / design.shape[1]
    return Normal(matrix, gradient, residual.square().mean(1))


def make(truth: torch.Tensor, noise: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (WINDOWS, VALUES, len(truth))
    design = torch.randn(shape, generator=generator, dtype=torch.float64)
    design[..., 1] += 0.9 * design[..., 0]  # two columns that are alike
    error = torch.randn(WINDOWS, VALUES, generator=generator, dtype=torch.float64)
    return design, design @ truth + noise * error


def setting(truth: list[float], noise: float, seed: int, terms: int | None = None):
    x = torch.tensor(truth, dtype=torch.float64)
    train, held_out = make(x, noise, 2 * seed), make(x, noise, 2 * seed + 1)
    generator = torch.Generator().manual_seed(100 + seed)
    at = x + 0.1 * torch.randn(len(x), generator=generator, dtype=torch.float64)
    normals = linear_problem(*train, at), linear_problem(*held_out, at)
    return at, (len(truth) if terms is None else terms), *normals, train, held_out


def refit(design: torch.Tensor, y: torch.Tensor, kept: list[int]) -> torch.Tensor:
    solution = torch.zeros(design.shape[-1], dtype=torch.float64)
    if kept:
        flat = design[..., kept].flatten(0, 1)
        solution[kept] = torch.linalg.lstsq(flat, y.flatten()[:, None]).solution[:, 0]
    return solution


TRUTH = [1.0, 0.0, -0.5, 0.0, 0.0, 2.0, 0.3]


@pytest.mark.parametrize("seed", range(8))
def test_absent_terms_leave_and_true_ones_stay(seed):
    at, terms, train, held_out, train_data, _ = setting(TRUTH, 0.05, seed)
    leaving, path = eliminate(at, terms, train, held_out)
    kept = [k for k, value in enumerate(TRUTH) if value]
    torch.testing.assert_close(
        refitted(at, train, leaving), refit(*train_data, kept), rtol=1e-6, atol=1e-9
    )
    assert set(leaving) == {k for k, value in enumerate(TRUTH) if value == 0}
    assert sorted(step.dropped for step in path) == list(range(len(TRUTH)))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("terms", [7, 5])
def test_the_path_is_that_of_refits_by_brute_force(seed, terms):
    """Each term that leaves costs training the least, and each misfit is that of a refit."""
    at, _, train, held_out, train_data, held_out_data = setting(TRUTH, 0.3, seed)
    _, path = eliminate(at, terms, train, held_out)
    assert len(path) == terms
    kept = list(range(len(TRUTH)))

    def loss(data, unknowns) -> float:
        design, y = data
        return float((y - design @ unknowns).square().mean())

    before = loss(held_out_data, refit(*train_data, kept))
    for step in path:
        costs = {
            k: loss(train_data, refit(*train_data, [j for j in kept if j != k]))
            for k in kept
            if k < terms
        }
        assert step.dropped == min(costs, key=lambda k: costs[k])
        kept.remove(step.dropped)
        expected = loss(held_out_data, refit(*train_data, kept))
        assert step.misfit == pytest.approx(expected, rel=1e-6)
        assert step.growth == pytest.approx(expected / before - 1, rel=1e-4, abs=1e-6)
        before = expected
    assert kept == list(range(terms, len(TRUTH)))


def test_the_shortest_within_the_tolerance_is_taken():
    at, terms, train, held_out, *_ = setting(TRUTH, 0.3, 0)
    leaving, path = eliminate(at, terms, train, held_out)
    lowest = min(step.misfit for step in path)
    assert all(step.misfit > (1 + TOLERANCE) * lowest for step in path[len(leaving) :])
    if leaving:
        assert path[len(leaving) - 1].misfit <= (1 + TOLERANCE) * lowest


def test_pure_noise_leaves_no_term():
    at, terms, train, held_out, *_ = setting([0.0] * 5, 1.0, 3)
    leaving, _ = eliminate(at, terms, train, held_out)
    assert sorted(leaving) == list(range(5))


@pytest.mark.parametrize("seed", range(8))
def test_data_without_noise(seed):
    """The misfit is down to rounding, and may even be negative; true terms alone stay."""
    at, terms, train, held_out, *_ = setting(TRUTH, 0.0, seed)
    leaving, _ = eliminate(at, terms, train, held_out)
    assert set(leaving) == {k for k, value in enumerate(TRUTH) if value == 0}


def test_terms_that_cannot_be_told_apart():
    """Two equal columns: one of them leaves, and nothing divides by zero."""
    x = torch.tensor([1.0, 0.0, 2.0], dtype=torch.float64)
    design, _ = make(x, 0.0, 0)
    design[..., 1] = design[..., 0]
    noise = torch.randn(WINDOWS, VALUES, generator=torch.Generator().manual_seed(1)).double()
    y = design @ x + 0.05 * noise
    normal = linear_problem(design, y, x)
    leaving, path = eliminate(x, 3, normal, normal)
    assert len(leaving) == 1 and leaving[0] in (0, 1)
    assert all(step.misfit == step.misfit for step in path)
