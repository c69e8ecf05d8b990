"""What the terms of an equation weigh in the data, and what a network says of them itself."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from pdenet.boundary import Periodic
from pdenet.errors import EquationError
from pdenet.evaluation.forecast import load_network
from pdenet.nn import FilterBank
from pdenet.pde import PDE
from pdenet.pde.compile import compile_rhs
from pdenet.pde.expression import Monomial
from pdenet.pde.jet import Jet
from pdenet.pde.monomial import jet_powers
from pdenet.readout import expansion
from pdenet.results import DiscoveredEquation
from pdenet.storage import Data
from pdenet.training.run import read_run

__all__ = ["Weight", "dropped_weights", "kept_weights", "network_coefficients", "with_shares"]

logger = logging.getLogger(__name__)

TRAJECTORIES, FRAMES = 4, 8
"""Trajectories and frames over which the size of a term is measured: a sample is enough."""

LONGEST_FILTER = 13
"""As the filters of the read-out: long, and of the highest order."""


@dataclass(frozen=True)
class Weight:
    """A term and its coefficient in one repeat. share: of u_t, where it was measured."""

    field: str
    monomial: Monomial
    value: float
    share: float | None = None


def kept_weights(found: PDE) -> tuple[Weight, ...]:
    """The terms of an equation; one whose coefficient varies in space is split into products."""
    return tuple(
        Weight(name, monomial * basis, value)
        for name, expansion in found.expansions().items()
        for monomial, bases in expansion.items()
        for basis, value in bases.items()
    )


def dropped_weights(found: DiscoveredEquation) -> tuple[Weight, ...]:
    """The terms that left a read-out, with the coefficients that they had when they left.

    A term that its record does not name so that it can be read is left out, with a warning.
    """
    weights: dict[tuple[str, str], tuple[Weight, ...]] = {}
    fields = found.pde.fields
    for event in found.dropped:
        if not event.coefficient or not math.isfinite(event.coefficient):
            continue
        term = f"{event.coefficient!r}*({event.monomial_text})"
        lines = [f"{name}_t = {term if name == event.field else 0}" for name in fields]
        try:
            pde = PDE(*lines, coordinates=found.pde.coordinates)
        except EquationError as error:
            logger.warning("a dropped term is left out: %s", error)
            continue
        weights[event.field, event.monomial_text] = kept_weights(pde)
    return tuple(weight for some in weights.values() for weight in some)


def with_shares(weights: Sequence[Weight], data: Data) -> tuple[Weight, ...]:
    """The same with their shares of u_t, |c| rms(m) / rms(u_t), over a sample of the data.

    Derivatives are taken with classical differences of the highest order; near walls, where these
    do not reach, nothing is measured.
    """
    grid, fields = data.problem.grid, data.fields
    rows = data.split["train"]
    states = torch.from_numpy(
        data.read(trajectories=rows[:: max(1, len(rows) // TRAJECTORIES)], dtype="float64")
    )
    change = (states[:, 1:] - states[:, :-1]).square().transpose(1, 2).flatten(2).mean((0, 2))
    rate = dict(zip(fields, (change.sqrt() / data.dt).tolist(), strict=True))
    terms = {weight.monomial for weight in weights}
    jets = _sum_of(terms, data).jets or (Jet(fields[0], (0,) * grid.ndim),)
    shortest = min(grid.shape)
    size = min(LONGEST_FILTER, shortest - 1 + shortest % 2)
    bank = FilterBank(jets, fields, grid.spacing, size=size, constraint="frozen")
    states = states[:, :: max(1, data.frames // FRAMES)].flatten(0, 1)
    inside = [
        slice(None) if isinstance(pair[0], Periodic) else slice(size // 2, n - size // 2)
        for pair, n in zip(data.problem.boundaries, grid.shape, strict=True)
    ]
    mesh = [torch.from_numpy(axis)[tuple(inside)] for axis in grid.mesh()]
    with torch.no_grad():
        values = bank(states)[tuple([slice(None), slice(None), *inside])]
    sizes = {}
    for monomial in terms:
        term = compile_rhs(_sum_of([monomial], data), bank.jets, torch, mesh)
        result = term(0.0, values)[:, 0]
        sizes[monomial] = float(result.square().mean().sqrt())
    return tuple(
        Weight(
            weight.field,
            weight.monomial,
            weight.value,
            abs(weight.value) * sizes[weight.monomial] / rate[weight.field]
            if rate[weight.field] > 0
            else None,
        )
        for weight in weights
    )


def _sum_of(terms: Iterable[Monomial], data: Data) -> PDE:
    """u_t = the sum of these terms, for the first field of the data."""
    table: dict[str, dict[Monomial, float]] = {name: {} for name in data.fields}
    table[data.fields[0]] = dict.fromkeys(terms, 1.0)
    return PDE.from_terms(table, data.problem.grid.axes)


def network_coefficients(
    run: Path, data: Data, truth: PDE
) -> dict[str, dict[Monomial, float]] | None:
    """The coefficients of the true terms as they stand in the trained network, before any refit.

    {field: {monomial: coefficient}}; a term that the network cannot hold is left out. None for a
    network that is no polynomial: one with maps, a source or functions.
    Raises CheckpointError where the run holds no network for these data.
    """
    network = read_run(run).config.network
    if network.coefficients is not None or network.source is not None or network.functions:
        return None
    found = expansion(load_network(run, data))
    places = {tuple(powers): term for term, powers in enumerate(found.powers.tolist())}
    variables = {jet: k for k, jet in enumerate(found.jets)}
    table: dict[str, dict[Monomial, float]] = {}
    for f, name in enumerate(found.fields):
        table[name] = {}
        for monomial in truth.numeric_terms()[name]:
            powers = [0] * len(variables)
            for jet, power in jet_powers(monomial, truth.fields, truth.ndim) or ():
                if jet in variables:
                    powers[variables[jet]] = power
            term = places.get(tuple(powers))
            if term is not None and (any(powers) or monomial == 1):
                table[name][monomial] = float(found.coefficients[f, term])
    return table
