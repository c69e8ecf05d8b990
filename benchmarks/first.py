"""The picture and the output at the top of the README, from two commands.

    pdenet simulate burgers-1d --noise 0.1 -o noisy.h5
    pdenet refine noisy.h5 -o found.json

One trajectory as it was measured, and the same as the found equation has it, solved from the long
waves of the first frame. The README's output stands between two marks and is replaced; half a
minute.

    python benchmarks/first.py
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from _record import RESULTS
from matplotlib.figure import Figure

from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.pde.render import to_unicode
from pdenet.report.files import write_png
from pdenet.report.style import styled
from pdenet.results import load_equation
from pdenet.storage import open_data
from simulators.solver import Solver

README = Path(__file__).resolve().parent.parent / "README.md"
COMMANDS = (
    "pdenet simulate burgers-1d --noise 0.1 -o noisy.h5",
    "pdenet refine noisy.h5 -o found.json",
)
MARKS = ("<!-- FIRST OUTPUT -->", "<!-- END OF FIRST OUTPUT -->")
WAVES = 12
"""Waves of the first frame that are kept: those that stand out of the noise."""


def run(command: str, folder: Path) -> str:
    """What a command prints on stdout; its notes are left where they are."""
    words = [sys.executable, "-m", "pdenet.cli", *command.split()[1:], "--overwrite"]
    ran = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return ran.stdout


def solved(pde: PDE, grid: Grid, first: np.ndarray, times: np.ndarray) -> np.ndarray:
    """u at every time, (frame, x), from a first frame without its short waves."""
    modes = np.fft.rfft(first)
    modes[WAVES:] = 0
    solver = Solver(pde, grid)
    u = torch.from_numpy(np.fft.irfft(modes, len(first)))[None, None].contiguous()
    frames = [u[0, 0].clone()]
    for t, dt in zip(times, np.diff(times), strict=False):
        solver.advance(float(t), float(dt), u)
        frames.append(u[0, 0].clone())
    return torch.stack(frames).numpy()


def draw(folder: Path) -> Figure:
    """Measured and found, side by side."""
    found = load_equation(folder / "found.json")
    with open_data(folder / "noisy.h5") as data:
        states, times, grid = data.read([0])[0, :, 0], data.times, data.problem.grid
    panels = {
        "measured: u with 10 % noise": states,
        f"found: {to_unicode(found.pde, 3)[0]}": solved(found.pde, grid, states[0], times),
    }
    reach = float(np.abs(states).max())
    extent = (0.0, grid.lengths[0], float(times[0]), float(times[-1]))
    with styled():
        figure = Figure(figsize=(7.6, 2.6), layout="constrained")
        axes = figure.subplots(1, len(panels), sharey=True)
        for each, (title, values) in zip(axes, panels.items(), strict=True):
            image = each.imshow(
                values, origin="lower", aspect="auto", extent=extent, cmap="viridis",
                vmin=-reach, vmax=reach, interpolation="none",
            )  # fmt: skip
            each.set_title(title, loc="left")
            each.set_xlabel("x")
        axes[0].set_ylabel("t")
        figure.colorbar(image, ax=axes, label="u")
    return figure


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        printed = [run(command, folder) for command in COMMANDS]
        write_png(RESULTS / "first.png", draw(folder), overwrite=True)
    shown = "".join(f"$ {command}\n{text}" for command, text in zip(COMMANDS, printed, strict=True))
    begin, end = MARKS
    text = README.read_text(encoding="utf-8")
    block = f"{begin}\n\n```text\n{shown}```\n\n{end}"
    replaced, count = re.subn(
        re.escape(begin) + ".*?" + re.escape(end), lambda _: block, text, flags=re.DOTALL
    )
    if count != 1:
        raise SystemExit(f"{README} must hold {begin} and {end} once, not {count} times")
    README.write_text(replaced, encoding="utf-8")
    print(shown)


if __name__ == "__main__":
    main()
