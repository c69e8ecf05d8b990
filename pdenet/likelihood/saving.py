"""A refinement on its way, as named tensors, to go on from.

Whoever wrote them, nothing is taken from them before kinds, shapes and ranges are those of the data
and of the terms (`checked`): a digest says that a file is whole, not who made it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pdenet.errors import CheckpointError
from pdenet.grid import Grid
from pdenet.likelihood.fit.gauss_newton import Estimate
from pdenet.likelihood.fit.setup import HOPELESS, Setup
from pdenet.likelihood.selection.choose import Choice, Judged, Rival
from pdenet.likelihood.selection.relations import Relation
from pdenet.likelihood.states.latent import KNOTS
from pdenet.likelihood.states.model import Model
from pdenet.likelihood.task import Fitted

__all__ = ["Judgement", "Kept", "checked", "restored", "restored_judgement", "to_save"]

FINER, ITERATIONS = 4, 10**6
"""How much finer than `finest` a grid may be and how much smaller than they must be steps of time;
and how many iterations may have been made: more than any refinement comes to."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """The terms that stay, their coefficients among all of the proposal, and why. fitted: the fit
    that they were judged by, where it was not restored. families: relations of which the data
    allow any multiple besides. seen: windows and frames that they were judged by."""

    coefficients: Tensor
    choice: Choice | None
    fitted: Fitted | None = None
    families: tuple[Relation, ...] = ()
    seen: tuple[int, ...] = (0, 0)

    @property
    def kept(self) -> list[int]:
        """The places of the terms that stay."""
        return [k for k, value in enumerate(self.coefficients.tolist()) if value != 0]


def _forget(state: Mapping[str, Tensor]) -> None:
    """Nothing is kept."""


@dataclass(frozen=True)
class Kept:
    """What is kept of a refinement while it goes on. saved: what `save` was given last, to go on
    from there; None to begin. save: called after every iteration of the final fit. path: of the
    file that it is from."""

    saved: Mapping[str, Tensor] | None = None
    save: Callable[[Mapping[str, Tensor]], None] = _forget
    path: str = "the state of the refinement"


def to_save(judgement: Judgement, now: Estimate, window: int, model: Model) -> dict[str, Tensor]:
    """A fit on its way, as tensors. window: frames; model: of the fit."""
    saved = {
        "start": judgement.coefficients,
        "judged_by": torch.tensor(judgement.seen),
        "window": torch.tensor(window),
        "shape": torch.tensor(model.inner.waves.grid.shape),
        "steps": torch.tensor(model.inner.each),
        "outer_shape": torch.tensor(model.outer.waves.grid.shape),
        "outer_steps": torch.tensor(model.outer.each),
        "coefficients": now.coefficients,
        "at": now.states.at,
        "draw": now.states.draw,
        "variance": now.states.variance,
        "solved": now.states.solved,
        "sigma": now.seen.sigma,
        **({} if now.seen.shape is None else {"uneven": now.seen.shape}),
        "iterations": torch.tensor(now.iterations),
        **({} if now.information is None else {"information": now.information}),
        **({} if now.last is None else {"last": torch.stack(now.last)}),
    }
    choice = judgement.choice
    if choice is not None:
        saved["judged"] = torch.tensor(
            [
                [each.term, each.kept, each.coefficient, each.gain, each.needed,
                 math.nan if each.held_out is None else each.held_out]
                for each in choice.judged
            ],
            dtype=torch.float64,
        )  # fmt: skip
        saved["rivals"] = torch.tensor(
            [
                [-1 if r.leaves is None else r.leaves, -1 if r.enters is None else r.enters,
                 r.odds, r.gain]
                for r in choice.rivals
            ],
            dtype=torch.float64,
        ).reshape(-1, 4)  # fmt: skip
    return saved


def checked(kept: Kept, setup: Setup, terms: int) -> Mapping[str, Tensor] | None:
    """What was saved, if it can be of a refinement of these data with so many terms to choose from.

    Raises CheckpointError that names what cannot be.
    """
    saved = kept.saved
    if saved is None:
        return None
    try:
        found = _Saved(saved)
        chosen = found.numbers("start", (terms,))
        own = int(chosen.count_nonzero())
        _check_fit(found, setup, own)
        _check_choice(found, terms)
        if own == 0 or len(saved) != len(found.known):
            odd = sorted(saved.keys() - found.known)
            raise ValueError(f"it holds {odd[0][:40]!r}" if odd else "it holds no term")
    except (ValueError, KeyError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise CheckpointError(
            f"'{kept.path}' is damaged ({reason}): remove it and begin anew"
        ) from None
    return saved


class _Saved:
    """Tensors of which nothing is known; known: the names of those that were looked at. All methods
    raise KeyError for one that is missing and ValueError for one that cannot be."""

    def __init__(self, saved: Mapping[str, Tensor]) -> None:
        self.saved, self.known = saved, set[str]()

    def _of(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        self.known.add(name)
        found = self.saved[name]
        if tuple(found.shape) != shape or found.dtype != dtype:
            raise ValueError(
                f"{name} is {str(found.dtype)[6:]} of shape {tuple(found.shape)}, where "
                f"{str(dtype)[6:]} of shape {shape} belongs"
            )
        return found

    def whole(self, name: str, shape: tuple[int, ...], low: int, high: int) -> Tensor:
        """Whole numbers in a range."""
        found = self._of(name, shape, torch.int64)
        if not bool(((found >= low) & (found <= high)).all()):
            raise ValueError(f"{name} holds a number that is not from {low} to {high}")
        return found

    def numbers(
        self, name: str, shape: tuple[int, ...], *, waves: bool = False, above: float = -math.inf
    ) -> Tensor:
        """Finite numbers, complex ones of waves, above a limit."""
        found = self._of(name, shape, torch.complex128 if waves else torch.float64)
        parts = torch.view_as_real(found) if waves else found
        if not bool((parts.isfinite() & (parts > above)).all()):
            limit = "finite" if above == -math.inf else f"finite and above {above:g}"
            raise ValueError(f"{name} holds a number that is not {limit}")
        return found

    def table(self, name: str, rows: int, columns: int) -> Tensor:
        """Any numbers, of which some may be missing."""
        return self._of(name, (rows, columns), torch.float64)

    def variances(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """Numbers above zero; infinite ones stand for what is not known."""
        found = self._of(name, shape, torch.float64)
        if not bool((found > 0).all()):
            raise ValueError(f"{name} holds a number that is not above 0")
        return found

    def grid(self, name: str, setup: Setup) -> Grid:
        """The grid of the data or a finer one."""
        own = setup.problem.grid
        finest = FINER * setup.config.finest
        shape = self.whole(name, (own.ndim,), 1, finest * max(own.shape)).tolist()
        factor = shape[0] // own.shape[0]
        if factor < 1 or [factor * n for n in own.shape] != shape or factor > finest:
            raise ValueError(f"{name} is {shape}, which is no finer grid of {list(own.shape)}")
        return own.refine(factor)


def _check_fit(found: _Saved, setup: Setup, own: int) -> None:
    """The fit: own, the number of its terms."""
    rows, frames, fields = setup.data.shape[:3]
    window = int(found.whole("window", (), min(2, frames), frames))
    found.whole("judged_by", (2,), 0, rows * frames)
    rows *= frames // window
    shape, outer = found.grid("shape", setup), found.grid("outer_shape", setup)
    if outer.shape[0] % shape.shape[0]:
        raise ValueError(f"states on {shape.shape} points have no outer grid of {outer.shape}")
    for name in ("steps", "outer_steps"):
        found.whole(name, (rows,), 1, FINER * HOPELESS)
    waves = setup.waves_on(shape).shape
    found.numbers("coefficients", (own,))
    unknown = fields if setup.window is None else fields * (1 + KNOTS + window)
    for name in ("at", "draw"):
        found.numbers(name, (rows, unknown, *waves), waves=True)
    found.numbers("solved", (rows, own, unknown, *waves), waves=True)
    found.variances("variance", (rows, unknown, *waves))
    found.numbers("sigma", (rows, fields), above=0.0)
    if "uneven" in found.saved:
        found.numbers("uneven", (rows, window, *setup.data.shape[2:]), above=0.0)
    found.whole("iterations", (), 0, ITERATIONS)
    if "information" in found.saved:
        found.numbers("information", (own, own))
    if "last" in found.saved:
        found.numbers("last", (2, own))


def _check_choice(found: _Saved, terms: int) -> None:
    """How the terms were chosen, where they were."""
    if not {"judged", "rivals"} & found.saved.keys():
        return
    judged = found.table("judged", terms, 6)
    rivals = found.table("rivals", len(found.saved["rivals"]), 4)
    if judged[:, 0].tolist() != list(range(terms)):
        raise ValueError(f"other terms were judged than those from 0 to {terms - 1}")
    if not {*rivals[:, :2].flatten().tolist()} <= {*map(float, range(-1, terms))}:
        raise ValueError(f"a rival has a term that is none of {terms}")
    kept = [int(row[0]) for row in judged.tolist() if row[1]]
    if kept != found.saved["start"].nonzero().flatten().tolist():
        raise ValueError("the terms that were kept are not those of the fit")
    if not set(judged[:, 1].tolist()) <= {0.0, 1.0} or not bool((rivals[:, 2] >= 0).all()):
        raise ValueError("it says of a term neither that it stays nor that it leaves")


def restored(now: Estimate, saved: Mapping[str, Tensor]) -> Estimate:
    """A fit where it was saved."""
    states = replace(
        now.states,
        at=saved["at"],
        draw=saved["draw"],
        variance=saved["variance"],
        solved=saved["solved"],
    )
    return replace(
        now,
        coefficients=saved["coefficients"],
        states=states,
        seen=replace(now.seen, sigma=saved["sigma"], shape=saved.get("uneven")),
        information=saved.get("information"),
        iterations=int(saved["iterations"]),
        last=(saved["last"][0], saved["last"][1]) if "last" in saved else None,
    )


def restored_judgement(saved: Mapping[str, Tensor]) -> Judgement:
    """What was decided before the fit that was saved."""
    if "judged" not in saved:
        return Judgement(saved["start"], None)
    judged = [
        Judged(int(term), bool(kept), value, gain, needed, None if math.isnan(held) else held)
        for term, kept, value, gain, needed, held in saved["judged"].tolist()
    ]
    rivals = [
        Rival(_place(leaves), _place(enters), odds, gain)
        for leaves, enters, odds, gain in saved["rivals"].tolist()
    ]
    kept = [each.term for each in judged if each.kept]
    seen = tuple(saved["judged_by"].tolist())
    return Judgement(saved["start"], Choice(kept, judged, rivals), seen=seen)


def _place(number: float) -> int | None:
    return None if number < 0 else int(number)
