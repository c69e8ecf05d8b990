"""Noise whose size depends on the field: its law from residuals, from data alone, and in a fit."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pdenet.errors import ConfigError
from pdenet.grid import Grid
from pdenet.likelihood.config import RefineConfig
from pdenet.likelihood.fit.initial_noise import Level
from pdenet.likelihood.fit.setup import Setup
from pdenet.likelihood.refine import refine
from pdenet.likelihood.saving import Kept
from pdenet.noise.highpass import noise_alone
from pdenet.noise.law import Law, Squares, uneven
from pdenet.noise.observations import Observations
from pdenet.pde import PDE
from pdenet.problem import Problem

LAWS = {
    "additive": (0.04, 0.0, 0.0),
    "multiplicative": (0.0, 0.01, 0.0),
    "counts": (0.0, 0.0, 0.3),
    "additive and multiplicative": (0.04, 0.09, 0.0),
}


def fields(n: int = 4) -> Tensor:
    """Smooth fields of different sizes, (trajectory, frame, field, x)."""
    x = 2 * math.pi * torch.arange(48, dtype=torch.float64) / 48
    t = 0.1 * torch.arange(24, dtype=torch.float64)[:, None]
    size = torch.linspace(0.5, 2.0, n, dtype=torch.float64)[:, None, None]
    return (size * (0.3 + torch.cos(x - t) * (-0.2 * t).exp()))[:, :, None]


def normal(like: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(like.shape, generator=generator, dtype=torch.float64)


def law_of(u: Tensor, residual: Tensor) -> Law:
    return Squares.of(u, residual, torch.ones_like(u)).law()


@pytest.mark.parametrize("name", LAWS)
def test_a_law_is_found_from_residuals(name: str) -> None:
    truth, u = torch.tensor(LAWS[name], dtype=torch.float64)[:, None], fields()
    scale, found = Law(truth).variance(u).sqrt(), []
    for seed in range(10):
        parts = law_of(u, scale * normal(u, seed)).parts
        assert ((parts > 0) == (truth > 0)).all()
        found.append(parts)
    mean = torch.stack(found).mean(0)
    torch.testing.assert_close(mean, truth, rtol=0.1, atol=1e-12)


def test_additive_noise_is_called_additive() -> None:
    u = fields()
    levels = torch.tensor([0.1, 0.3, 0.2, 1.0], dtype=torch.float64)[:, None, None, None]
    problem = Problem.periodic(PDE("u_t = u_x"), Grid((48,), (1.0,)))
    by_residuals, by_data = 0, 0
    for seed in range(100):
        # As large beside the fields as fields are beside each other: that says nothing of a law.
        noise = levels * normal(u, seed)
        by_residuals += law_of(u, noise).is_additive
        by_data += Level.of(u + noise, problem, RefineConfig()).uneven is None
    assert by_residuals >= 99 and by_data >= 99


def test_outliers_are_no_law() -> None:
    u = fields()
    for seed in range(10):
        noise = 0.1 * normal(u, seed)
        largest = u.flatten().argsort()[-200::40]
        noise.view(-1)[largest] = 3.0
        assert law_of(u, noise).is_additive


def test_what_states_were_fitted_to_is_made_up_for() -> None:
    u = 1 + fields()
    truth = 0.1 * u * normal(u, 0)
    lost = torch.where(u < 1.0, 0.5, 0.0)  # of the variance of small values
    more = lost * (0.1 * u).square()
    parts = Squares.of(u, truth * (1 - lost).sqrt(), torch.ones_like(u), more).law().parts
    assert float(parts[1]) == pytest.approx(0.01, rel=0.1) and not float(parts[0])


@pytest.mark.parametrize("periodic", [[True], [False]])
def test_the_part_without_signal(periodic: list[bool]) -> None:
    clean = 1 + fields()[:, :, 0]
    alone, _ = noise_alone(clean + 0.01 * normal(clean, 1), periodic)
    found, share = noise_alone(clean + 0.01 * clean * normal(clean, 1), periodic)
    assert alone.shape == share.shape == clean.shape
    assert 0.1 < float(share.mean()) < 1
    assert alone.square().sum() == pytest.approx(1e-4 * float(share.sum()), rel=0.1)
    large = clean > clean.median()
    for part in (large, ~large):
        expected = (1e-4 * clean.square() * share)[part].sum()
        assert float(found.square()[part].sum() / expected) == pytest.approx(1, rel=0.2)


def test_observations_of_uneven_noise() -> None:
    data, sigma = fields(), torch.tensor([[1.0], [2.0], [3.0], [4.0]], dtype=torch.float64)
    data[0, :, :, :5] = math.nan
    seen = data.isfinite().to(data)
    law = Law(torch.tensor([[0.1], [0.2], [0.0]], dtype=torch.float64))
    shape = uneven(law, data.nan_to_num(0.0), seen)
    even, found = Observations.of(data, sigma), Observations.of(data, sigma, shape)
    square = (shape.square() * seen).flatten(1).sum(1) / seen.flatten(1).sum(1)
    torch.testing.assert_close(square, torch.ones_like(square))
    torch.testing.assert_close(found.weight * shape, even.weight)
    torch.testing.assert_close(
        (found.by_frame * seen.sum(3)).sum(1) / seen.sum((1, 3)), sigma.square()
    )
    assert float(found.scatter.min()) > 1 and even.scatter == 1.0
    both, part, first = found.twice(), found.part(slice(1, 3)), found.until(5)
    assert both.shape is not None and part.shape is not None and first.shape is not None
    assert torch.equal(both.shape[4:], shape) and torch.equal(part.shape, shape[1:3])
    assert torch.equal(first.weight, found.weight[:, :5])


def test_windows_have_the_noise_of_their_own_frames() -> None:
    data = fields()
    problem = Problem.periodic(PDE("u_t = u_x"), Grid((48,), (1.0,)))
    each = 0.1 + data.abs()
    setup = Setup.of(data, problem, 0.1, RefineConfig(sigma=each))
    assert setup.given
    for part in (setup, setup.in_windows(6), setup.some(2, 1, 7)):
        assert part.uneven is not None
        level = part.sigma[:, None, :, None] * part.uneven
        torch.testing.assert_close(level, 0.1 + part.data.abs())
        square = part.uneven.square().flatten(1).mean(1)
        torch.testing.assert_close(square, torch.ones_like(square))


def test_sigma_is_one_number_or_one_for_each_field_or_value() -> None:
    data = torch.cat([fields(), 2 * fields()], 2)
    problem = Problem.periodic(PDE("u_t = u_x", "v_t = v_x"), Grid((48,), (1.0,)))

    def level(sigma: object) -> Level:
        return Level.of(data, problem, RefineConfig(sigma=torch.as_tensor(sigma)))

    assert torch.equal(level(0.5).sigma, torch.full((4, 2), 0.5, dtype=torch.float64))
    assert level([0.5, 0.25]).sigma[3].tolist() == [0.5, 0.25]
    assert level([0.5, 0.25]).uneven is None
    assert level(torch.linspace(0.1, 1, 48)).uneven is not None
    for wrong in (torch.ones(3), 0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ConfigError, match="sigma"):
            level(wrong)
    with pytest.raises(ConfigError, match="give one of them"):
        RefineConfig(noise=0.1, sigma=torch.tensor(0.1))


PROBLEM_OF = {"gaps": 0.1, "whole": 0.0}


@pytest.mark.parametrize("kind", PROBLEM_OF)
def test_multiplied_noise_is_found_and_weighted(kind: str, small) -> None:
    case = small("u_t = -u*u_x + 0.2*u_xx")
    clean = case.data(21, 0.0)
    data = clean * (1 + 0.1 * normal(clean, 3))
    lost = torch.rand(data.shape, generator=torch.Generator().manual_seed(4))
    data[lost < PROBLEM_OF[kind]] = math.nan
    config = RefineConfig(choose=False, workers=1)
    found = refine(case.pde, data, case.problem, 0.05, config)
    refinement = found.refinement
    assert refinement is not None and refinement.verdict == "identified"
    additive, multiplicative, counts = refinement.laws["u"]
    assert multiplicative == pytest.approx(0.01, rel=0.15) and additive == counts == 0
    size = (0.1 * clean).square().mean().sqrt()
    assert refinement.sigma["u"] == pytest.approx(float(size), rel=0.1)
    assert abs(refinement.chi2 - 1) < 4 * refinement.chi2_error
    known = RefineConfig(choose=False, workers=1, sigma=(0.1 * clean).abs().clamp_min(1e-3))
    best = refine(case.pde, data, case.problem, 0.05, known)
    even = RefineConfig(choose=False, workers=1, sigma=size)
    worse = refine(case.pde, data, case.problem, 0.05, even)
    assert best.refinement is not None and best.refinement.laws == {}
    for monomial, value in case.pde.numeric_terms()["u"].items():
        away = abs(float(found.pde.numeric_terms()["u"][monomial]) - float(value))
        assert away < 3 * found.stderr["u"][monomial]
        assert best.refinement is not None and worse.refinement is not None
        bounds = [each.bound["u"][monomial] for each in (refinement, best.refinement)]
        assert bounds[0] == pytest.approx(bounds[1], rel=0.2)
        assert bounds[0] < 0.9 * worse.refinement.bound["u"][monomial]


def test_a_refinement_with_a_law_goes_on_where_it_stopped(small) -> None:
    case, saves = small("u_t = -u*u_x + 0.2*u_xx", n=3), list[dict[str, Tensor]]()
    clean = case.data(17, 0.0)
    data = clean * (1 + 0.1 * normal(clean, 3))
    config = RefineConfig(choose=False, workers=1)

    def run(saved: dict[str, Tensor] | None) -> PDE:
        kept = Kept(saved, lambda state: saves.append(dict(state)))
        return refine(case.pde, data, case.problem, 0.05, config, kept=kept).pde

    whole = run(None).numeric_terms()["u"]
    assert "uneven" in saves[1]
    again = run(saves[1]).numeric_terms()["u"]
    for monomial, value in whole.items():
        assert float(again[monomial]) == pytest.approx(float(value), rel=2e-3)


@pytest.mark.parametrize("unit", [1e-100, 1e100])
def test_fields_in_the_plane_have_laws_of_their_own_in_any_unit(unit: float) -> None:
    x = torch.arange(24, dtype=torch.float64) / 4
    t = 0.2 * torch.arange(12, dtype=torch.float64)[:, None, None]
    wave = torch.sin(2 * math.pi * x[:, None] / 6 - t) + torch.cos(2 * math.pi * x / 6)
    clean = torch.stack([1.5 + wave, 3 + wave])[:, :, None].repeat(1, 1, 2, 1, 1)
    scale = torch.stack([0.1 * clean[:, :, 0], torch.full_like(clean[:, :, 1], 0.2)], 2)
    data = unit * (clean + scale * normal(clean, 0))
    data[0, 0, 0, :3] = math.nan  # of one trajectory with gaps nothing is said
    problem = Problem.periodic(PDE("u_t = u_xx + u_yy", "v_t = v_xx"), Grid((24, 24), (6.0, 6.0)))
    found = Level.of(data, problem, RefineConfig()).uneven
    assert found is not None
    assert (found[:, :, 1] == 1).all() and (found[0] == 1).all()
    truth = clean[1, :, 0] / clean[1, :, 0].square().mean().sqrt()
    assert float((found[1, :, 0] / truth).log().square().mean().sqrt()) < 0.15


def test_a_level_may_be_bounded_from_below() -> None:
    data = torch.linspace(0, 1, 64, dtype=torch.float64).expand(2, 8, 1, 64)
    one = torch.ones(2, 1, dtype=torch.float64)
    level = Level(1e-9 * one, 1e-9 * one, 0 * one, False)
    size = float((data[0] - data[0].mean()).square().mean().sqrt())
    found = level.at_least(1e-2, data)
    assert torch.allclose(found.sigma, 1e-2 * size * one)
    assert torch.equal(found.shown, found.sigma)
    assert torch.equal(found.at_least(1e-3, data).sigma, found.sigma)
