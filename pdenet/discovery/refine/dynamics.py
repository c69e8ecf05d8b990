"""The rollout of an equation on a periodic grid.

With the state held as waves, u_t = L u + N(u): L the linear terms, a matrix of fields for each wave
(diagonal where no field is in the equation of another) and advanced exactly, N all others, by the
classical Runge–Kutta method of order four on exp(−L t) u (Lawson's method), E = exp(L h/2):

    U_1 = u                 U_3 = E u + h/2 N_2
    U_2 = E (u + h/2 N_1)   U_4 = E² u + h E N_3
    u⁺  = E² u + h/6 (E² N_1 + 2 E (N_2 + N_3) + N_4),      N_i = N(U_i).

Fields that are given (`driving`) are no part of the state: their jets enter N at the time of each
stage, and what is linear in them is a term of N too.

Sources: Lawson, SIAM J. Numer. Anal. 4 (1967) 372-380; Orszag, J. Atmos. Sci. 28 (1971) 1074 (two
thirds of the waves).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from pdenet.discovery.product import Product, values_of
from pdenet.discovery.refine.driving import Driving, Moment
from pdenet.discovery.refine.exponential import Exponential
from pdenet.discovery.refine.latent import Latent, Pull
from pdenet.discovery.refine.waves import Waves
from pdenet.discovery.terms import Library
from pdenet.pde.jet import Jet

__all__ = ["Dynamics", "Stage", "closer"]

STABLE, ROTATING = 2.5, 1.0
"""h times the largest speed of change at which a step is taken: the method is stable up to 2.8.
Where waves turn fast (dispersion) the stages of a step see them at any phase, which leaves about
1.2: the equation of Korteweg and de Vries on 512 points blows up at 2.3 and not at 1.15."""

SAMPLES = 16
"""Frames of given fields from which the number of steps is found, at most."""

MOST_TIMES = 8
"""Steps for one at once, at most: as far as the fourth power can be trusted."""

MODERATE = 1e-15
"""Least size of numbers whose products single precision holds."""


def closer(ratio: float) -> int:
    """How many steps for one bring an error that is so many times what is allowed below that: it
    goes with the fourth power of their size."""
    return 1 << math.ceil(max(1.0, math.log2(min(ratio, MOST_TIMES**4)) / 4))


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

    def part(self, rows: slice) -> Dynamics:
        """Of some trajectories, with as many steps as they need."""
        part = self.in_steps(self.each[rows]) if self.each else self
        return part if self.driving is None else replace(part, driving=self.driving.part(rows))

    def twice(self) -> Dynamics:
        """Of all trajectories and then all again."""
        both = self.in_steps(2 * self.each) if self.each else self
        return both if self.driving is None else replace(both, driving=self.driving.twice())

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
        return replace(
            self, waves=waves, library=library, driving=driving, latent=latent, pull=pull
        )

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
    def slopes(self) -> dict[tuple[int, int], list[tuple[int, Product]]]:
        """(equation, jet of the state) -> the terms of N and their derivatives along that jet."""
        found: dict[tuple[int, int], list[tuple[int, Product]]] = {}
        for j, term in enumerate(self.library.terms):
            if self.linear_jets[j] is None:
                for jet, product in term.product.derivatives(self.library.names, self.library.ndim):
                    if jet in self.own_jets:
                        place = (self.equation[j], self.own_jets.index(jet))
                        found.setdefault(place, []).append((j, product))
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

    def monomials(self, jets: Tensor) -> Callable[[Product], Tensor]:
        """Products of jets (batch, jet, *space) at every point."""
        return values_of(jets, self.jets, self.library.bases)

    def is_moderate(self, states: Tensor) -> bool:
        """Whether single precision has room around the sizes of all jets and terms."""
        states = self.begun(states)[1]
        jets = self.all_values(states, (0, 0.0))
        value_of = self.monomials(jets)
        terms = zip(self.library.terms, self.linear_jets, strict=True)
        sizes = [value_of(term.product).abs().amax() for term, jet in terms if jet is None]
        sizes += [jet.abs().amax() for jet in (*jets.unbind(1), self.waves.points(states))]
        found = torch.stack(sizes)
        return bool(((found == 0) | ((found > MODERATE) & (found < 1 / MODERATE))).all())

    def nonlinear(self, jets: Tensor, coefficients: Sequence[float]) -> Tensor:
        """N at every point, (batch, field, *space)."""
        value_of = self.monomials(jets)
        change = jets.new_zeros((jets.shape[0], len(self.library.fields), *jets.shape[2:]))
        for j, term in enumerate(self.library.terms):
            if self.linear_jets[j] is None:
                change[:, self.equation[j]] += coefficients[j] * value_of(term.product)
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
        return Stage(modes, jets, moment, self._slopes_at(jets, coefficients))

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
            change = self.nonlinear(jets, coefficients)
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

    def _slopes_at(
        self, jets: Tensor, coefficients: Sequence[float]
    ) -> list[tuple[int, int, Tensor]]:
        """(equation, jet, ∂N/∂jet at every point (batch, 1, *space)), zeros left out."""
        value_of = self.monomials(jets)
        found = []
        for (equation, jet), parts in self.slopes.items():
            each = [coefficients[j] * value_of(product) for j, product in parts]
            found.append((equation, jet, sum(each[1:], each[0])[:, None]))
        if self.latent is not None:
            found += [(f, jet, -self.latent.rate[None, None]) for f, jet in enumerate(self.plain)]
        return found

    def speeds(self, jets: Tensor, coefficients: Sequence[float]) -> list[float]:
        """A bound of how fast N changes a wave, per time, for each trajectory: the largest
        eigenvalue of the matrix of what each field does to each other one, at most, which does not
        depend on units."""
        largest = self.symbols.abs().flatten(1).amax(1)
        fields = self.library.fields
        total = jets.new_zeros((len(jets), len(fields), len(fields)))
        for equation, jet, slope in self._slopes_at(jets, coefficients):
            source = fields.index(self.own_jets[jet].field)
            total[:, equation, source] += slope.abs().flatten(1).amax(1) * largest[jet]
        finite = total.isfinite().flatten(1).all(1)
        known = torch.where(finite[:, None, None], total, 0.0).cpu()
        found = torch.linalg.eigvals(known).abs().amax(1)
        speeds: list[float] = torch.where(finite.cpu(), found, torch.inf).tolist()
        return speeds

    @property
    def looked_at(self) -> list[int]:
        """Frames at which given fields are looked at for the sake of stability."""
        if self.driving is None:
            return [0]
        count = self.driving.pieces.shape[1]
        return list(range(0, count, -(-count // SAMPLES)))

    def steps_for(self, start: Tensor, coefficients: Tensor, growth: Tensor) -> tuple[int, ...]:
        """How many substeps keep the rollout of each trajectory stable. growth: by how much fields
        grow on the way, (trajectory,)."""
        dynamics, values = self.at(coefficients)
        start = self.begun(start)[1]
        turning = float(dynamics.linear(values).imag.abs().amax()) * self.dt
        found = []
        each = [
            dynamics.speeds(dynamics.all_values(start, (frame, 0.0)), values)
            for frame in dynamics.looked_at
        ]
        for speed, more in zip(map(max, zip(*each, strict=True)), growth.tolist(), strict=True):
            steps = speed * more * self.dt / STABLE
            steps = steps if turning < steps else steps * STABLE / ROTATING
            found.append(max(1, math.ceil(steps)) if math.isfinite(steps) else 1)
        return tuple(found)


@dataclass(frozen=True, eq=False)
class Stage:
    """One evaluation of N: the state (batch, field, *waves), its jets, when, and its slopes."""

    modes: Tensor
    jets: Tensor
    moment: Moment
    slopes: list[tuple[int, int, Tensor]]
