"""How high the derivatives of a network are: as high as the training data ask for.

Before training the equation is regressed in weak form on some of the training trajectories, with
derivatives up to order 2, 3, 4 and so on, and the lowest order stays that no higher one betters by
far (`pdenet.likelihood.selection.regression`, which a refinement goes by as well). `max_order` only
limits it. Filters grow with the order, so that they are as accurate and have as much to learn as
those of order 2.

Where no regression can say, the order is 2: between walls, which have one condition at each end, as
equations of second order need, and where coefficients or sources may have any shape, which no
library of products holds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from pdenet.boundary import endpoints
from pdenet.events import OrderChosen
from pdenet.likelihood.check import FEWEST
from pdenet.likelihood.config import RefineConfig
from pdenet.likelihood.fit.setup import Setup
from pdenet.likelihood.selection.regression import (
    EXPLAINED,
    MOST,
    MOST_PRODUCTS,
    Ranked,
    low_products,
    rank_terms,
)
from pdenet.problem import Problem
from pdenet.threads import threads_for
from pdenet.training.config import MAX_SIZE, NetworkConfig, TrainingConfig
from pdenet.types import Trajectory

__all__ = ["choose_order", "settled_as", "with_order"]

USUAL = 2
"""Order where the data do not say, and the least that is used where they do."""

TRAJECTORIES, VALUES, FRAMES = 4, 2**16, 12
"""What the order is chosen on: so many trajectories, and of each the frames that hold so many
values together, or so many frames where that is more; seconds at most."""

FALL = 10.0
"""By how much a higher order must lower the squared residual over its variance where it does not
explain the data. Where a grid does not resolve fronts (Burgers on 32 and 64 points) nothing
explains them and any higher order leaves a half to a quarter; orders that were in the equation left
less than a tenth, or explained the data."""

RESOLVED = 2e-3
"""Noise that is reckoned with in any case, as a share of a field's standard deviation: sums over
frames are no integrals, and their errors look like derivatives of higher order. Without noise and
with 0 or 3e-4 here u_xxx was taken for order 5 (`tests/training/test_order.py`); with 1e-3 and 3e-3
all orders from 2 to 6 were right."""


def with_order(config: TrainingConfig, order: int) -> TrainingConfig:
    """The configuration of a network whose derivatives go up to this order; one that says its order
    already stays."""
    network = config.network
    if network.order is not None:
        return config
    size = max(network.filter_size, min(_size(network, order), MAX_SIZE))
    network = network.model_copy(update={"order": order, "filter_size": size})
    return config.model_copy(update={"network": network})


def settled_as(run: TrainingConfig, asked: TrainingConfig) -> TrainingConfig:
    """What was asked for, with the order that the data of a run with these settings said, and with
    its budget, which may change when it goes on."""
    order = run.network.order
    asked = asked if order is None else with_order(asked, order)
    return asked.model_copy(update={"budget": run.budget})


def choose_order(
    train: Trajectory, problem: Problem, dt: float, config: TrainingConfig
) -> OrderChosen:
    """The order that training trajectories (n, frames, field, *space) ask for, and why."""
    network, limit = config.network, config.network.max_order
    silence = _silence(problem, network)
    if silence:
        return _chosen(min(USUAL, limit), silence, config)
    limit = max(
        [min(USUAL, limit)]
        + [n for n in range(1, limit + 1) if _size(network, n) <= min(problem.grid.shape)]
    )
    if limit <= USUAL:
        return _chosen(limit, "no higher one is allowed, or fits the grid", config)
    with threads_for(train[0, 0].numel(), train.device):
        order = _by_regression(train, problem, dt, limit)
    why = "no higher order explains the training data better"
    if order > USUAL:
        why = "a lower order does not explain the training data as well"
    return _chosen(order, why, config)


def _by_regression(train: Trajectory, problem: Problem, dt: float, limit: int) -> int:
    """The lowest order that no higher one up to the limit betters by far."""
    data = train[:TRAJECTORIES].detach().cpu().double()
    setup = Setup.of(data, replace(problem, pde=None), dt, RefineConfig())
    setup = setup.some(TRAJECTORIES, VALUES, FRAMES)
    least = RESOLVED * setup.data.movedim(2, 1).flatten(2).std(2)
    setup = replace(setup, sigma=setup.sigma.maximum(least))
    usual = rank_terms(setup.seen, setup.waves, dt, USUAL, problem.fields)
    found, highest, left = USUAL, USUAL, max(usual.excess)
    while highest < limit and not left < EXPLAINED:
        highest = min(limit, highest + 2)  # more orders take longer, and few data need them
        ranked = rank_terms(setup.seen, setup.waves, dt, highest, problem.fields)
        if ranked.order <= found or not _is_better(ranked, usual):
            break
        found, left = ranked.order, max(ranked.excess)
    return found


def _is_better(high: Ranked, usual: Ranked) -> bool:
    """Whether an equation of higher order is one: it explains the data, or leaves a tenth, and is
    shorter than those which stand for what is no product of derivatives."""
    fall = max(a / max(b, 1e-300) for a, b in zip(usual.excess, high.excess, strict=True))
    chosen = zip(high.library.terms, high.starts[0].tolist(), strict=True)
    length = Counter(term.field for term, value in chosen if value)
    short = max(length.values(), default=0) < MOST
    return short and (max(high.excess) < EXPLAINED or fall > FALL)


def _chosen(order: int, why: str, config: TrainingConfig) -> OrderChosen:
    return OrderChosen(order, with_order(config, order).network.filter_size, why)


def _size(network: NetworkConfig, order: int) -> int:
    """Points of filters that are as accurate at this order as those of the configuration at 2."""
    return network.filter_size + 2 * max(0, (order - 1) // 2)


def _silence(problem: Problem, network: NetworkConfig) -> str:
    """Why data do not say how high derivatives are; "" where they do."""
    if any(endpoints(problem.boundaries)):
        return "between walls with one condition at each end no equation has a higher order"
    if network.coefficients is not None or network.source is not None:
        return "with coefficients or sources of any shape the data do not tell (network.order does)"
    if min(problem.grid.shape) < FEWEST:
        return "the grid is too coarse to tell"
    if len(low_products(problem.fields, problem.grid.ndim, USUAL)) > MOST_PRODUCTS:
        return "so many fields have too many products to tell"
    return ""
