"""What a study varies: the factors of the papers, and the settings of each variant.

One factor at a time around a centre, or every combination. The refit of a study has the variant's
own filters: with filters of its own it would hide what is compared, and so would a refinement, so
that there is none. (Central filters keep the symmetry of their derivative, so that orders 1 and 2
are the same for them.)

Reference: Long, Lu, Ma, Dong, "PDE-Net", ICML 2018, section 3 (frozen and learned filters, sizes,
number of blocks); Long, Lu, Dong, "PDE-Net 2.0", J. Comput. Phys. 399 (2019) 108925, section 3
(stages, pseudo-upwind).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypeAlias

from pdenet.nn.moments import Constraint
from pdenet.training.config import TrainingConfig, validated

__all__ = ["CENTRE", "FACTORS", "Values", "Variant", "centre_of", "shown", "to_toml", "variants"]

PAPER_BLOCKS = (1, 2, 3, 4, 5, 6, 9, 12, 15, 18)
"""Blocks of the stages in the papers."""

Values: TypeAlias = dict[str, tuple[Any, ...]]
"""The values of each factor, in the order in which they are shown."""


@dataclass(frozen=True)
class Variant:
    """One way to set up a PDE-Net.

    constraint, size: of the filters, in the network and in the refit. blocks: of the last stage.
    upwind: pseudo-upwind filters instead of central ones. integrator: of each δt-block.
    """

    constraint: Constraint = 2
    size: int = 5
    blocks: int = 6
    upwind: bool = False
    integrator: str = "midpoint"

    @property
    def name(self) -> str:
        """The name of its folder."""
        scheme = shown("upwind", self.upwind)
        return (
            f"constraint-{self.constraint}_size-{self.size}_blocks-{self.blocks}_{scheme}_"
            f"{self.integrator}"
        )

    def config(self, base: TrainingConfig) -> TrainingConfig:
        """The settings of this variant; what it does not vary is as in `base`.

        Stages as in the papers up to its number of blocks, each with the iterations of the last
        stage of `base`, after the stages of `base` in which the filters rest.
        Raises ConfigError where a value is not possible.
        """
        entries = base.model_dump()
        resting = [stage for stage in entries["stages"] if not stage["filters"]]
        last = entries["stages"][-1]
        blocks = [n for n in PAPER_BLOCKS if n < self.blocks] + [self.blocks]
        entries["stages"] = [*resting, *({**last, "filters": True, "blocks": n} for n in blocks)]
        entries["network"] |= {
            "filter_size": self.size,
            "constraint": self.constraint,
            "pseudo_upwind": self.upwind,
            "integrator": self.integrator,
        }
        # The scale of a free filter and the coefficient beside it are one number: a refit needs at
        # least order 1 to have coefficients.
        order = 1 if self.constraint == "free" else self.constraint
        entries["readout"] |= {"size": self.size, "order": order}
        entries["refine"] |= {"when": "never"}
        return validated(entries, "the variant " + self.name)


CENTRE = Variant()
FACTORS = tuple(entry.name for entry in fields(Variant))


def shown(factor: str, value: Any) -> str:
    """The value of a factor in words."""
    if factor == "upwind":
        return "upwind" if value else "central"
    return str(value)


def centre_of(values: Values) -> Variant:
    """The variant around which factors vary: the usual value of each, or else the last one."""
    usual = asdict(CENTRE)
    return Variant(
        **{name: usual[name] if usual[name] in many else many[-1] for name, many in values.items()}
    )


def variants(values: Values, *, full: bool) -> tuple[Variant, ...]:
    """The centre and every variant that differs from it in one factor; all combinations if full."""
    if full:
        return tuple(Variant(*chosen) for chosen in itertools.product(*values.values()))
    centre = centre_of(values)
    others = (replace(centre, **{name: value}) for name, many in values.items() for value in many)
    return tuple(dict.fromkeys((centre, *others)))


def to_toml(config: TrainingConfig) -> str:
    """The settings as `--config` reads them, without the seed, which is each run's own."""
    entries = config.model_dump(mode="json", exclude={"seed"}, exclude_none=True)
    return "\n".join(_lines(entries, "")) + "\n"


def _lines(entries: Mapping[str, Any], place: str) -> Iterator[str]:
    """Plain entries first: what follows a heading belongs to it."""
    deeper = [name for name, value in entries.items() if _is_section(value)]
    for name, value in entries.items():
        if name not in deeper:
            yield f"{name} = {json.dumps(value)}"
    for name in deeper:
        value, inside = entries[name], f"{place}{name}"
        for section in [value] if isinstance(value, Mapping) else value:
            yield f"[{inside}]" if isinstance(value, Mapping) else f"[[{inside}]]"
            yield from _lines(section, f"{inside}.")


def _is_section(value: Any) -> bool:
    if isinstance(value, Mapping):
        return True
    return isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) for v in value)


def unique(values: Iterable[Any]) -> tuple[Any, ...]:
    """The values in their order, each of them once."""
    return tuple(dict.fromkeys(values))
