"""The spectrum of states, and terms from the data in weak form."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet.boundary import periodic
from pdenet.grid import Grid
from pdenet.likelihood.config import RefineConfig
from pdenet.likelihood.fit.setup import Setup
from pdenet.likelihood.selection.regression import filled, low_products, rank_terms
from pdenet.likelihood.selection.weak_form import Whole, bumps, signal, weak_form, widths
from pdenet.noise.first_frames import Smoothing
from pdenet.noise.observations import Observations
from pdenet.noise.spectrum import Shells, ended, spectrum_of_data, unresolved
from pdenet.pde import PDE
from pdenet.problem import Problem
from pdenet.spectral.waves import Waves


def waves_of(*shape: int) -> Waves:
    return Waves(
        Grid(shape, (6.283185307179586,) * len(shape)), torch.zeros((), dtype=torch.float64)
    )


def random_field(waves: Waves, decay: float, n: int, seed: int = 0) -> torch.Tensor:
    """(n, 1, 1, *space) with the spectrum exp(-decay |k|)."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn((n, 1, 1, *waves.grid.shape), generator=generator, dtype=torch.float64)
    return waves.points(waves.modes(noise) * (-decay * waves.radius / 2).exp())


def test_the_spectrum_is_that_of_the_signal_and_goes_on_exponentially() -> None:
    waves = waves_of(32, 32)
    field = random_field(waves, 0.6, 6)
    noise = 1e-3 * torch.randn(
        (6, 4, 1, 32, 32), generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    seen = Observations.of(field + noise, torch.full((6, 1), 1e-3, dtype=torch.float64))
    fine = waves_of(64, 64)
    shells = Shells(fine)
    found = spectrum_of_data(seen, waves, shells).mean((0, 1))
    # |û|²/N on a grid of four times as many points is four times as large.
    k = torch.arange(len(shells))
    expected = 4 * (-0.6 * k).exp()
    assert float((found[1:14] / expected[1:14]).log().abs().max()) < 0.5
    assert float((found[18:28] / expected[18:28]).log().abs().max()) < 3
    left = unresolved(found[None, None], shells, waves.grid)
    coarse = unresolved(found[None, None], shells, waves_of(8, 8).grid)
    assert float(left) < 1e-3 and float(coarse) > float(left)
    assert float(unresolved(found[None, None], shells, fine.grid)) == 0


def spectrum_of_states(power: torch.Tensor, waves: Waves, seed: int) -> torch.Tensor:
    """The spectrum of four states with this variance over that of their noise, (.., *waves)."""
    shells, generator = Shells(waves, directions=True), torch.Generator().manual_seed(seed)
    size = (4, 1, *waves.grid.shape)
    state, noise = (
        waves.modes(torch.randn(size, generator=generator, dtype=torch.float64)) for _ in range(2)
    )
    level = (state * power.sqrt() + noise).abs().square() / waves.grid.size
    own = (shells.mean(level) - 1).clamp_min(0)
    return shells.spread(ended(own, level, torch.ones_like(own), shells))


@given(seed=st.integers(0, 2**31))
@settings(max_examples=50)
def test_noise_beyond_the_last_clear_wave_is_not_fitted(seed: int) -> None:
    """What a wave tells goes with the square of the share of it that is taken for real: one of its
    own for each would make that a twentieth of all of noise."""
    waves = waves_of(64)
    cut = spectrum_of_states(1e4 * (waves.radius < 7), waves, seed)[..., 9:]
    assert float((cut / (1 + cut)).square().mean()) < 0.03
    assert float(cut[..., 13:].amax()) < 0.2


@given(seed=st.integers(0, 2**31))
@settings(max_examples=50)
def test_a_spectrum_falls_into_the_noise_as_before(seed: int) -> None:
    waves = waves_of(64)
    power = 1e4 * (-0.6 * waves.radius).exp()
    found = spectrum_of_states(power, waves, seed).mean((0, 1))
    assert float((found[5:20] / power[5:20]).log().mean().abs()) < 1


def test_a_lone_wave_beyond_the_others_is_kept() -> None:
    waves = waves_of(64)
    far = (waves.radius > 24) & (waves.radius < 26)
    found = spectrum_of_states(1e3 * (waves.radius < 4) + 1e3 * far, waves, 0)
    assert float(found[..., 25].amin()) > 10
    assert float(found[..., 28:].amax()) < 10


SPECTRA: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "band": lambda k: 1.0 * ((k > 0.35) & (k < 0.65)),
    "ring": lambda k: 1.0 * ((k > 0.55) & (k < 0.65)),
    "two scales": lambda k: 1.0 * (k < 0.2) + 0.05 * ((k > 0.55) & (k < 0.75)),
    "red": lambda k: (-k / 0.06).exp(),
    "front": lambda k: k.clamp_min(0.05) ** -2.0,
    "flat": torch.ones_like,
}
GRIDS = {
    "1-D": Grid((64,), (1.0,)),
    "long": Grid((256,), (1e3,)),
    "2-D": Grid((32, 32), (1.0, 1.0)),
    "flat box": Grid((64, 16), (1.0, 10.0)),
    "other steps": Grid((48, 24), (2.0, 1.0)),
    "thread": Grid((32, 32), (1.0, 1e3)),
    "3-D": Grid((12, 8, 10), (1.0, 3.0, 2.0)),
}


