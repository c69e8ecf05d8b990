"""`pdenet simulate`: options reach the simulation; bad input is one line and nothing on disk."""

import json
import os
import resource
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from pdenet.boundary import Dirichlet, Neumann, Periodic
from pdenet.cli import main
from pdenet.pde import PDE
from pdenet.pde.catalogue import catalogue
from pdenet.storage import check, open_data

SMALL = ["--trajectories", "3", "--frames", "3", "--refine", "1"]


@pytest.fixture
def refused(refused, tmp_path):
    """The same, of commands that must leave the folder as it was."""

    def run(arguments):
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        message = refused(arguments)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
        return message

    return run


def described(path, capsys):
    capsys.readouterr()
    assert main(["info", str(path), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_named_equation(tmp_path, capsys):
    data = tmp_path / "data.h5"
    arguments = ["simulate", "burgers", "-o", str(data), "--grid", "32", "--seed", "3", *SMALL]
    assert main([*arguments, "--refine", "2"]) == 0
    assert capsys.readouterr().out == ""
    assert check(data) == []
    facts = described(data, capsys)
    assert facts["grid"] == [32, 32] and facts["fields"] == ["u", "v"]
    assert facts["trajectories"] == 3 and facts["frames"] == 3
    with open_data(data) as opened:
        assert opened.problem.pde == catalogue["burgers"].pde
        assert opened.metadata["seed"] == 3


def test_own_equation_with_parameter_lengths_and_order(tmp_path):
    data = tmp_path / "data.h5"
    text = "u_t + u*u_x = nu*u_xx"
    arguments = ["simulate", "--pde", text, "--param", "nu=0.2", "-o", str(data), "--grid", "32"]
    assert main([*arguments, "--lengths", "2", "--order", "4", "--noise", "0", *SMALL]) == 0
    with open_data(data) as opened:
        assert opened.problem.pde == PDE(text, nu=0.2)
        assert opened.problem.grid.lengths == (2.0,)
        assert opened.metadata["solver"]["order"] == 4


def test_walls_and_a_channel(tmp_path, capsys):
    data = tmp_path / "data.h5"
    arguments = ["simulate", "--pde", "u_t = 0.1*(u_xx + u_yy)", "-o", str(data), "--grid", "17"]
    walls = ["--boundary", "x:periodic", "--boundary", "dirichlet=0,neumann=0.5"]
    assert main([*arguments, *walls, *SMALL]) == 0
    with open_data(data) as opened:
        assert opened.problem.boundaries == (
            (Periodic(), Periodic()),
            (Dirichlet(0.0), Neumann(0.5)),
        )
    assert described(data, capsys)["boundaries"]["y"] == ["dirichlet=0", "neumann=0.5"]


def test_a_named_equation_has_its_own_walls(tmp_path):
    data = tmp_path / "data.h5"
    arguments = ["simulate", "nonlinear-source", "-o", str(data), "--grid", "20", *SMALL]
    for more, ends in (
        ([], catalogue["nonlinear-source"].boundaries),
        (["--param", "c=0.4"], catalogue["nonlinear-source"].boundaries),
        (["--boundary", "neumann"], ((Neumann(), Neumann()),) * 2),
    ):
        assert main([*arguments, *more, "--overwrite"]) == 0
        with open_data(data) as opened:
            assert opened.problem.boundaries == ends


def test_two_equations_of_your_own(tmp_path):
    data = tmp_path / "data.h5"
    texts = ["--pde", "u_t = 0.1*u_xx + v", "--pde", "v_t = 0.1*v_xx - u"]
    assert main(["simulate", *texts, "-o", str(data), "--grid", "32", *SMALL]) == 0
    with open_data(data) as opened:
        assert opened.fields == ("u", "v")


def test_a_parameter_of_a_named_equation_keeps_the_other_good_values(tmp_path):
    data = tmp_path / "data.h5"
    arguments = ["simulate", "burgers-1d", "--param", "nu=0.3", "-o", str(data), "--grid", "32"]
    assert main([*arguments, *SMALL]) == 0
    with open_data(data) as opened:
        assert opened.problem.pde.parameters["nu"] == 0.3
        assert opened.noise["level"] == catalogue["burgers-1d"].noise


def test_missing_leaves_the_same_points_out_every_time(tmp_path, capsys):
    """The points that stay have the values that they have without gaps."""
    arguments = ["simulate", "burgers", "--grid", "32", "--trajectories", "3", "--frames", "3"]
    for name, more in (("a", ["--missing", "0.3"]), ("b", ["--missing", "0.3"]), ("whole", [])):
        (tmp_path / name).mkdir()
        assert main([*arguments, *more, "-o", str(tmp_path / name / "data.h5")]) == 0
    first, second, whole = (tmp_path / name / "data.h5" for name in ("a", "b", "whole"))
    assert first.read_bytes() == second.read_bytes()
    assert check(first) == []
    with open_data(first) as gappy, open_data(whole) as full:
        assert gappy.missing and not full.missing
        assert gappy.metadata["missing"] == {"fraction": 0.3, "seed": 0}
        assert "missing" not in full.metadata
        left = gappy.read(missing=True)
        holes = np.isnan(left)
        assert np.array_equal(left[~holes], full.read()[~holes])
    assert (holes[:, :, 0] == holes[:, :, 1]).all()
    assert (holes[:, :, 0].sum(axis=(2, 3)) == round(0.3 * 32 * 32)).all()
    facts = described(first, capsys)
    assert facts["missing"] == {
        "u": pytest.approx(0.3, abs=1e-3),
        "v": pytest.approx(0.3, abs=1e-3),
    }
    assert described(whole, capsys)["missing"] is None


def test_preset_paper_is_the_data_of_the_papers(tmp_path, monkeypatch):
    seen = {}

    def fake(equation, output, **settings):
        seen.update(settings)
        return output

    monkeypatch.setattr("pdenet.cli.simulate.simulate", fake)
    arguments = ["simulate", "burgers", "-o", str(tmp_path / "x.h5"), "--preset", "paper"]
    assert main([*arguments, "--dt", "0.02"]) == 0
    assert (seen["shape"], seen["refine"], seen["noise"]) == ((32, 32), 4, 0.001)
    assert seen["dt"] == 0.02  # what is typed comes before the preset


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["burgesr"], ["burgesr", "burgers-1d", "diffusion"]),
        (["--pde", "u_t = 0.1*u_xx +"], ["*u_xx +", "<<"]),
        (["--pde", "u_t = __import__('os').system('true')"], ["__import__"]),
        (["--pde", "u_t = nu*u_xx"], ["nu"]),
        (["--pde", "u_t = u_xx", "--param", "nu=1"], ["nu"]),
        ([], ["--pde"]),
        (["burgers", "--pde", "u_t = u_xx"], ["one of the two"]),
        (["burgers", "--grid", "8x8x8"], ["--grid", "3 axes", "2"]),
        (["burgers", "--grid", "16", "--substeps", "1", "--dt", "1"], ["substeps"]),
        (["burgers", "--dt", "-1"], ["dt"]),
        (["burgers", "--boundary", "wall=0"], ["--boundary", "'wall=0'", "type e.g. dirichlet=0"]),
        (["burgers", "--boundary", "x:dirichlet"], ["for y", "y:periodic"]),
        (["burgers-1d", "--boundary", "y:dirichlet"], ["no axis 'y'", "axes are x"]),
        (["burgers-1d", "--boundary", "periodic,neumann"], ["both ends or at none"]),
        (["burgers", *("--boundary", "neumann") * 2], ["given twice"]),
        (["burgers", "--boundary", "x:dirichlet=1", "--boundary", "dirichlet"], ["corners"]),
        (["--pde", "u_t = u_xxx", "--boundary", "dirichlet"], ["u_xxx", "periodic"]),
        (["burgers", "--noise", "-1"], ["noise"]),
        (["burgers", "--missing", "1"], ["missing", "[0, 1)", "1.0"]),
        (["burgers", "--missing", "-0.1"], ["missing", "[0, 1)"]),
        (["burgers", "--missing", "nan"], ["missing", "[0, 1)"]),
        (["burgers", "--missing", "half"], ["--missing", "half"]),
        (["burgers", "--grid", "2"], ["stencils", "9 points"]),
        (["burgers", "--device", "tpu"], ["tpu", "cpu"]),
        (["burgers", "--grid", "16", "--frames", "1"], ["1", "frames"]),
    ],
)
def test_bad_input(arguments, said, tmp_path, refused):
    message = refused(["simulate", *arguments, "-o", str(tmp_path / "x.h5")])
    for part in said:
        assert part in message


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_without_one(tmp_path, refused):
    output = str(tmp_path / "x.h5")
    message = refused(["simulate", "burgers", "--device", "cuda", "-o", output])
    assert "cuda" in message and "cpu" in message


