"""The configuration of a run: what the network is, in which stages it learns, how it is read.

Stages as in the papers: a warm-up with one block and frozen filters, then more and more blocks,
each stage starting from the last. Every section refuses entries that it does not know.

References: Long, Lu, Ma, Dong, "PDE-Net", ICML 2018, section 2.4; Long, Lu, Dong, "PDE-Net 2.0",
J. Comput. Phys. 399 (2019) 108925, section 3 (sizes, stages, penalties).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pdenet.errors import ConfigError
from pdenet.likelihood.config import RefineConfig
from pdenet.readout import ReadoutConfig
from pdenet.storage.records import read_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "MAX_SIZE",
    "PRESETS",
    "CoefficientsSection",
    "NetworkConfig",
    "ReadoutSection",
    "RefineSection",
    "SourceSection",
    "StageConfig",
    "TrainingConfig",
    "load",
    "preset",
    "validated",
]

_Positive = Annotated[int, Field(ge=1)]
_Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Order = Annotated[int, Field(ge=1, le=12)] | Literal["frozen", "free"]


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError(f"filters have an odd number of points, such as {size - 1} or {size + 1}")
    return size


MAX_SIZE = 15
_Size = Annotated[int, Field(ge=3, le=MAX_SIZE), AfterValidator(_odd)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CoefficientsSection(_Section):
    """Coefficients that vary in space. pieces: of the mesh along each axis. degree: of the
    polynomials on it; 2, as in the paper, holds its coefficients better than 3, as the second
    derivative of one of them jumps where the periodic axis closes."""

    pieces: Annotated[int, Field(ge=1, le=256)] = 10
    degree: Annotated[int, Field(ge=1, le=5)] = 2


class SourceSection(_Section):
    """A source f(u) of each field. pieces: of the range that the data visit. degree: of the
    polynomials on it."""

    pieces: Annotated[int, Field(ge=1, le=256)] = 16
    degree: Annotated[int, Field(ge=1, le=5)] = 3


class NetworkConfig(_Section):
    """filter_size: odd number of points of each filter along each axis. constraint: order of
    accuracy that the filters keep while they learn, "frozen" or "free". max_order: of the jets, at
    most. order: of the jets; None has the training data say it before training, and filters of
    higher orders are then longer (`pdenet.training.order`); in the configuration of a run it is
    what they said. units: products of each SymNet. integrator, of each δt-block. coefficients:
    where given, every jet has a coefficient that varies in space. source: where given, every field
    has a source. functions: further units of each SymNet, one for each name."""

    filter_size: _Size = 5
    constraint: _Order = 2
    max_order: Annotated[int, Field(ge=1, le=6)] = 6
    order: Annotated[int, Field(ge=1, le=6)] | None = None
    units: Annotated[int, Field(ge=0, le=20)] = 5
    pseudo_upwind: bool = False
    integrator: Literal["euler", "midpoint", "heun", "ssprk3", "rk4"] = "midpoint"
    coefficients: CoefficientsSection | None = None
    source: SourceSection | None = None
    functions: tuple[Literal["sin", "cos", "exp", "divide"], ...] = ()

    @property
    def highest(self) -> int:
        """The order of the jets: `order` where it is known, 2 before, and never above
        `max_order`."""
        return min(self.order or 2, self.max_order)


class StageConfig(_Section):
    """blocks: δt-blocks of the prediction. iterations: of L-BFGS. filters: whether they learn.
    penalties: whether the sparsity penalties act."""

    blocks: _Positive
    iterations: _Positive
    filters: bool = True
    penalties: bool = True


class ReadoutSection(_Section):
    """As `pdenet.readout.ReadoutConfig`."""

    steps: _Positive = ReadoutConfig.steps
    select_values: _Positive = ReadoutConfig.select_values
    fit_values: _Positive = ReadoutConfig.fit_values
    structure_values: _Positive = ReadoutConfig.structure_values
    size: _Size = ReadoutConfig.size
    order: _Order = ReadoutConfig.order
    select_iterations: _Positive = ReadoutConfig.select_iterations
    iterations: _Positive = ReadoutConfig.iterations
    free_iterations: _Positive = ReadoutConfig.free_iterations

    def value(self) -> ReadoutConfig:
        """The configuration that the read-out takes."""
        return ReadoutConfig(**self.model_dump())


def _as_section(value: Any) -> Any:
    """true and false as the section they stand for."""
    return {"when": "always" if value else "never"} if isinstance(value, bool) else value


class RefineSection(_Section):
    """As `pdenet.likelihood.config.RefineConfig`. when: "auto" refines where it pays, on
    periodic axes and without coefficients that vary, "always" refuses what cannot be refined.
    budget: None for all that the budget of the run leaves. true and false in place of the section
    are "always" and "never"."""

    when: Literal["auto", "always", "never"] = "auto"
    noise: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = RefineConfig.noise
    choose: bool = RefineConfig.choose
    order: Annotated[int, Field(ge=1, le=6)] = RefineConfig.order
    budget: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    iterations: _Positive = RefineConfig.iterations
    finest: _Positive = RefineConfig.finest
    memory: Annotated[float, Field(gt=0, allow_inf_nan=False)] = RefineConfig.memory
    workers: _Positive | None = RefineConfig.workers

    def value(self, seed: int, left: float) -> RefineConfig:
        """The configuration that a refinement takes. seed: of its draws, that of the run. left: of
        the run's budget, in seconds."""
        entries = self.model_dump(exclude={"when", "budget"})
        return RefineConfig(**entries, seed=seed, budget=min(left, self.budget or left))