def drawn(grid: Grid, spectrum: str, level: float) -> tuple[Waves, torch.Tensor, torch.Tensor]:
    """A grid's waves, the variances of waves in fields of standard deviation 1, and six such fields
    (6, 1, *space). |k| is over the highest that all axes resolve."""
    waves = Waves(grid, torch.zeros((), dtype=torch.float64))
    longest = max(grid.lengths)
    most = min(n / 2 * longest / side for n, side in zip(grid.shape, grid.lengths, strict=True))
    if spectrum == "one wave":
        variance = torch.zeros(waves.shape, dtype=torch.float64)
        variance[tuple(n // 4 for n in grid.shape)] = 1
    else:
        variance = SPECTRA[spectrum](waves.radius / most)
        variance.flatten()[0] = 0
    white = torch.randn(
        (6, 1, *grid.shape), generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    fields = waves.points(waves.modes(white) * variance.sqrt())
    size = fields.square().mean()
    return waves, variance / size, fields / size.sqrt()


@pytest.mark.parametrize("spectrum", [*SPECTRA, "one wave"])
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("level", [0.03, 1.0])
def test_first_states_of_any_spectrum_are_nearly_as_good_as_can_be(
    grid: str, spectrum: str, level: float
) -> None:
    """The error of filtered first frames, all three ways, beside that of the filter which knows the
    true variance of each wave: at most 1.5 times as much and a sixth of the noise."""
    waves, variance, fields = drawn(GRIDS[grid], spectrum, level)
    frames = fields[:, None].expand(6, 6, *fields.shape[1:])
    noise = torch.randn(
        frames.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    data = frames + level * noise
    axes = GRIDS[grid].axes
    pde = PDE("u_t = " + " + ".join(f"u_{axis}{axis}" for axis in axes))
    setup = Setup.of(data, Problem.periodic(pde, GRIDS[grid]), 0.1, RefineConfig())
    begun = setup.begin(GRIDS[grid], torch.ones(len(axes), dtype=torch.float64))
    modes, gain = signal(data, setup.sigma, waves)
    single = Smoothing.at(data[:, :1], setup.sigma, GRIDS[grid], periodic(len(axes)))
    ideal = waves.modes(data[:, 0]) * variance / (variance + level**2)
    best = float((waves.points(ideal) - fields).square().mean())
    for found in (
        waves.points(begun.states.at),
        waves.points(modes * gain)[:, 0],
        single(data[:, 0]),
    ):
        error = float((found - fields).square().mean())
        assert error < 1.5 * best + level**2 / 6
        assert error < 1.05 * float((level * noise[:, 0]).square().mean())


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize(("spectrum", "finer"), [("ring", False), ("flat", True), ("front", True)])
def test_a_finer_grid_is_for_waves_beyond_the_grid(grid: str, spectrum: str, finer: bool) -> None:
    """Not for noise, of which one shell in many looks like signal."""
    _, _, fields = drawn(GRIDS[grid], spectrum, 1)
    data = fields[:, None].expand(6, 6, *fields.shape[1:])
    data = data + 0.02 * torch.randn(
        data.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    pde = PDE("u_t = " + " + ".join(f"u_{axis}{axis}" for axis in GRIDS[grid].axes))
    setup = Setup.of(data, Problem.periodic(pde, GRIDS[grid]), 0.1, RefineConfig())
    shells = Shells(setup.waves_on(GRIDS[grid].refine(2)), directions=True)
    found = spectrum_of_data(setup.seen, setup.waves, shells)
    assert (float(unresolved(found, shells, GRIDS[grid]).mean()) > 0.02**2) == finer


def test_shells_average_and_spread() -> None:
    waves = waves_of(16, 16)
    shells = Shells(waves)
    values = torch.rand(len(shells), dtype=torch.float64)
    wide = shells.spread(values)
    assert wide.shape == waves.shape
    assert float(shells.count.sum()) == pytest.approx(256)
    directed = Shells(waves, directions=True)
    assert len(directed) == 4 * len(shells) and float(directed.count.sum()) == pytest.approx(256)
    x, y = (each.expand(waves.shape).abs() for each in waves.numbers)
    shares = directed.spread(directed.mean((y < x) * 1.0))
    assert bool((shares[(x > 3 * y) & (x > 3)] == 1).all())
    assert bool((shares[(y > 3 * x) & (y > 3)] == 0).all())
    narrow = waves_of(16)
    assert len(Shells(narrow, directions=True)) == len(Shells(narrow))
    assert float(Shells(narrow).waves_in()[1:].min()) >= 6


@pytest.mark.parametrize(("fields", "ndim", "count"), [(("u",), 1, 11), (("u", "v"), 2, 95)])
def test_low_products(fields: tuple[str, ...], ndim: int, count: int) -> None:
    """The constant, m jets, m(m+1)/2 pairs, and the cubes of fields."""
    products = low_products(fields, ndim, 2)
    assert len(products) == len(set(products)) == count


@pytest.mark.parametrize("frames", [2, 3, 4, 7, 20, 41])
def test_test_functions_integrate_quadratics_by_parts_exactly(frames: int) -> None:
    bump, slope, kinds = bumps(frames, 0.1)
    time = 0.1 * torch.arange(frames, dtype=torch.float64)
    assert bump.shape == slope.shape and bump.shape[1] == frames
    assert kinds.unique().tolist() == list(range(len(widths(frames))))
    for power in (0, 1, 2):
        change = power * time ** max(power - 1, 0)
        assert torch.allclose(slope @ time**power, bump @ change, atol=1e-10)
    assert torch.allclose(slope.square().sum(1), torch.ones(len(slope), dtype=torch.float64))


def test_the_filter_keeps_what_is_signal() -> None:
    waves = waves_of(64, 64)
    field = random_field(waves, 1.0, 4).expand(4, 5, 1, 64, 64)
    field = field / field.std()
    generator = torch.Generator().manual_seed(3)
    noise = 0.5 * torch.randn(field.shape, generator=generator, dtype=torch.float64)
    modes, gain = signal(field + noise, torch.full((4, 1), 0.5, dtype=torch.float64), waves)
    assert gain.shape == (4, 1, 1, 64, 33) and 0 <= float(gain.min()) <= float(gain.max()) <= 1
    left = waves.points(modes * gain) - field
    assert float(left.square().mean().sqrt()) < 0.15


def test_the_weak_form_of_clean_data_holds(small: Callable[..., object]) -> None:
    """True coefficients leave next to nothing of what the time derivative is."""
    problem = small("u_t = -u*u_x + 0.1*u_xx", shape=(64,), n=4, dt=0.02)
    data, terms = problem.data(21, 0.0), problem.library.terms
    sigma = torch.full((4, 1), 1e-9, dtype=torch.float64)
    products = tuple(term.product for term in terms)
    waves = problem.dynamics.waves
    form = weak_form(Whole(data, sigma, waves, 0.02), ("u",), products)
    left = form.residual(0, problem.coefficients).abs().square().sum((1, 2))
    assert float((left / form.rates[:, 0].abs().square().sum((1, 2))).max()) < 1e-6


def test_terms_are_found_under_heavy_noise(small: Callable[..., object]) -> None:
    problem = small("u_t = -u*u_x + 0.1*u_xx", shape=(128,), n=12, dt=0.02)
    data = problem.data(41, 0.5)
    sigma = torch.full((12, 1), 0.5, dtype=torch.float64)
    ranked = rank_terms(Observations.of(data, sigma), problem.dynamics.waves, 0.02, 2, ("u",))
    names = [term.text for term in ranked.library.terms]
    assert {"u_xx", "u*u_x"} <= set(names)
    first = dict(zip(names, ranked.starts[0].tolist(), strict=True))
    assert -1.15 < first["u*u_x"] < -0.85 and 0.05 < first["u_xx"] < 0.15
    counts = [int((start != 0).sum()) for start in ranked.starts]
    assert counts[1:] == sorted(counts[1:])


def test_sensors_that_are_missing_are_filled_from_their_neighbours() -> None:
    waves = waves_of(48)
    field = random_field(waves, 1.0, 3).expand(3, 5, 1, 48).clone()
    gone = torch.rand(48, generator=torch.Generator().manual_seed(4)) < 0.3
    data = field.clone()
    data[..., gone] = torch.nan
    seen = Observations.of(data, torch.full((3, 1), 1e-3, dtype=torch.float64))
    found = filled(seen, waves, Shells(waves))
    assert bool((found.seen == 1).all())
    assert float((found.values - field).square().mean().sqrt()) < 0.05 * float(field.std())


def test_fields_that_hardly_vary_are_no_factors() -> None:
    """20 Pa upon 10⁵: p p_x and p² are multiples of p_x and p, within what any data tell."""
    found = low_products(("p", "v"), 1, 2, constant=frozenset({"p"}))
    names = {str(product.monomial) for product in found}
    assert {"p", "p_x", "p_xx", "p_x**2", "v*v_x", "p_x*v"} <= names
    assert not {"p*p_x", "p**2", "p**3", "p*v", "p*v_x"} & names