def test_an_existing_file_is_kept_without_overwrite(tmp_path, refused):
    data = tmp_path / "data.h5"
    data.write_bytes(b"precious")
    arguments = ["simulate", "diffusion", "-o", str(data), "--grid", "16", *SMALL]
    assert "--overwrite" in refused(arguments)
    assert main([*arguments, "--overwrite"]) == 0
    assert check(data) == []


def test_a_missing_folder(tmp_path, refused):
    output = str(tmp_path / "no" / "data.h5")
    assert "no" in refused(["simulate", "diffusion", "-o", output])


def spawn(arguments, **settings):
    return subprocess.Popen(
        [sys.executable, "-m", "pdenet.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )


@pytest.mark.slow
def test_a_full_disk_leaves_nothing(tmp_path):
    process = spawn(
        ["simulate", "diffusion", "-o", "data.h5", "--grid", "64", "--refine", "1"],
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
    )
    out, told = process.communicate(timeout=600)
    assert (process.returncode, out) == (2, "")
    assert told.startswith("pdenet: error: ") and told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_nothing(tmp_path, number, code, until):
    arguments = ["simulate", "burgers", "-o", "data.h5", "--frames", "2000", "--grid", "128"]
    process = spawn(arguments, cwd=tmp_path)
    until(lambda: list(tmp_path.iterdir()))
    os.kill(process.pid, number)
    _, told = process.communicate(timeout=600)
    assert process.returncode == code
    assert told == "pdenet: interrupted; nothing was written to 'data.h5'\n"
    assert list(tmp_path.iterdir()) == []


def test_laplace_takes_its_dimension_from_the_grid(tmp_path, refused):
    small = ("--trajectories", "1", "--frames", "2", "--dt", "0.001")
    for grid, axes in (("8", "x"), ("8x8", "xy"), ("8x8x8", "xyz")):
        path = tmp_path / f"{axes}.h5"
        pde = ("--pde", "u_t = 0.1*laplace(u)", "--grid", grid)
        assert main(["simulate", *pde, *small, "-o", str(path)]) == 0
        with open_data(path) as data:
            assert data.problem.grid.axes == tuple(axes)
            assert set(data.problem.pde.jets) and data.problem.pde.ndim == len(axes)
    new = ("simulate", "-o", str(tmp_path / "no.h5"))
    assert "--grid 64x64" in refused([*new, "--pde", "u_t = laplace(u)"])
    assert "--param D=VALUE" in refused([*new, "--pde", "u_t = D*u_xx"])
