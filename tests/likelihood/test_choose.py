"""Terms are chosen by chi², held-out trajectories and a criterion; ties are said to be ties."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pdenet.likelihood.selection.choose import Quadratic, choose


def regression(
    truth: list[float], *, n: int = 8, values: int = 400, seed: int = 0, copy: float | None = None
) -> Quadratic:
    """chi² of a linear model with unit noise. copy: how much the last column differs from the
    first, None for a column of its own."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    x = draw(n, values, len(truth))
    if copy is not None:
        x[..., -1] = x[..., 0] + copy * x[..., -1]
    theta = torch.tensor(truth, dtype=torch.float64)
    y = x @ theta + draw(n, values)
    at = torch.zeros_like(theta)
    return Quadratic(
        at, torch.einsum("nvi,nvj->nij", x, x), torch.einsum("nvi,nv->ni", x, y), n * values
    )


def together(a: int, b: int) -> bool:
    return True


@pytest.mark.slow
def test_true_terms_stay_and_others_leave_but_for_chance() -> None:
    """A term that is not there gains more than log n with probability P(chi²₁ > 8.07) = 0.0045."""
    draws, extra = 100, 0
    for seed in range(draws):
        choice = choose(regression([1.0, 0.0, -0.5, 0.0, 0.3], seed=seed), together)
        judged = {each.term: each for each in choice.judged}
        assert all(judged[k].gain > judged[k].needed and judged[k].held_out > 0 for k in (0, 2, 4))
        assert {0, 2, 4} <= set(choice.kept)
        assert all((judged[k].gain > judged[k].needed) == (k in choice.kept) for k in (1, 3))
        extra += len(choice.kept) - 3
    assert extra <= 5


def test_the_criterion_is_exact_least_squares() -> None:
    quadratic = regression([1.0, 0.2, 0.0])
    a, g = quadratic.matrix.sum(0), quadratic.gradient.sum(0)
    torch.testing.assert_close(quadratic.best(range(3)), torch.linalg.solve(a, g))
    alone = g[0] / a[0, 0]
    torch.testing.assert_close(quadratic.best([0])[0], alone)
    assert quadratic.best([0])[1:].tolist() == [0, 0]
    fallen = float(g @ torch.linalg.solve(a, g) - g[0] * alone)
    assert abs(quadratic.value([0]) - quadratic.value(range(3)) - fallen) < 1e-8


def test_twins_are_alternatives_of_each_other() -> None:
    choice = choose(regression([1.0, 0.0], copy=0.01, values=100), together)
    assert len(choice.kept) == 1
    swaps = [
        rival for rival in choice.rivals if rival.leaves is not None and rival.enters is not None
    ]
    assert swaps and swaps[0].odds > 0.05


def test_terms_of_different_fields_are_not_exchanged() -> None:
    choice = choose(regression([1.0, 0.0], copy=0.01, values=100), lambda a, b: False)
    assert not [r for r in choice.rivals if r.leaves is not None and r.enters is not None]


def test_disagreement_of_trajectories_raises_what_is_needed() -> None:
    """A term whose coefficient differs from one trajectory to the next only mends the model."""
    quadratic = regression([1.0, 0.0])
    scores = quadratic.gradient.clone()
    scores[:, 1] += 300 * torch.tensor([1.0, -1.0] * 4, dtype=torch.float64) + 40
    disturbed = Quadratic(quadratic.at, quadratic.matrix, scores, quadratic.count)
    choice = choose(disturbed, together)
    judged = choice.judged[1]
    assert choice.kept == [0]
    assert (
        judged.gain > 2 * torch.tensor(float(disturbed.count)).log() and judged.needed > judged.gain
    )


def test_one_trajectory_has_no_held_out_ones() -> None:
    choice = choose(regression([1.0, 0.0], n=1), together)
    assert choice.kept == [0]
    assert [each.held_out for each in choice.judged] == [None, None]


def test_terms_that_do_next_to_nothing_are_errors_of_the_model() -> None:
    """Without noise chi² falls by thousands for a term that does 10⁻⁷ of what another does, and
    such a term stays out; one of 10⁻⁴ is real."""
    n, information = 8, 1e16
    matrix = (torch.eye(2, dtype=torch.float64) * information / n).expand(n, 2, 2)
    for size, kept in ((1e-7, [0]), (1e-4, [0, 1])):
        at = torch.tensor([1.0, size], dtype=torch.float64)
        quadratic = Quadratic(at, matrix, torch.zeros(n, 2, dtype=torch.float64), 10**5)
        assert size**2 * information > 3 * quadratic.price
        choice = choose(quadratic, lambda a, b: True)
        assert choice.kept == kept
        assert not [rival for rival in choice.rivals if rival.leaves is None]


def test_terms_that_cancel_each_other_leave_together() -> None:
    """Three products of which a combination is nearly zero: none leaves alone, because one needs 6
    and all of the gain is lost with it, but three need 18."""
    away = torch.tensor([0.0, 1.0, 1.0, -1.0], dtype=torch.float64) / 3**0.5
    matrix = 1e8 * (torch.eye(4, dtype=torch.float64) - away.outer(away)) + away.outer(away)
    at = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64)
    for gain, number in ((15.0, 1), (25.0, 4)):
        quadratic = Quadratic(at, matrix[None], (matrix @ (gain**0.5 * away))[None], 400)
        assert len(choose(quadratic, together).kept) == number