def _stages(*blocks: int, iterations: int) -> tuple[StageConfig, ...]:
    warm_up = StageConfig(blocks=1, iterations=100, filters=False, penalties=False)
    return (warm_up, *(StageConfig(blocks=n, iterations=iterations) for n in blocks))


class TrainingConfig(_Section):
    """Everything that decides a run.

    values: numbers in the first frames of all windows of a stage. sparsity: λ of the Huber penalty
    on the weights of the SymNets, moments: on the free moments of the filters; both beside a loss
    that is one for a prediction of no change. margin: grid points next to each wall that the loss
    leaves out, see `pdenet.training.loss`. compile: whether the SymNet is compiled, "auto" where
    a C++ compiler exists and the run is long enough to pay for it. checkpoint_minutes: between
    checkpoints within a stage. budget: seconds after which a run says what it has, see
    `pdenet.training.budget`.
    """

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    device: str = "auto"
    dtype: Literal["float64", "float32"] = "float64"
    network: NetworkConfig = NetworkConfig()
    stages: Annotated[tuple[StageConfig, ...], Field(min_length=1)] = _stages(
        1, 2, 4, iterations=60
    )
    values: _Positive = 49152
    sparsity: _Weight = 2e-5
    moments: _Weight = 4e-6
    margin: Annotated[int, Field(ge=0)] = 0
    compile: Literal["auto", "on", "off"] = "auto"
    checkpoint_minutes: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 2.0
    budget: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 3600.0
    readout: ReadoutSection = ReadoutSection()
    refine: Annotated[RefineSection, BeforeValidator(_as_section)] = RefineSection()


PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "network": {"filter_size": 5, "constraint": 2, "units": 5},
        "stages": _stages(1, 2, 3, 4, 5, 6, 9, iterations=30),
        "values": 57344,
        "refine": {"when": "never"},
    },
    "variable-coefficients": {
        "network": {"filter_size": 7, "order": 4, "units": 0, "coefficients": {}},
        "stages": _stages(1, 3, iterations=40),
        "values": 32768,
        "readout": {"select_values": 32768, "fit_values": 81920, "free_iterations": 40},
    },
    "nonlinear-source": {
        "network": {"filter_size": 7, "order": 2, "units": 0, "source": {}},
        "stages": _stages(1, 3, iterations=40),
        "values": 32768,
    },
}
"""Named settings. "paper": 5×5 filters of order 2, five products, 28 windows of 32², and the
papers' stages up to 9 blocks. Theirs go on to 18 to sharpen coefficients; here the refit does, and
as in the papers nothing comes after it: on the points left of a grid four times as fine a
refinement takes ten minutes and more.
"variable-coefficients" and "nonlinear-source": the two problems of PDE-Net 1.0, linear in the jets,
with maps of all coefficients up to order 4, or with a source."""


def preset(name: str) -> TrainingConfig:
    """The settings of that name. Raises ConfigError that lists the names."""
    if name not in PRESETS:
        raise ConfigError(f"there is no preset {name!r}; choose one of {', '.join(PRESETS)}")
    return validated(PRESETS[name])


def load(path: Path) -> TrainingConfig:
    """The configuration in a TOML file.

    Raises ConfigError where it cannot be read or says something unknown.
    """
    try:
        entries = tomllib.loads(read_text(path))
    except RecursionError:
        raise ConfigError(
            f"the configuration '{path}' cannot be read: brackets are nested too deeply"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise ConfigError(f"the configuration '{path}' cannot be read: {reason}") from error
    return validated(entries, f"the configuration '{path}'")


def validated(entries: Any, source: str = "the configuration") -> TrainingConfig:
    """The configuration with these entries and defaults for all others.

    Raises ConfigError that names the first wrong entry, in one line.
    """
    try:
        return TrainingConfig.model_validate(entries)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "its top level"
        if first["type"] == "extra_forbidden":
            known = ", ".join(sorted(_section(first["loc"]).model_fields))
            raise ConfigError(f"{source} has an unknown entry {place}; there are {known}") from None
        message = first["msg"].removeprefix("Value error, ")
        message = message[:1].lower() + message[1:]
        raise ConfigError(
            f"{source} is wrong at {place}: {message}, not {first['input']!r}"
        ) from None


def _section(place: tuple[int | str, ...]) -> type[BaseModel]:
    """The section in which an entry stands."""
    if place[:2] == ("network", "coefficients") and len(place) > 2:
        return CoefficientsSection
    if place[:2] == ("network", "source") and len(place) > 2:
        return SourceSection
    sections: dict[str, type[BaseModel]] = {
        "network": NetworkConfig,
        "stages": StageConfig,
        "readout": ReadoutSection,
        "refine": RefineSection,
    }
    return sections.get(str(place[0]), TrainingConfig) if len(place) > 1 else TrainingConfig
