"""A refinement on its way, as named tensors, to go on from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pdenet.discovery.refine.choose import Choice, Judged, Rival
from pdenet.discovery.refine.eliminate import Model
from pdenet.discovery.refine.fit import Estimate
from pdenet.discovery.refine.relations import Relation
from pdenet.discovery.refine.session import Fitted

__all__ = ["Judgement", "Kept", "restored", "restored_judgement", "to_save"]


@dataclass(frozen=True, eq=False)
class Judgement:
    """The terms that stay, their coefficients among all of the proposal, and why. fitted: the fit
    that they were judged by, where it was not restored. families: relations of which the data
    allow any multiple besides. seen: windows and frames that they were judged by."""

    coefficients: Tensor
    choice: Choice | None
    fitted: Fitted | None = None
    families: tuple[Relation, ...] = ()
    seen: tuple[int, ...] = ()

    @property
    def kept(self) -> list[int]:
        """The places of the terms that stay."""
        return [k for k, value in enumerate(self.coefficients.tolist()) if value != 0]


def _forget(state: Mapping[str, Tensor]) -> None:
    """Nothing is kept."""


@dataclass(frozen=True)
class Kept:
    """What is kept of a refinement while it goes on. saved: what `save` was given last, to go on
    from there; None to begin. save: called after every iteration of the final fit."""

    saved: Mapping[str, Tensor] | None = None
    save: Callable[[Mapping[str, Tensor]], None] = _forget


def to_save(judgement: Judgement, now: Estimate, window: int, model: Model) -> dict[str, Tensor]:
    """A fit on its way, as tensors. window: frames; model: of the fit."""
    saved = {
        "start": judgement.coefficients,
        "judged_by": torch.tensor(judgement.seen, dtype=torch.int64),
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


def restored(now: Estimate, saved: Mapping[str, Tensor]) -> Estimate:
    """A fit where it was saved."""
    states = replace(
        now.states, **{name: saved[name] for name in ("at", "draw", "variance", "solved")}
    )
    return replace(
        now,
        coefficients=saved["coefficients"],
        states=states,
        seen=replace(now.seen, sigma=saved["sigma"]),
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
