"""Given fields freed of noise and gaps: what acts on the others, and how well it is known.

Their noise is not the rollouts' to explain. It is filtered before, by the spectrum that the data
show in space and in time (Wiener): waves c_mk of the shape m in time, with P the mean of |c_mk|²/N
over a shell of |k| and the shapes next to m, or over the shell alone if that is less,

    ĉ = g c,      g = max(0, 1 − (1 + e) σ²/P),      e = (2 / number of squares in P)^(1/2).

The shapes in time are the eigenvectors of the squared second difference, what smoothing splines are
made of: constant, linear, then ever more waves, without a jump at the ends. With gaps ĉ is the
solution of what the same says of the values that are there,

    (M + (1 − g)/g) ĉ = M y,      M: 1 where there is a value, 0 elsewhere.

The spectrum behind a gap is what was filled in, at first a line from frame to frame: σ is taken to
be larger at first, and smaller each time.

ĉ is the mean of what the field may be, so that the error that is left is independent of it: unlike
noise it does not pull coefficients towards zero (Berkson). It moves them at random, and draws of
it show how much (`uncertainty`): with white noise ε, η of variance σ²

    δ = g^(1/2) x,      (g^(1/2) M g^(1/2) + 1 − g) x = g^(1/2) M ε + (1 − g)^(1/2) η.

Sources: Wiener, Extrapolation, Interpolation, and Smoothing of Stationary Time Series (1949);
Demmler, Reinsch, Numer. Math. 24 (1975) 375-382 (shapes); Berkson, J. Am. Stat. Assoc. 45 (1950)
164-180 (errors of controlled variables).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from pdenet.likelihood.states.driving import Driving, pieces_of
from pdenet.noise.filling import filled
from pdenet.noise.observations import Observations
from pdenet.noise.spectrum import Shells
from pdenet.optimise.krylov import conjugate_gradients
from pdenet.spectral.waves import Waves

__all__ = ["Given", "combined", "powers", "shapes_of"]

BRIDGED, FINER = 0.1, 10.0
"""Noise beside the size of a field with which gaps are filled first, and by how much smaller it is
each time, down to that of the data."""

RESOLVED = 1e-6
"""Least noise beside the size of a field with gaps: no better is it known between them."""

ITERATIONS, ACCURACY = 200, 1e-8
"""Conjugate gradients that fill gaps, at most, and the relative residual at which they end."""

LONGEST = 512
"""Frames that are filtered together, at most: shapes of more take long to find."""


@dataclass(frozen=True, eq=False)
class Given:
    """Given fields as far as the data show them.

    names: of the fields. frames: their waves at the frames, (trajectory, frame, field, *waves).
    gain: g, (trajectory, shape in time, field, *waves). sigma: their noise, (trajectory, field).
    seen: M, of the shape of the data; None where nothing is missing.
    """

    names: tuple[str, ...]
    waves: Waves
    frames: Tensor
    gain: Tensor
    sigma: Tensor
    seen: Tensor | None = None

    @classmethod
    def of(cls, names: tuple[str, ...], seen: Observations, waves: Waves) -> Given:
        """Of what was measured of them."""
        parts = [
            _filtered(Observations(seen.values[:, rows], seen.seen[:, rows], seen.sigma), waves)
            for rows in _stretches(seen.values.shape[1])
        ]
        frames, gain = (torch.cat(each, 1) for each in zip(*parts, strict=True))
        whole = bool((seen.seen > 0).all())
        return cls(names, waves, frames, gain, seen.sigma, None if whole else seen.seen)

    @cached_property
    def driving(self) -> Driving:
        """The fields at any time."""
        return Driving(pieces_of(self.frames))

    @property
    def error(self) -> Tensor:
        """The standard deviation of what is unknown of them, (trajectory, field)."""
        share = (self.gain * self.waves.weight).flatten(3).sum(3).mean(1)
        return self.sigma * share.sqrt()

    def drawn(self, generator: torch.Generator) -> Driving:
        """The fields with one draw of their errors."""
        return Driving(pieces_of(self.frames + self.draw(generator)))

    def draw(self, generator: torch.Generator) -> Tensor:
        """One draw of the errors at the frames, (trajectory, frame, field, *waves)."""
        shape = (2, *self.frames.shape[:3], *self.waves.grid.shape)
        white = torch.randn(shape, generator=generator, dtype=torch.float64).to(self.sigma.device)
        scale = self.sigma.reshape([self.sigma.shape[0], 1, -1] + [1] * self.waves.grid.ndim)
        parts = []
        for rows in _stretches(shape[2]):
            noise, wave = white[0][:, rows], self.waves.modes(white[1][:, rows])
            mask = torch.ones_like(noise) if self.seen is None else self.seen[:, rows]
            problem = _Problem(
                self.waves, shapes_of(wave.shape[1]).to(wave), self.gain[:, rows], mask
            )
            parts.append(scale * problem.solved(noise, wave))
        return torch.cat(parts, 1)


def _stretches(frames: int) -> list[slice]:
    """Runs of frames of about the same length, none longer than `LONGEST`."""
    count = -(-frames // LONGEST)
    ends = [frames * k // count for k in range(count + 1)]
    return [slice(a, b) for a, b in pairwise(ends)]


def shapes_of(frames: int) -> Tensor:
    """The shapes in time, (frame, shape), from the smoothest on."""
    second = torch.zeros(max(0, frames - 2), frames, dtype=torch.float64)
    for row in range(len(second)):
        second[row, row : row + 3] = torch.tensor([1.0, -2.0, 1.0], dtype=torch.float64)
    vectors: Tensor = torch.linalg.eigh(second.T @ second).eigenvectors
    level = torch.ones(frames, dtype=torch.float64)
    line = torch.arange(frames, dtype=torch.float64) - (frames - 1) / 2
    for place, shape in enumerate([level, line][: min(2, frames)]):
        vectors[:, place] = shape / shape.norm()
    return vectors


def combined(matrix: Tensor, modes: Tensor) -> Tensor:
    """A matrix times (trajectory, column, field, *waves)."""
    found: Tensor = torch.einsum("ij,nj...->ni...", matrix, modes)
    return found


def _filtered(seen: Observations, waves: Waves) -> tuple[Tensor, Tensor]:
    """ĉ at the frames, and g."""
    shells = Shells(waves)
    complete = filled(seen, waves, shells).values
    shapes = shapes_of(complete.shape[1]).to(waves.modes(complete[:1]))
    if bool((seen.seen > 0).all()):
        modes = combined(shapes.T, waves.modes(complete))
        gain = _gain(modes, seen.sigma, shells)
        return combined(shapes, gain * modes), gain
    size = complete.movedim(2, 1).flatten(2).std(2)
    level, least = BRIDGED * size, seen.sigma.maximum(RESOLVED * size)
    while True:
        level = level.maximum(least)
        gain = _gain(combined(shapes.T, waves.modes(complete)), level, shells)
        frames = _Problem(waves, shapes, gain, seen.seen).solved(seen.values)
        if bool((level <= least).all()):
            return frames, gain
        complete = torch.where(seen.seen > 0, seen.values, waves.points(frames))
        level = level / FINER


def powers(modes: Tensor, shells: Shells) -> tuple[Tensor, Tensor]:
    """The mean of |c|²/N over each shell, and over the shapes next to each as well, (trajectory,
    shape, field, shell)."""
    power = shells.mean(modes.abs().square() / shells.waves.grid.size)
    near = torch.nn.functional.avg_pool1d(
        power.movedim(1, -1).flatten(0, -2), 3, 1, 1, count_include_pad=False
    )
    return power, near.unflatten(0, (power.shape[0], *power.shape[2:])).movedim(-1, 1)


def _gain(modes: Tensor, sigma: Tensor, shells: Shells) -> Tensor:
    """g of every wave (trajectory, shape, field, *waves). The mean of a field is kept."""
    power, near = powers(modes, shells)
    count = shells.waves_in().clamp_min(1)
    floor = sigma[:, None, :, None].square()
    gains = [
        1 - (1 + (2 / number).sqrt()) * floor / mean.clamp_min(1e-300)
        for mean, number in ((power, count), (near, 3 * count))
    ]
    gain = torch.minimum(*gains).clamp(0, 1)
    gain[:, 0, :, 0] = 1.0
    return shells.spread(gain)


@dataclass(frozen=True, eq=False)
class _Problem:
    """(g^(1/2) M g^(1/2) + 1 − g) x = b, and g^(1/2) x as frames.

    shapes: in time, (frame, shape). gain: g, (trajectory, shape, field, *waves). seen: M.
    """

    waves: Waves
    shapes: Tensor
    gain: Tensor
    seen: Tensor

    def solved(self, values: Tensor, wave: Tensor | None = None) -> Tensor:
        """Frames (trajectory, frame, field, *waves) for b = g^(1/2) M y + (1 − g)^(1/2) η.

        values: y, as the data. wave: η, of the shape of g; 0 where there is none.
        """
        right = self._seen(values)
        if wave is not None:
            right = right + (1 - self.gain).sqrt() * wave
        right = right.flatten(1, 2)[:, None]
        found, _ = conjugate_gradients(
            self._apply,
            right,
            torch.zeros_like(right),
            lambda x: x,
            self.waves.gram,
            ITERATIONS,
            ACCURACY**2 * self.waves.inner(right, right),
        )
        return self._frames(found)

    def _frames(self, x: Tensor) -> Tensor:
        modes = self.gain.sqrt() * x[:, 0].unflatten(1, self.gain.shape[1:3])
        return combined(self.shapes, modes)

    def _seen(self, values: Tensor) -> Tensor:
        modes = self.waves.modes(values * self.seen)
        return self.gain.sqrt() * combined(self.shapes.T, modes)

    def _apply(self, x: Tensor) -> Tensor:
        there = self._seen(self.waves.points(self._frames(x))).flatten(1, 2)[:, None]
        return there + (1 - self.gain).flatten(1, 2)[:, None] * x
