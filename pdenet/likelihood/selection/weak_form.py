"""The equation in weak form: linear in its coefficients, and without a derivative of data in time.

With test functions W of time that vanish at both ends of a run of frames, and waves k in space,

    −∫ W' û_k dt = Σ_j θ_j ∫ W p̂_jk dt,

p_j the products of an equation on fields of which a Wiener filter, frame by frame, keeps what the
shells of their spectra show to be signal (`spectrum`). W' is scaled so that fields that change by a
quadratic of time are integrated exactly, and W is so smooth that others nearly are.

Both sides are noisy. With noise σ in every value, N points and Σ W'² = 1, the residual has variance

    V = N σ² (1 + Σ W² (|Λ_k|² g_k² + Σ_α <(∂F/∂u_α)²> Σ_q |q^α|² g_q² / N)),

Λ_k the symbol of the linear terms, g the gain of the filter, ∂F/∂u_α the slopes of the others
(their noise is taken for white). V depends on the coefficients, so they are found by a few rounds
of weighted least squares. Test functions of one width share what V does not know, the error of sums
over frames above all: a factor on V, where it is above 1.

Sources: Gurevich, Reinbold, Grigoriev, Chaos 29 (2019) 103113; Messenger, Bortz, J. Comput. Phys.
443 (2021) 110525 (regression in weak form); Bortz, Messenger, Dukic, Bull. Math. Biol. 85 (2023)
110 (noise on both sides)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import sympy
import torch
from torch import Tensor

from pdenet.library.product import ONE, Product, values_of
from pdenet.likelihood.states.clock import Clock
from pdenet.noise.spectrum import Shells, wiener
from pdenet.pde.jet import Jet, sorted_jets
from pdenet.spectral.waves import Waves

__all__ = ["Squares", "WeakForm", "Whole", "bumps", "signal", "weak_form", "widths"]

POWER = 4
"""Of the test functions (1 − s²)^p: sums over frames are as good as integrals."""

SHORTEST = 9
"""Frames of the shortest test functions; others are twice as long, up to all frames."""

WAVES = 512
"""Waves of each trajectory that are looked at: those with most of the signal."""

RESOLVED = 1e-4
"""Noise that is reckoned with in any case, as a share of a field's standard deviation: sums over
frames are no integrals, and simulated data have errors of their own. Without it clean data would
weigh the waves by nothing but rounding."""

SAMPLES = 8
"""Frames of each trajectory from which the slopes of an equation are taken, at most."""


def widths(frames: int) -> list[int]:
    """Frames of the test functions, the longest first."""
    found = [frames]
    while found[-1] // 2 >= SHORTEST:
        found.append(found[-1] // 2)
    return found


def bumps(frames: int, dt: float) -> tuple[Tensor, Tensor, Tensor]:
    """W and −W' at the frames, (function, frame) each, over Σ W'²^(1/2), and the place of the width
    of each function among `widths`."""
    rows, kinds = [], []
    for kind, width in enumerate(widths(frames)):
        s = torch.linspace(-1, 1, width + 2, dtype=torch.float64)[1:-1]
        bump = (1 - s.square()) ** POWER
        slope = s * (1 - s.square()) ** (POWER - 1)
        time = dt * torch.arange(width, dtype=torch.float64)
        slope = slope * bump.sum() / (slope @ time)
        step = max(1, width // 4)
        for first in range(0, frames - width + 1, step):
            row = torch.zeros(2, frames, dtype=torch.float64)
            row[:, first : first + width] = torch.stack([bump, slope]) / slope.norm()
            rows.append(row)
            kinds.append(kind)
    both = torch.stack(rows, 1)
    return both[0], both[1], torch.tensor(kinds)


def signal(complete: Tensor, sigma: Tensor, waves: Waves) -> tuple[Tensor, Tensor]:
    """The waves of data without gaps and what the filter keeps of them, (trajectory, frame, field,
    *waves), and its gain, (trajectory, 1, field, *waves). sigma: (trajectory, field)."""
    modes = waves.modes(complete)
    power = modes.abs().square().mean(1) / waves.grid.size
    gain = wiener(power, sigma.square(), Shells(waves), complete.shape[1])[:, None]
    return modes, gain


@dataclass(frozen=True, eq=False)
class Squares:
    """A weighted least-squares problem: matrix and gradient (trajectory, product, ..), the squares
    without any product (trajectory,), and how many real numbers there are, overlapping test
    functions counted once."""

    matrix: Tensor
    gradient: Tensor
    square: Tensor
    count: float


@dataclass(frozen=True, eq=False)
class WeakForm:
    """Both sides of every field's equation against all test functions and waves.

    fields: those that have an equation. names: all, those first.
    tested: (trajectory, product, function, wave). rates: (trajectory, name, function, wave).
    gain: of the filter at these waves, (trajectory, name, wave). weight: (w_k/N)^(1/2) of `Waves`,
    (trajectory, wave). points: N. symbols: of every jet there. sampled:
    jets at all points of some frames, (trajectory, frame, jet, *space). spread: Σ_q |q^α|² g_q²/N
    of every jet, (trajectory, jet). energy: Σ W² of every function. kinds: their widths. overlap:
    how many functions say the same. bases: functions of the coordinates at the sampled points.
    """

    fields: tuple[str, ...]
    names: tuple[str, ...]
    products: tuple[Product, ...]
    jets: tuple[Jet, ...]
    sigma: Tensor
    tested: Tensor
    rates: Tensor
    gain: Tensor
    weight: Tensor
    points: int
    symbols: Tensor
    sampled: Tensor
    spread: Tensor
    energy: Tensor
    kinds: Tensor
    overlap: float
    bases: Mapping[sympy.Expr, Tensor]

    @property
    def degrees(self) -> Tensor:
        """Real numbers of each wave, (trajectory, 1, wave)."""
        return self.points * self.weight[:, None].square()

    def noise(self, field: int, coefficients: Tensor) -> Tensor:
        """V/N at these coefficients of all products, (trajectory, function, wave)."""
        left = self.sigma[:, field, None, None].square().expand_as(self.rates[:, field])
        return left + self.right_noise(coefficients)

    def right_noise(self, coefficients: Tensor) -> Tensor:
        """The part of the right-hand side in V/N, (trajectory, function, wave)."""
        linear: dict[Jet, float] = {}
        slopes: dict[Jet, list[tuple[float, Product]]] = {}
        for product, value in zip(self.products, coefficients.tolist(), strict=True):
            if value != 0 and product.linear is not None:
                linear[product.linear] = value
            elif value != 0:
                for jet, slope in product.derivatives(self.names, len(self.jets[0].index)):
                    slopes.setdefault(jet, []).append((value, slope))
        right = self._linear(linear) + self._others(slopes)[:, None]
        return self.energy[:, None] * right[:, None]

    def _linear(self, linear: dict[Jet, float]) -> Tensor:
        """Σ over fields of |Λ_k|² g_k² σ², (trajectory, wave)."""
        total = torch.zeros_like(self.weight)
        for place, name in enumerate(self.names):
            parts = [
                value * self.symbols[:, self.jets.index(jet)]
                for jet, value in linear.items()
                if jet.field == name
            ]
            if parts:
                rate = sum(parts[1:], parts[0]).abs() * self.gain[:, place]
                total += (rate * self.sigma[:, place, None]).square()
        return total

    def _others(self, slopes: dict[Jet, list[tuple[float, Product]]]) -> Tensor:
        """Σ_α <(∂F/∂u_α)²> Σ_q |q^α|² g_q² σ²/N, (trajectory,)."""
        total = torch.zeros_like(self.sigma[:, 0])
        flat = self.sampled.flatten(0, 1)
        value_of = values_of(flat, self.jets, self.bases)
        for jet, parts in slopes.items():
            slope = sum(value * value_of(product) for value, product in parts)
            assert isinstance(slope, Tensor)
            size = slope.square().flatten(1).mean(1).unflatten(0, self.sampled.shape[:2]).mean(1)
            sigma = self.sigma[:, self.names.index(jet.field)]
            total += size * self.spread[:, self.jets.index(jet)] * sigma.square()
        return total

    def residual(self, field: int, coefficients: Tensor) -> Tensor:
        """Of these coefficients, (trajectory, function, wave)."""
        (kept,) = coefficients.nonzero(as_tuple=True)
        values, tested = coefficients[kept].to(self.tested), self.tested.index_select(1, kept)
        return self.rates[:, field] - torch.einsum("p,npmk->nmk", values, tested)

    def trust(self, field: int) -> Tensor:
        """The weight of each wave for what the filter took away: g², (trajectory, 1, wave)."""
        return self.gain[:, field, None].square()

    def excess(self, field: int, coefficients: Tensor, variance: Tensor) -> Tensor:
        """Squares of the residual over V for each width, 1 where V explains it, (width,)."""
        share = self.trust(field).square() * self.degrees
        square = self.residual(field, coefficients).abs().square() / variance
        found = (
            (share / self.points * square).sum((0, 2)),
            share.sum((0, 2)).expand(len(self.kinds)),
        )
        zero = square.new_zeros(int(self.kinds.max()) + 1)
        left, count = (zero.index_add(0, self.kinds, each) for each in found)
        return left / count.clamp_min(1e-300)

    def surprise(self, field: int, coefficients: Tensor) -> tuple[float, Tensor, float]:
        """−2 log likelihood, up to a constant, with V that of these coefficients and as much larger
        as the residuals of each width ask for; V; and the largest such factor."""
        variance = self.noise(field, coefficients)
        excess = self.excess(field, coefficients, variance)
        variance = variance * excess.clamp_min(1)[self.kinds][:, None]
        share = (self.trust(field).square() * self.degrees).expand_as(variance)
        left = (share * variance.log()).sum((0, 2)) + share.sum((0, 2)) * excess.clamp(max=1)[
            self.kinds
        ]
        return float(left.sum()) / self.overlap, variance, float(excess.amax())

    def squares(self, field: int, variance: Tensor) -> Squares:
        """The normal equations with weights 1/V."""
        weight = self.trust(field) * (self.degrees / self.points / variance).sqrt()
        matrix, gradient, square = [], [], []
        for row in range(len(self.tested)):
            left = torch.view_as_real(self.tested[row] * weight[row]).flatten(1)
            right = torch.view_as_real(self.rates[row, field] * weight[row]).flatten()
            matrix.append(left @ left.T)
            gradient.append(left @ right)
            square.append(right @ right)
        share = (self.trust(field).square() * self.degrees).expand_as(variance)
        count = float(share.sum()) / self.overlap
        return Squares(torch.stack(matrix), torch.stack(gradient), torch.stack(square), count)


@dataclass(frozen=True, eq=False)
class Whole:
    """Data without gaps.

    values: (trajectory, frame, name, *space), of the fields that have an equation and then of those
    that are given. sigma: their noise, (trajectory, name). taper: a function that both sides are
    multiplied by where the equation holds in a window alone, zero outside of it, (*space): test
    functions are then waves times it. clock: where and when they are, where functions of the
    coordinates stand in products.
    """

    values: Tensor
    sigma: Tensor
    waves: Waves
    dt: float
    taper: Tensor | None = None
    clock: Clock | None = None

    def part(self, rows: slice) -> Whole:
        """Of some trajectories."""
        clock = self.clock and self.clock.part(rows)
        return replace(self, values=self.values[rows], sigma=self.sigma[rows], clock=clock)

    def bases(
        self, products: Iterable[Product], row: int, frames: Sequence[int]
    ) -> dict[sympy.Expr, Tensor]:
        """The functions of the coordinates that stand in products, at frames of a trajectory:
        (frame, *space) or what broadcasts to it."""
        wanted = {product.basis for product in products} - {ONE}
        if not wanted or self.clock is None:
            return {}
        times = self.clock.start[row] + self.dt * self.sigma.new_tensor(frames)
        return self.clock.bases_at(wanted, times)

    def sampled_bases(
        self, products: Iterable[Product], frames: Sequence[int]
    ) -> dict[sympy.Expr, Tensor]:
        """The same at frames of all trajectories, (trajectory and frame, *space)."""
        chosen, shape = tuple(products), (len(frames), *self.waves.grid.shape)
        rows = [self.bases(chosen, row, frames) for row in range(len(self.values))]
        return {basis: torch.cat([row[basis].expand(shape) for row in rows]) for basis in rows[0]}


def weak_form(
    data: Whole,
    fields: tuple[str, ...],
    products: tuple[Product, ...],
    given: tuple[str, ...] = (),
) -> WeakForm:
    """Both sides of the equations of all fields. given: those that have no equation."""
    names, waves = (*fields, *given), data.waves
    complete, taper = data.values, data.taper
    least = RESOLVED * complete.movedim(2, 1).flatten(2).std(2)
    sigma = data.sigma.maximum(least)
    plain = {Jet(name, (0,) * waves.grid.ndim) for name in names}
    jets = sorted_jets(plain.union(*(product.jets for product in products)), names)
    symbols = torch.stack([waves.symbol(jet.index) for jet in jets])
    owners = torch.tensor([names.index(jet.field) for jet in jets], device=complete.device)
    bump, slope, kinds = bumps(complete.shape[1], data.dt)
    alike = (slope @ slope.T).square().sum() / len(slope)
    if taper is not None:  # neighbouring waves say the same
        alike = alike * float(taper.square().square().mean())
    bump, slope = bump.to(symbols), slope.to(symbols)
    some = range(0, complete.shape[1], max(1, -(-complete.shape[1] // SAMPLES)))
    parts: list[tuple[Tensor, ...]] = []
    for row in range(len(complete)):
        modes, gain = (found[0] for found in signal(complete[[row]], sigma[[row]], waves))
        weight = waves.weight.flatten().sqrt()
        power = (modes * gain).flatten(2).abs().square().sum((0, 1)) * weight.square()
        chosen = power.topk(min(WAVES, len(power))).indices
        columns, sampled = [], []
        tested = modes if taper is None else waves.modes(complete[row] * taper)
        for frame, state in enumerate(modes * gain):
            values = waves.points(state.index_select(0, owners) * symbols)
            value_of = values_of(values[None], jets, data.bases(products, row, [frame]))
            made = torch.cat([value_of(product) for product in products])
            if taper is not None:
                made = made * taper
            columns.append(waves.modes(made).flatten(1)[:, chosen])
            if frame in some:
                sampled.append(values)
        size = (symbols.abs() * gain[0].index_select(0, owners)).square() * waves.weight
        parts.append(
            (
                torch.einsum("mt,tpk->pmk", bump, torch.stack(columns)),
                torch.einsum("mt,tfk->fmk", slope, tested.flatten(2)[..., chosen]),
                gain[0].flatten(1)[:, chosen],
                weight[chosen],
                symbols.flatten(1)[:, chosen],
                torch.stack(sampled),
                size.flatten(1).sum(1),
            )
        )
    tested, rates, gains, weights, those, samples, spread = map(
        torch.stack, zip(*parts, strict=True)
    )
    return WeakForm(
        fields, names, products, jets, sigma, tested, rates, gains, weights, waves.grid.size, those,
        samples, spread, bump.real.square().sum(1), kinds.to(complete.device), float(alike),
        data.sampled_bases(products, some),
    )  # fmt: skip
