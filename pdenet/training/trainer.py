"""Staged training of a PDE-Net: deterministic, interruptible, and never ended by a bad step.

Every stage draws its windows, then minimises the loss by L-BFGS over one flat vector of the
parameters that learn in it. A stage that has learned its windows by heart, as held-out ones show,
is repeated with twice as many. Between two iterations everything that decides what follows is in a
`Progress` value, which a checkpoint holds: training that was stopped goes on bitwise.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from pdenet.dataset import Windows
from pdenet.errors import CheckpointError, TrainingError
from pdenet.events import Iteration, Listener, StageFinished, StageStarted, StepUndone
from pdenet.model import PDENet
from pdenet.noise.first_frames import Smoothing, periodic_axes
from pdenet.noise.level import noise_of
from pdenet.noise.spectrum import FIRST_FRAMES
from pdenet.optimise import LBFGS, LBFGSState
from pdenet.pde.render import to_text
from pdenet.readout import expansion, leading, shares
from pdenet.readout.function_units import function_candidates
from pdenet.schemes import spectral_radius, stable_substeps
from pdenet.training.config import StageConfig, TrainingConfig
from pdenet.training.loss import penalty, prediction_loss
from pdenet.training.progress import MOST_DOUBLINGS, MOST_SUBSTEPS, Progress, is_over, stage_names
from pdenet.types import Trajectory
from pdenet.words import counted

__all__ = ["Trainer"]

_log = logging.getLogger(__name__)

OVERFIT = 10.0
"""Validation loss over training loss from which on a stage counts as overfitted: 0.6 to 8 were seen
where the equation was found, 350 where it was not (six windows of a reactive source)."""

GOOD = 1e-2
"""Validation loss below which this does not matter: a tenth of the change in r.m.s."""

DROWNED = 0.1
"""Variance of the noise over the mean square of what fields change between frames from which on
filters and longer windows only learn noise: those of Burgers at 10 % of it blow up."""

TOO_LATE = (
    "the time of the training was over before stage %s was: what it learned is kept, and resuming "
    "the run goes on"
)

SECONDS_BETWEEN_LEADING_TERMS = 2.0


class Trainer:
    """Trains `model` on trajectories, stage by stage.

    train, validation: (n, frames, field, *space). generator: draws windows and directions.
    save: called with the progress after every stage, every few minutes and when interrupted.
    """

    def __init__(
        self,
        model: PDENet,
        config: TrainingConfig,
        train: Trajectory,
        validation: Trajectory,
        generator: torch.Generator,
        on_event: Listener,
        save: Callable[[Progress], None],
    ) -> None:
        self.model, self.config = model, config
        self.train, self.validation = train, validation
        self.generator, self.on_event, self.save = generator, on_event, save
        self.optimiser = LBFGS()
        self.names = stage_names(config.stages)
        self._spoken = 0.0
        self._late: Callable[[], bool] = lambda: False
        self._levels: list[tuple[Trajectory, Tensor]] = []

    def set_scales(self) -> None:
        """Scale inputs and outputs of the SymNets, and the range of sources, by the data."""
        frames = self.train.flatten(0, 1)
        chosen = torch.arange(0, len(frames), max(1, frames[:, 0].numel() // 2**18))
        smoothing = self._smoothing(self.train, frames[chosen, None], chosen // self.train.shape[1])
        change = (self.train[:, 1:] - self.train[:, :-1]).div(self.model.dt)
        with torch.no_grad():
            jets = self.model.filters(smoothing(frames[chosen]))
            axes = [0, *range(2, jets.dim())]
            size = change.square().movedim(2, 0).flatten(1).mean(1).sqrt()
            self.model.symnet.set_scales(jets.square().mean(axes).sqrt(), size)
            if self.model.source is not None:
                visited = frames.movedim(1, 0).flatten(1)
                self.model.source.set_range(visited.amin(1), visited.amax(1))

    def run(self, progress: Progress, late: Callable[[], bool] = lambda: False) -> Progress:
        """Train from `progress` to the end of the last stage, or until it is late.

        A stage that does not fit into the trajectories, or that no number of substeps keeps finite,
        is left out, with a warning; and all but the first where noise drowns them. Raises
        TrainingError where already the first is not finite.
        """
        stages, self._late = self.config.stages, late
        drowned = self._drowned()
        while progress.stage < len(stages):
            stage = stages[progress.stage]
            if stage.blocks >= self.train.shape[1]:
                _log.warning(
                    "stage %s is left out: trajectories have %s",
                    self.names[progress.stage],
                    counted(self.train.shape[1], "frame"),
                )
                progress = replace(progress, stage=progress.stage + 1)
                continue
            if progress.stage and drowned > DROWNED:
                _log.warning(
                    "the noise is %.0f %% of what fields change between two frames, and later "
                    "stages would learn nothing else: left out are %s",
                    100 * math.sqrt(drowned),
                    ", ".join(self.names[progress.stage :]),
                )
                progress = Progress(len(stages), progress.substeps)
                self.save(progress)
                break
            try:
                progress = self._stage(stage, progress)
            except TrainingError as error:
                if progress.stage == 0:
                    raise
                _log.warning("stage %s is left out: %s", self.names[progress.stage], error)
                progress = self._next(progress)
            self.save(progress)
            if late() and progress.stage < len(stages):
                _log.warning(TOO_LATE, self.names[progress.stage])
                break
        return progress

    def check(self, progress: Progress) -> None:
        """Raise CheckpointError where a progress is not of this network, or of other data."""
        windows, optimiser = progress.windows, progress.optimiser
        if progress.stage >= len(self.config.stages) or windows is None:
            fits = windows is None and optimiser is None
        else:
            stage = self.config.stages[progress.stage]
            fits = stage.blocks < self.train.shape[1] and windows.numel() > 0
            if fits:
                every = len(self._all_windows(self.train, stage))
                fits = int(windows.min()) >= 0 and int(windows.max()) < every
        if fits and optimiser is not None:
            here, there = self._parameters(stage), optimiser.position
            fits = (here.shape, here.dtype) == (there.shape, there.dtype)
        if not fits:
            raise CheckpointError(
                "the checkpoint does not fit the network and the data of its run: train again"
            )

    def _stage(self, stage: StageConfig, progress: Progress) -> Progress:
        name, started = self._name(progress), time.perf_counter()
        stages = len(self.config.stages)
        with self._kept(progress):
            self.on_event(
                StageStarted(name, stage.blocks, stage.iterations, progress.stage, stages)
            )
            self.model.substeps = progress.substeps
            windows = progress.windows
            if windows is None:
                windows = self._draw(stage, progress.doublings)
            data = self._gathered(stage, self.train, windows)
            closure = self._closure(stage, data)
            if progress.optimiser is None:
                state = self._begin(stage, closure, data[:, 0])
                progress = replace(
                    progress, windows=windows, optimiser=state, substeps=self.model.substeps
                )
        progress = self._iterate(stage, progress, closure, started)
        assert progress.optimiser is not None
        if not is_over(stage, progress.optimiser):
            self._put(stage, progress.optimiser.position)
            return progress
        with self._kept(progress):
            self._put(stage, progress.optimiser.position)
            loss, validation = self._score(data), self._validate(stage)
            iterations, seconds = progress.optimiser.iteration, progress.seconds
            self.on_event(StageFinished(name, iterations, loss, validation, seconds))
        if self._overfits(stage, progress, loss, validation):
            _log.info(
                "stage %s predicts held-out windows %.0f times worse than its own %d: it is "
                "repeated with twice as many",
                name,
                validation / loss,
                len(data),
            )
            return Progress(progress.stage, progress.substeps, doublings=progress.doublings + 1)
        return self._next(progress)

    def _name(self, progress: Progress) -> str:
        """The name of the stage; every pass through it has its own."""
        more = f", {2**progress.doublings} × windows" if progress.doublings else ""
        return self.names[progress.stage] + more

    @staticmethod
    def _next(progress: Progress) -> Progress:
        """Before the stage that follows."""
        return Progress(progress.stage + 1, progress.substeps, doublings=progress.doublings)

    def _overfits(
        self, stage: StageConfig, progress: Progress, loss: float, validation: float
    ) -> bool:
        """Whether a stage has learned its windows rather than their equation, and more exist."""
        assert progress.windows is not None
        more = progress.doublings < MOST_DOUBLINGS
        more = more and len(progress.windows) < len(self._all_windows(self.train, stage))
        return more and validation > max(OVERFIT * loss, GOOD)

    @contextmanager
    def _kept(self, progress: Progress) -> Iterator[None]:
        """Save `progress` where Ctrl-C comes while this lasts, as if nothing had been drawn."""
        drawn = self.generator.get_state()
        try:
            yield
        except KeyboardInterrupt:
            self.generator.set_state(drawn)
            self.save(progress)
            raise

    def _iterate(
        self,
        stage: StageConfig,
        progress: Progress,
        closure: Callable[[Tensor], tuple[Tensor, Tensor]],
        started: float,
    ) -> Progress:
        name, saved = self._name(progress), time.perf_counter()
        spent = progress.seconds
        state = progress.optimiser
        assert state is not None
        try:
            while not is_over(stage, state):
                state, info = self.optimiser.step(state, closure)
                progress = replace(
                    progress, optimiser=state, seconds=spent + time.perf_counter() - started
                )
                if info.undone:
                    self.on_event(
                        StepUndone(name, state.iteration, "the loss was not finite", info.step)
                    )
                self.on_event(
                    Iteration(
                        name,
                        state.iteration,
                        stage.iterations,
                        info.loss,
                        progress.seconds,
                        self._leading(stage, state.position),
                    )
                )
                if time.perf_counter() - saved > 60 * self.config.checkpoint_minutes:
                    saved = time.perf_counter()
                    self._put(stage, state.position)
                    self.save(progress)
                if self._late():
                    break
        except KeyboardInterrupt:
            self._put(stage, state.position)
            self.save(progress)
            raise
        return progress

    def _begin(
        self,
        stage: StageConfig,
        closure: Callable[[Tensor], tuple[Tensor, Tensor]],
        states: Tensor,
    ) -> LBFGSState:
        """The optimiser at the parameters as they are, with enough substeps to be finite there."""
        if stage.blocks > 1 or stage.filters:
            rhs = self.model.rhs.bind(states.shape[2:])
            with torch.no_grad():
                radius = spectral_radius(rhs, states[:8], self.generator)
            needed = stable_substeps(radius, self.model.dt, self.model.shape.integrator)
            self.model.substeps = min(MOST_SUBSTEPS, max(self.model.substeps, needed))
        position = self._parameters(stage)
        while True:
            loss, gradient = closure(position)
            if math.isfinite(float(loss)) and bool(gradient.isfinite().all()):
                return self.optimiser.init(position, loss, gradient)
            if self.model.substeps >= MOST_SUBSTEPS:
                raise TrainingError(
                    f"the network blows up within {stage.blocks} δt-blocks even with "
                    f"{MOST_SUBSTEPS} substeps: use fewer blocks or a smaller time between frames"
                )
            self.model.substeps *= 2

    def _closure(
        self, stage: StageConfig, windows: Trajectory
    ) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        learning = self._learning(stage)

        def closure(position: Tensor) -> tuple[Tensor, Tensor]:
            self._put(stage, position)
            loss = prediction_loss(self.model, windows, self.config.margin)
            if stage.penalties:
                weight = penalty(self.model, self.config.sparsity, self.config.moments)
                loss = loss + stage.blocks * weight
            gradients = torch.autograd.grad(loss, learning, allow_unused=True)
            flat = [
                torch.zeros_like(p) if g is None else g
                for p, g in zip(learning, gradients, strict=True)
            ]
            return loss.detach(), torch.cat([g.flatten() for g in flat])

        return closure

    def _learning(self, stage: StageConfig) -> list[Tensor]:
        weights = self.model.weights()
        return [*weights, self.model.filters.free] if stage.filters else weights

    def _parameters(self, stage: StageConfig) -> Tensor:
        return torch.cat([p.detach().flatten() for p in self._learning(stage)])

    def _put(self, stage: StageConfig, position: Tensor) -> None:
        with torch.no_grad():
            first = 0
            for parameter in self._learning(stage):
                part = position[first : first + parameter.numel()]
                parameter.copy_(part.reshape(parameter.shape))
                first += parameter.numel()

    def _all_windows(self, states: Trajectory, stage: StageConfig) -> Windows:
        return Windows(states.shape[0], states.shape[1], stage.blocks)

    def _gathered(self, stage: StageConfig, states: Trajectory, windows: Tensor) -> Trajectory:
        """Windows with these numbers; what is noise in their first frames does not start them."""
        every = self._all_windows(states, stage)
        found = every.gather(states, windows)
        return self._smoothing(states, found, windows // every.starts).starts(found)

    def _drowned(self) -> float:
        """The variance of the noise over the mean square of changes between frames, of that field
        of which least is noise."""
        change = self.train.diff(dim=1).square().movedim(2, 0).flatten(1).mean(1)
        share = self._noise(self.train).square().mean(0) / change
        return float(torch.where(change > 0, share, 0.0).amin())

    def _noise(self, states: Trajectory) -> Tensor:
        """The noise of each trajectory and field, found once."""
        known = [sigma for data, sigma in self._levels if data is states]
        if not known:
            known = [noise_of(states, periodic_axes(self.model.filters.boundaries)).sigma]
            self._levels.append((states, known[0]))
        return known[0]

    def _smoothing(self, states: Trajectory, frames: Trajectory, rows: Tensor) -> Smoothing:
        """The filters of frames (window, frame, field, *space) of these trajectories."""
        sigma = self._noise(states)[rows.to(states.device)]
        grid, boundaries = self.model.shape.grid, self.model.filters.boundaries
        return Smoothing.at(frames[:, :FIRST_FRAMES], sigma, grid, boundaries)

    def _draw(self, stage: StageConfig, doublings: int) -> Tensor:
        n = max(4, self.config.values // self.train[0, 0].numel()) * 2**doublings
        return self._all_windows(self.train, stage).sample(n, self.generator)

    def _validate(self, stage: StageConfig) -> float:
        windows = self._all_windows(self.validation, stage)
        n = max(4, self.config.values // self.validation[0, 0].numel())
        # Evenly spaced, without the generator: validation does not change what training draws.
        chosen = torch.arange(0, len(windows), max(1, len(windows) // n))[:n]
        return self._score(self._gathered(stage, self.validation, chosen))

    def _score(self, windows: Trajectory) -> float:
        with torch.no_grad():
            return float(prediction_loss(self.model, windows, self.config.margin))

    def _leading(self, stage: StageConfig, position: Tensor) -> str:
        """The leading terms of the network, every few seconds; empty in between."""
        now = time.perf_counter()
        if now - self._spoken < SECONDS_BETWEEN_LEADING_TERMS:
            return ""
        self._spoken = now
        self._put(stage, position)
        found = expansion(self.model, degree=2)
        frames = self.train.flatten(0, 1)
        some = frames[:: max(1, frames[:, 0].numel() // 8192)]
        share = shares(found, self.model, some)
        functions = function_candidates(found, self.model, some, floor=0.01, small=0.1)
        return leading(
            found, share, lambda pde: "; ".join(to_text(pde, digits=3)), functions=functions
        )
