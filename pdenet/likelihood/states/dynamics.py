"""The rollout of an equation on a periodic grid.

With the state held as waves, u_t = L u + N(u): L the linear terms, a matrix of fields for each wave
(diagonal where no field is in the equation of another) and advanced exactly, N all others, by the
classical Runge–Kutta method of order four on exp(−L t) u (Lawson's method), E = exp(L h/2):

    U_1 = u                 U_3 = E u + h/2 N_2
    U_2 = E (u + h/2 N_1)   U_4 = E² u + h E N_3
    u⁺  = E² u + h/6 (E² N_1 + 2 E (N_2 + N_3) + N_4),      N_i = N(U_i).

Fields that are given (`driving`) are no part of the state: their jets enter N at the time of each
stage, and what is linear in them is a term of N too. Terms that differ in their functions of the
coordinates alone are one: Σ_k θ_k B_k(x, t) is made first, and multiplied with the jets once.

Sources: Lawson, SIAM J. Numer. Anal. 4 (1967) 372-380; Orszag, J. Atmos. Sci. 28 (1971) 1074 (two
thirds of the waves).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import sympy
import torch
from torch import Tensor

from pdenet.library.product import ONE, Product, values_of
from pdenet.library.terms import Library
from pdenet.likelihood.states.clock import Clock
from pdenet.likelihood.states.driving import Driving, Moment
from pdenet.likelihood.states.latent import Latent, Pull
from pdenet.pde.jet import Jet
from pdenet.schemes.exponential import Exponential
from pdenet.spectral.waves import Waves

__all__ = ["Dynamics", "Stage"]

Parts = dict[Product, list[tuple[int, sympy.Expr]]]
"""Products without functions of the coordinates: the terms that hold them, each with its own."""

MODERATE = 1e-15
"""Least size of numbers whose products single precision holds."""


@dataclass(frozen=True, eq=False)
class Dynamics:
    """u_t = Σ_j θ_j B_j m_j, advanced from frame to frame.

    library: with its functions of the coordinates on the grid of the states. dt: between frames.
    substeps: steps of the method from one frame to the next; each: those of every trajectory, of
    which `substeps` is the largest, where they differ. kept: bytes that the stages of a rollout may
    take while its derivative is needed. dealiased: whether the shortest third of the waves is left
    out of products. What products of two have beyond the grid then falls on waves that act on
    nothing: where nothing damps waves, as in Korteweg and de Vries' equation, aliases grow
    otherwise, whatever the steps. Only for grids finer than the data's, which have waves to spare.
    driving: the given fields of every trajectory, on the same grid, where there are any.
    clock: when each begins, for functions of time.
    """

    library: Library
    waves: Waves
    dt: float
    substeps: int = 1
    each: tuple[int, ...] = ()
    kept: int = 2**27
    dealiased: bool = False
    driving: Driving | None = None
    latent: Latent | None = None
    pull: Pull | None = None
    clock: Clock | None = None

    def part(self, rows: slice) -> Dynamics:
        """Of some trajectories, with as many steps as they need."""
        part = self.in_steps(self.each[rows]) if self.each else self
        driving, clock = self.driving and self.driving.part(rows), self.clock
        return replace(part, driving=driving, clock=clock and clock.part(rows))

    def twice(self) -> Dynamics:
        """Of all trajectories and then all again."""
        both = self.in_steps(2 * self.each) if self.each else self
        driving, clock = self.driving and self.driving.twice(), self.clock
        return replace(both, driving=driving, clock=clock and clock.twice())

    def of(self, library: Library) -> Dynamics:
        """The same with other terms, whose functions of the coordinates may be of another grid."""
        if self.clock is not None:
            library = replace(library, bases={}).at(self.clock.coordinates)
        return replace(self, library=library)

    def in_steps(self, each: tuple[int, ...]) -> Dynamics:
        """The same with so many steps for every trajectory."""
        return replace(self, substeps=max(each), each=each)

    def in_smaller_steps(self, times: int) -> Dynamics:
        """The same with so many times the steps."""
        return self.in_steps(tuple(times * steps for steps in self.each))

    @property
    def single(self) -> Dynamics:
        """The same in single precision."""
        waves = Waves(self.waves.grid, self.waves.like.float())
        bases = {basis: values.float() for basis, values in self.library.bases.items()}
        driving = None if self.driving is None else self.driving.to(torch.complex64)
        latent = None if self.latent is None else self.latent.to(waves)
        pull = None if self.pull is None else self.pull.to(waves.like)
        library = self.library.with_bases(bases)
        clock = self.clock and self.clock.to(waves.like)
        found = replace(self, waves=waves, library=library, driving=driving, clock=clock)
        return replace(found, latent=latent, pull=pull)

    def begun(self, at: Tensor) -> tuple[Dynamics, Tensor]:
        """The same with what unknowns (.., field, *waves) draw fields towards, and the states."""
        if self.latent is None:
            return self, at
        start, pull = self.latent.pull(at)
        return replace(self, pull=pull), start

    @property
    def complex(self) -> torch.dtype:
        """Of the states."""
        return self.waves.complex

    @cached_property
    def own_jets(self) -> tuple[Jet, ...]:
        """The derivatives of the state that occur in N, or where there are none the first field."""
        nonlinear = self.library.only([jet is None for jet in self.linear_jets])
        found = tuple(jet for jet in nonlinear.jets if jet.field in self.library.fields)
        plain = tuple(Jet(name, (0,) * self.library.ndim) for name in self.library.fields)
        if self.latent is not None:
            return found + tuple(jet for jet in plain if jet not in found)
        return found or plain[:1]

    @cached_property
    def plain(self) -> list[int]:
        """The places of the fields themselves among the jets."""
        jets = self.own_jets
        return [jets.index(Jet(f, (0,) * self.library.ndim)) for f in self.library.fields]

    @cached_property
    def given_jets(self) -> tuple[Jet, ...]:
        """The derivatives of given fields that occur."""
        return tuple(jet for jet in self.library.jets if jet.field in self.library.given)

    @property
    def jets(self) -> tuple[Jet, ...]:
        """All of them, those of the state first."""
        return self.own_jets + self.given_jets

    def at(self, coefficients: Tensor) -> tuple[Dynamics, tuple[float, ...]]:
        """The same without the terms whose coefficient is zero, and the coefficients of the
        others."""
        values = coefficients.tolist()
        kept = [value != 0 for value in values]
        rest = self if all(kept) else replace(self, library=self.library.only(kept))
        return rest, tuple(value for value in values if value != 0)

    @cached_property
    def owners(self) -> Tensor:
        """For each jet of the state the place of its field."""
        places = [self.library.fields.index(jet.field) for jet in self.own_jets]
        return torch.tensor(places, device=self.waves.like.device, dtype=torch.long)

    @cached_property
    def symbols(self) -> Tensor:
        """For each jet of the state its symbol, (jet, *waves)."""
        symbols = torch.stack([self.waves.symbol(jet.index) for jet in self.own_jets])
        return symbols * self.waves.longer if self.dealiased else symbols

    @cached_property
    def conjugate(self) -> Tensor:
        """Of the symbols, written out: products with a view of it are slow."""
        return self.symbols.conj_physical()

    @cached_property
    def equation(self) -> tuple[int, ...]:
        """For each term the place of the field whose equation it stands in."""
        return tuple(self.library.fields.index(term.field) for term in self.library.terms)

    @cached_property
    def linear_jets(self) -> tuple[Jet | None, ...]:
        """For each term of L the jet that it is, None for those of N."""
        found = (term.product.linear for term in self.library.terms)
        given = self.library.given
        return tuple(None if jet is None or jet.field in given else jet for jet in found)

    @cached_property
    def sources(self) -> tuple[int, ...]:
        """For each term of L the place of the field that it is linear in, −1 for those of N."""
        fields = self.library.fields
        return tuple(-1 if jet is None else fields.index(jet.field) for jet in self.linear_jets)

    @cached_property
    def products(self) -> dict[int, Parts]:
        """equation -> the terms of N."""
        found: dict[int, Parts] = {}
        for j, term in enumerate(self.library.terms):
            if self.linear_jets[j] is None:
                parts = found.setdefault(self.equation[j], {})
                parts.setdefault(term.product.bare, []).append((j, term.product.basis))
        return found

    @cached_property
    def slopes(self) -> dict[tuple[int, int], Parts]:
        """(equation, jet of the state) -> the derivatives of the terms of N along that jet."""
        found: dict[tuple[int, int], Parts] = {}
        for equation, parts in self.products.items():
            for product, terms in parts.items():
                for jet, slope in product.derivatives(self.library.names, self.library.ndim):
                    if jet in self.own_jets:
                        place = (equation, self.own_jets.index(jet))
                        found.setdefault(place, {}).setdefault(slope, []).extend(terms)
        return found

    @cached_property
    def rates(self) -> dict[int, Tensor]:
        """The symbol of each term of L, (*waves), always of double precision: over many steps the
        phases of waves are large numbers."""
        waves = Waves(self.waves.grid, self.waves.like.double())
        return {
            j: waves.symbol(jet.index) for j, jet in enumerate(self.linear_jets) if jet is not None
        }

    def linear(self, coefficients: Sequence[float] | Tensor) -> Tensor:
        """The symbol of L, (equation, field, *waves)."""
        fields = len(self.library.fields)
        shape = (fields, fields, *self.waves.shape)
        total = torch.zeros(shape, dtype=torch.complex128, device=self.symbols.device)
        for j, rate in self.rates.items():
            total[self.equation[j], self.sources[j]] += coefficients[j] * rate
        return total

    def own(self, coefficients: Sequence[float] | Tensor) -> Tensor:
        """The diagonal of L, (field, *waves)."""
        return self.linear(coefficients).diagonal().movedim(-1, 0)

    def values(self, modes: Tensor) -> Tensor:
        """The jets of states (.., field, *waves) at every point, (.., jet, *space)."""
        chosen = modes.index_select(modes.dim() - self.waves.grid.ndim - 1, self.owners)
        return self.waves.points(chosen * self.symbols)

    def all_values(self, modes: Tensor, moment: Moment) -> Tensor:
        """The same of states (trajectory, field, *waves), and then those of given fields."""
        own = self.values(modes)
        if self.driving is None or not self.given_jets:
            return own
        places = [self.library.given.index(jet.field) for jet in self.given_jets]
        chosen = self.driving.at(moment)[:, places] * self._given_symbols
        return torch.cat([own, self.waves.points(chosen)], 1)

    @cached_property
    def _given_symbols(self) -> Tensor:
        return torch.stack([self.waves.symbol(jet.index) for jet in self.given_jets])

    def bases(self, moment: Moment) -> Mapping[sympy.Expr, Tensor]:
        """The functions of the coordinates at a time."""
        in_time = self._in_time
        if not in_time or self.clock is None:
            return self.library.bases
        return {**self.library.bases, **self.clock.bases(in_time, moment)}

    @cached_property
    def _in_time(self) -> tuple[sympy.Expr, ...]:
        return self.library.in_time

    def monomials(self, jets: Tensor, moment: Moment) -> Callable[[Product], Tensor]:
        """Products of jets (batch, jet, *space) at every point."""
        return values_of(jets, self.jets, self.bases(moment))

    def _sums(
        self, jets: Tensor, moment: Moment, coefficients: Sequence[float]
    ) -> Callable[[Parts], Tensor]:
        """Sums of products with their coefficients, at every point."""
        bases = self.bases(moment)
        value_of = values_of(jets, self.jets, bases)

        def total(parts: Parts) -> Tensor:
            found: Tensor | None = None
            for product, terms in parts.items():
                factor: float | Tensor = 0.0
                for j, basis in terms:
                    factor = factor + coefficients[j] * (1.0 if basis == ONE else bases[basis])
                value = factor * value_of(product)
                found = value if found is None else found + value
            assert found is not None
            return found

        return total

    def is_moderate(self, states: Tensor) -> bool:
        """Whether single precision has room around the sizes of all jets and terms."""
        states = self.begun(states)[1]
        jets = self.all_values(states, (0, 0.0))
        value_of = self.monomials(jets, (0, 0.0))
        terms = zip(self.library.terms, self.linear_jets, strict=True)
        sizes = [value_of(term.product).abs().amax() for term, jet in terms if jet is None]
        sizes += [jet.abs().amax() for jet in (*jets.unbind(1), self.waves.points(states))]
        found = torch.stack(sizes)
        return bool(((found == 0) | ((found > MODERATE) & (found < 1 / MODERATE))).all())

    def nonlinear(self, jets: Tensor, moment: Moment, coefficients: Sequence[float]) -> Tensor:
        """N at every point, (batch, field, *space)."""
        total = self._sums(jets, moment, coefficients)
        change = jets.new_zeros((jets.shape[0], len(self.library.fields), *jets.shape[2:]))
        for equation, parts in self.products.items():
            change[:, equation] = total(parts)
        return change

    def rollout(self, start: Tensor, coefficients: Tensor, frames: int) -> Tensor:
        """Frames (batch, frame, field, *waves) from states (batch, field, *waves). Where nothing
        finite is left, which is looked at after 1, 2, 4, 8, .. frames, the rest is as it is then.
        """
        dynamics, values = self.at(coefficients)
        dynamics, start = dynamics.begun(start)
        found, done = [start[:, None]], 1
        while done < frames:
            count = min(done, frames - done)
            last = found[-1][:, -1]
            after = dynamics.run(
                last, values, count + 1, lambda modes, jets, moment: None, first=done - 1
            )[:, 1:]
            done += count
            lost = not bool(after[:, -1].isfinite().any())
            shape = (-1, count + frames - done, *start[0].shape)
            found.append(after[:, -1:].expand(shape) if lost else after)
            done = frames if lost else done
        return torch.cat(found, 1)

    def stage(
        self, modes: Tensor, jets: Tensor, moment: Moment, coefficients: Sequence[float]
    ) -> Stage:
        """What the derivative of N needs at a state."""
        return Stage(modes, jets, moment, self.slopes_at(jets, moment, coefficients))

    def exponential(self, coefficients: Sequence[float]) -> Exponential:
        """exp(L h/2)."""
        found = Exponential.of(self.linear(coefficients), self.dt / self.substeps / 2)
        return replace(found, matrix=found.matrix.to(self.complex))

    def run(
        self,
        start: Tensor,
        coefficients: Sequence[float],
        frames: int,
        see: Callable[[Tensor, Tensor, Moment], None],
        first: int = 0,
    ) -> Tensor:
        """The same with all terms; see: called with state, jets and time of every evaluation of N.
        first: the frame that it starts from."""
        h, half = self.dt / self.substeps, self.exponential(coefficients)

        def rate(modes: Tensor, frame: int, step: float) -> Tensor:
            moment = (frame, step / self.substeps)
            jets = self.all_values(modes, moment)
            see(modes, jets, moment)
            change = self.nonlinear(jets, moment, coefficients)
            if self.pull is not None:
                change += self.pull.towards(*moment) - self.pull.rate * jets[:, self.plain]
            return self.waves.modes(change)

        u, found = start, [start]
        for n in range(first, first + frames - 1):
            for s in range(self.substeps):
                a = rate(u, n, s)
                b = rate(half(u + h / 2 * a), n, s + 0.5)
                u_half = half(u)
                c = rate(u_half + h / 2 * b, n, s + 0.5)
                u = half(u_half)
                d = rate(u + h * half(c), n, s + 1)
                u = u + h / 6 * (half(half(a) + 2 * (b + c)) + d)
            found.append(u)
        return torch.stack(found, 1)

    def slopes_at(
        self, jets: Tensor, moment: Moment, coefficients: Sequence[float]
    ) -> list[tuple[int, int, Tensor]]:
        """(equation, jet, ∂N/∂jet at every point (batch, 1, *space)), zeros left out."""
        total = self._sums(jets, moment, coefficients)
        found = [(e, jet, total(parts)[:, None]) for (e, jet), parts in self.slopes.items()]
        if self.latent is not None:
            found += [(f, jet, -self.latent.rate[None, None]) for f, jet in enumerate(self.plain)]
        return found


@dataclass(frozen=True, eq=False)
class Stage:
    """One evaluation of N: the state (batch, field, *waves), its jets, when, and its slopes."""

    modes: Tensor
    jets: Tensor
    moment: Moment
    slopes: list[tuple[int, int, Tensor]]
