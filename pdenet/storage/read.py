"""Read a file lazily: its description at once, its fields block by block when asked for."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from pdenet.boundary import Ends, check_frames, why_not_simple
from pdenet.errors import Advice, DataError
from pdenet.problem import Problem
from pdenet.storage import split
from pdenet.storage.finite import DIVERGED, require_finite
from pdenet.storage.foreign import WELL, hdf5_kind, how_to_bring
from pdenet.storage.hdf5 import one_line, open_file, reading
from pdenet.storage.header import Column, Header, interpret
from pdenet.storage.outside import checked_mask
from pdenet.storage.scan import Scan, scan
from pdenet.storage.sigma import checked_sigma, require_positive
from pdenet.words import counted

__all__ = ["Data", "check", "open_data"]

_log = logging.getLogger(__name__)

_WRITE = "if NaN stands for a missing value, write the file with write_arrays(.., missing=True)"
_MISSING = Advice(
    "the value is missing, read with missing=True; pdenet.refine(None, file) can use such data",
    shell="the value is missing; 'pdenet refine DATA.h5' can use such data",
)
_NAN = Advice(
    f"{DIVERGED}; {_WRITE}: pdenet.refine(None, file) can use such data",
    shell=f"{DIVERGED}; {_WRITE}: 'pdenet refine DATA.h5' can use such data",
)


def open_data(path: Path | str) -> "Data":
    """Open a file made by pdenet, or one in The Well's layout, to be used as a context manager.

    Raises DataError, one line with the file, the place in it and what to do, where the file is
    missing, damaged, of another version, or describes no trajectories of at least two frames.

    >>> with open_data("data.h5") as data:
    ...     states = data.read(data.split["train"])  # (n, frames, field, *space)
    """
    path = Path(path)
    with reading(path):
        file = open_file(path)
        try:
            found = scan(file)
            if found.problems:
                raise DataError(_refused(file, path, found))
            return Data(path, file, interpret(found))
        except BaseException:
            file.close()
            raise


def check(path: Path | str) -> list[str]:
    """Everything that is wrong with a file, fields included, in words; an empty list if it is fine.

    Unlike `open_data` it reads every value.
    """
    path = Path(path)
    problems: list[str] = []
    try:
        with reading(path), open_file(path) as file:
            found = scan(file)
            if found.problems and not found.native:
                raise DataError(_refused(file, path, found))
            problems += [f"{path}: {problem}" for problem in found.problems]
        if problems:
            return problems
        with open_data(path) as data:
            for trajectory in range(data.trajectories):
                try:
                    data.read([trajectory], missing=True)
                    if data.weighed:
                        data.sigma([trajectory])
                except DataError as error:
                    problems.append(one_line(error))
    except DataError as error:
        problems.append(one_line(error))
    return problems


def _refused(file: h5py.File, path: Path, found: Scan) -> str:
    """What is wrong with a file that has problems; of a foreign one, what it is."""
    if found.native:
        return found.problems[0]
    what, first = hdf5_kind(file, path)
    if WELL in what:
        what += f" ({found.problems[0]})"
    return how_to_bring((what, first))


class Data:
    """An open file; made by `open_data`.

    problem: the equation (None if unknown), grid, boundaries, fields and units.
    missing: whether the file says that values may be missing; where they are, fields hold NaN.
    outside: true at the points where the equation does not hold, bool (*space); None where it holds
    everywhere.
    foreign: whether another program made the file. left_out: what it then holds that is no field
    here, and why. renamed: what fields are called there, where that is no name of a field.
    times: of the frames, shape (frames,). split: the trajectories of "train", "validation" and
    "test". metadata: what the writer was given, with "seed", "solver", "noise", "versions".
    """

    def __init__(self, path: Path, file: h5py.File, header: Header) -> None:
        self.path = path
        self.name = header.name
        self.problem: Problem = header.problem
        self.times = header.times
        self.metadata: Mapping[str, Any] = header.metadata
        self.missing = header.missing
        self.outside: np.ndarray | None = header.outside
        self.foreign = header.foreign
        self.left_out, self.renamed = header.left_out, header.renamed
        self.split: Mapping[str, np.ndarray] = split.members(header.codes)
        self.trajectories = len(header.codes)
        self.dtype = np.result_type(*(column.dataset.dtype for column in header.columns))
        self.dtype = self.dtype.newbyteorder("=")
        self._file = file
        self._columns = header.columns
        self._sigma: tuple[Column, ...] | np.ndarray = header.sigma
        if (header.codes == split.EVERY).all():
            _log.warning(
                "with %s none can be held out: all are used to fit and to check",
                counted(self.trajectories, "trajectory"),
            )

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields, in the order of the field axis."""
        return self.problem.fields

    @property
    def frames(self) -> int:
        """Number of frames of each trajectory."""
        return len(self.times)

    @property
    def dt(self) -> float:
        """Time between two frames."""
        return float((self.times[-1] - self.times[0]) / (self.frames - 1))

    @property
    def noise(self) -> Mapping[str, Any] | None:
        """What was added to the fields (definition, level, seed); None where nothing was."""
        noise = self.metadata.get("noise")
        return noise if isinstance(noise, dict) else None

    def read(
        self,
        trajectories: slice | Sequence[int] | np.ndarray = slice(None),
        frames: slice = slice(None),
        dtype: Any = None,
        out: np.ndarray | None = None,
        missing: bool = False,
    ) -> np.ndarray:
        """The states of some trajectories and frames, shape (n, frames, field, *space).

        dtype: of the result; as stored by default. out: an array to fill instead of a new one.
        missing: return NaN where the file says that a value is missing; otherwise that is an error.
        Raises DataError when a value is damaged, missing or not finite, with its place, and when
        there are no such trajectories.
        """
        rows = self._rows(trajectories)
        steps = range(*frames.indices(self.frames))
        if steps.step < 1:
            raise DataError(f"frames {frames} run backwards: read forwards and turn them round")
        shape = (len(rows), len(steps), len(self.fields), *self.problem.grid.shape)
        with reading(self.path):
            if out is None:
                out = np.empty(shape, dtype=dtype or self.dtype)
            if out.shape != shape:
                raise DataError(f"out has shape {out.shape}, but {shape} are read")
            for position, row in enumerate(rows):
                self._fill(out, position, row, steps)
                if out.size:
                    part = out[position : position + 1]
                    require_finite(
                        part,
                        self.fields,
                        _MISSING if self.missing else _NAN,
                        first=(row, steps.start),
                        step=steps.step,
                        missing=missing and self.missing,
                    )
        return out

    @property
    def weighed(self) -> bool:
        """Whether standard deviations of the values are known."""
        return len(self._sigma) > 0

    def sigma(self, trajectories: slice | Sequence[int] | np.ndarray = slice(None)) -> np.ndarray:
        """Standard deviations of the values of some trajectories, of the shape of `read`, float64.

        Raises DataError where they are not known, damaged, or not above 0.
        """
        rows = self._rows(trajectories)
        if not self.weighed:
            raise DataError(f"{self.path} does not say how well values are known: write them anew")
        if isinstance(self._sigma, np.ndarray):
            return np.array(self._sigma[rows])
        shape = (len(rows), self.frames, len(self.fields), *self.problem.grid.shape)
        found = np.empty(shape)
        with reading(self.path):
            for position, row in enumerate(rows):
                self._fill(found, position, row, range(self.frames), self._sigma)
        require_positive(found, f"{self.path}: /pdenet/sigma")
        return found

    def sigma_range(self) -> dict[str, list[float]]:
        """The least and the largest standard deviation of each field with any, by name.

        Raises DataError as `sigma` does.
        """
        low, high = (np.full(len(self.fields), end) for end in (np.inf, 0.0))
        for row in range(self.trajectories):
            each = np.moveaxis(self.sigma([row])[0], 1, 0).reshape(len(self.fields), -1)
            low = np.fmin(low, np.where(np.isnan(each), np.inf, each).min(1))
            high = np.fmax(high, np.where(np.isnan(each), 0.0, each).max(1))
        pairs = zip(self.fields, low.tolist(), high.tolist(), strict=True)
        return {name: [least, most] for name, least, most in pairs if least <= most}

    def gaps(self) -> dict[str, float]:
        """The part of the values of each field that is NaN, by name; reads every value.

        Raises DataError where a value is damaged.
        """
        parts = np.zeros(len(self.fields))
        states = np.empty((1, self.frames, len(self.fields), *self.problem.grid.shape), self.dtype)
        for row in range(self.trajectories):
            with reading(self.path):
                self._fill(states, 0, row, range(self.frames))
                require_finite(states, self.fields, _NAN, first=(row, 0), missing=True)
            parts += np.isnan(states[0]).mean(axis=(0, *range(2, states.ndim - 1)))
        return dict(zip(self.fields, (parts / self.trajectories).tolist(), strict=True))

    def assume(
        self, ends: Mapping[str, Ends], outside: object = None, sigma: object = None
    ) -> None:
        """Take other conditions at some axes, other points outside, and other standard deviations
        of the values, than the file says.

        ends: the conditions at the lower and the upper end, by axis. outside: of the grid's shape.
        sigma: what broadcasts to the values. None leaves what the file says. The file stays as it
        is.
        Raises GridError and DataError for what does not fit the data.
        """
        if ends:
            self.problem = self.problem.with_ends(ends)
            check_frames(self.problem.boundaries, self.frames)
        if outside is not None:
            self.outside = checked_mask(outside, self.problem.grid.shape)
        if sigma is not None:
            shape = (self.trajectories, self.frames, len(self.fields), *self.problem.grid.shape)
            self._sigma = checked_sigma(sigma, shape)

    def require_complete(self) -> None:
        """Raise DataError, which says what to do, where the file may have missing values, points
        outside, or ends of axes that a network cannot be trained between."""
        obstacle = self.obstacle()
        if obstacle:
            told = (
                f"{self.path}: {obstacle}, and training needs periodic axes or walls with one "
                "fixed value or derivative, and every point: find an equation without a network, "
                "with"
            )
            raise DataError(
                f"{told} pdenet.refine(None, {str(self.path)!r})",
                shell=f"{told} 'pdenet refine {self.path}'",
            )
        if self.missing:
            told = (
                f"{self.path} has missing values, and training needs every one: fit an equation to"
            )
            raise DataError(
                f"{told} it with pdenet.refine(None, {str(self.path)!r})",
                shell=f"{told} it with 'pdenet refine {self.path}'",
            )

    def obstacle(self) -> str:
        """Why no network can be trained on these data, in words: ends of axes between which it has
        no filters, or points outside; "" where it can."""
        problem = self.problem
        told = why_not_simple(problem.boundaries, problem.grid.axes)
        if self.outside is not None and not told:
            told = f"{int(self.outside.sum())} of {problem.grid.size} points are outside"
        return told

    def _rows(self, trajectories: slice | Sequence[int] | np.ndarray) -> list[int]:
        if isinstance(trajectories, slice):
            return list(range(*trajectories.indices(self.trajectories)))
        rows = [int(row) for row in trajectories]
        wrong = [row for row in rows if not 0 <= row < self.trajectories]
        if wrong:
            raise DataError(
                f"{self.path} has no trajectory {wrong[0]}: they run from 0 to "
                f"{self.trajectories - 1}"
            )
        return rows

    def _fill(
        self,
        out: np.ndarray,
        position: int,
        row: int,
        steps: range,
        columns: Sequence[Column] | None = None,
    ) -> None:
        wanted = slice(steps.start, steps.stop, steps.step)
        space = (slice(None),) * self.problem.grid.ndim
        for index, column in enumerate(self._columns if columns is None else columns):
            try:
                chosen = (row, wanted, *space, *column.component)
                values = column.dataset[chosen]
            except (OSError, RuntimeError, ValueError, TypeError) as error:
                raise DataError(
                    f"{column.dataset.name} is damaged in trajectory {row} "
                    f"({one_line(error)}): get the file anew or simulate it again"
                ) from error
            with np.errstate(over="ignore"):
                out[position, :, index] = values

    def digest(self) -> str:
        """SHA-256 of the names, shapes and values of the fields, however they are packed, and of
        the points outside and the standard deviations where there are some."""
        code = hashlib.sha256()
        with reading(self.path):
            for column in self._columns:
                dataset = column.dataset
                dtype = dataset.dtype.newbyteorder("<")
                code.update(f"{column.name} {dtype.str} {dataset.shape}\n".encode())
                for row in range(self.trajectories):
                    chosen = (row, ..., *column.component)
                    code.update(dataset[chosen].astype(dtype).tobytes())
        if self.outside is not None:
            code.update(b"outside\n" + self.outside.tobytes())
        for row in range(self.trajectories) if self.weighed else ():
            code.update(b"sigma\n" + self.sigma([row]).tobytes())
        return code.hexdigest()

    def close(self) -> None:
        """Close the file; the description stays."""
        self._file.close()

    def __enter__(self) -> "Data":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
