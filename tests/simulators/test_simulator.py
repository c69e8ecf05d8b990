"""Whole simulations: same seed, same bytes; chunks, refinement, noise, files, interrupts."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from pdenet.boundary import Dirichlet, Neumann, Periodic
from pdenet.errors import (
    ConfigError,
    DeviceError,
    EquationError,
    GridError,
    OutputError,
    StabilityError,
)
from pdenet.pde.definition import PDE
from pdenet.storage import check, open_data
from simulators import SimulationConfig, configure, simulate, trajectories
from simulators.generate import generate

SMALL = {"shape": (16, 16), "trajectories": 5, "frames": 4, "late_start": 0.05}


def states(equation="burgers", **overrides):
    return trajectories(equation, **{**SMALL, **overrides}).states


def test_same_seed_same_bytes_other_seed_others():
    first, second, other = states(noise=0.1), states(noise=0.1), states(noise=0.1, seed=1)
    assert torch.equal(first, second)
    assert (first - other).abs().amax(dim=(1, 2, 3, 4)).min() > 0.1


@pytest.mark.parametrize("equation", ["burgers", "diffusion"])
def test_chunks_and_batch_size_change_nothing(equation):
    pde, config = configure(equation, **{**SMALL, "noise": 0.01})
    results = []
    for chunk in (1, 2, 5):
        blocks = [b for b in generate(pde, config, chunk=chunk) if b.states.numel()]
        results.append(torch.cat([block.states for block in blocks]))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])
    fewer = trajectories(equation, **{**SMALL, "noise": 0.01, "trajectories": 2}).states
    assert torch.equal(results[0][:2], fewer)


def test_refinement_keeps_the_initial_field_and_sharpens_the_rest():
    coarse, fine, finer = (states(refine=k, late_start=0.0, noise=0.0) for k in (1, 4, 6))
    assert torch.allclose(coarse[:, 0], finer[:, 0], rtol=0, atol=1e-12)
    assert (fine - finer).abs().max() < 0.05 * (coarse - finer).abs().max()


def test_half_of_the_batch_starts_late():
    """A late trajectory is the early one, seen from late_start on."""
    settings = {"shape": (32,), "frames": 8, "refine": 4, "noise": 0.0, "dt": 0.01}
    early = trajectories("burgers-1d", **settings, trajectories=2, late_start=0.0).states
    late = trajectories("burgers-1d", **settings, trajectories=2, late_start=0.03).states
    assert torch.equal(early[0], late[0])
    assert torch.allclose(early[1, 3:], late[1, :-3], rtol=0, atol=1e-12)


def test_late_start_runs_up_to_time_zero_where_the_equation_knows_the_time():
    pde = PDE("u_t = cos(t)", coordinates=("x",))
    still = {"waves": 0, "constant": 0.0}
    found = trajectories(
        pde, shape=(16,), trajectories=2, frames=2, dt=0.5, late_start=1.0, initial=still
    ).states[:, :, 0, 0]
    assert found[0].tolist() == pytest.approx([0.0, math.sin(0.5)], abs=1e-3)
    assert found[1].tolist() == pytest.approx(
        [math.sin(1.0), math.sin(1.0) + math.sin(0.5)], abs=1e-3
    )


CHANNEL = ((Periodic(), Periodic()), (Dirichlet(0.5), Neumann(0.2)))


def test_walls_reach_the_states_and_the_file(tmp_path):
    pde = PDE("u_t = 0.2*(u_xx + u_yy) - u*u_x + sin(u)")
    settings = {**SMALL, "shape": (16, 17), "boundaries": CHANNEL}
    with open_data(simulate(pde, tmp_path / "a.h5", **settings)) as data:
        assert data.problem.boundaries == CHANNEL
        assert data.problem.grid.endpoints == (False, True)
        stored = data.read()
    found = trajectories(pde, **settings)
    assert found.problem.boundaries == CHANNEL
    assert (stored == found.states.numpy()).all()
    assert (stored[..., 0] == 0.5).all()
    assert np.ptp(stored[..., -1]) > 0.1
    assert check(tmp_path / "a.h5") == []


def test_refinement_between_walls_keeps_the_field_and_sharpens_the_rest():
    pde = PDE("u_t = 0.05*(u_xx + u_yy) - u*u_x")
    settings = {**SMALL, "shape": (16, 17), "boundaries": CHANNEL, "late_start": 0.0}
    coarse, fine, finer = (trajectories(pde, **settings, refine=k).states for k in (1, 3, 5))
    assert torch.allclose(coarse[:, 0], finer[:, 0], rtol=0, atol=1e-12)
    assert (fine - finer).abs().max() < 0.05 * (coarse - finer).abs().max()


def test_the_nonlinear_source_grows_from_small_fields_and_saturates():
    """Between walls at 0, towards the stable values -pi and pi."""
    found = trajectories("nonlinear-source", trajectories=4, noise=0.0, refine=2)
    states = found.states
    assert states.shape[-2:] == (50, 50) and found.problem.grid.endpoint == (True, True)
    assert (states[..., 0, :] == 0).all() and (states[..., :, -1] == 0).all()
    first, last = states[:, 0], states[:, -1]
    assert (first.abs() < 1).double().mean() > 0.3
    assert (last.abs() > 2.5).double().mean() > 2 * (first.abs() > 2.5).double().mean()
    assert last.abs().max() < 3.6


def test_noise_is_on_the_walls_too():
    clean = trajectories("nonlinear-source", trajectories=1, frames=2, noise=0.0).states
    noisy = trajectories("nonlinear-source", trajectories=1, frames=2, noise=0.1).states
    assert ((noisy - clean)[..., 0, :] != 0).all()


def test_noise_has_the_level_it_says():
    clean = states(noise=0.0, shape=(32, 32))
    noisy = states(noise=0.05, shape=(32, 32))
    noise = noisy - clean
    scale = 0.05 * clean[:, 0].flatten(2).std(dim=2, correction=0)
    measured = noise.flatten(3).std(dim=3)
    assert torch.allclose(measured, scale[:, None].expand_as(measured), rtol=0.12)
    flat = (noise / scale[:, None, :, None, None]).flatten()
    assert abs(float(flat.mean())) < 4 / math.sqrt(len(flat))
    assert float((flat**4).mean()) == pytest.approx(3.0, rel=0.1)
    frames = (noise / scale[:, None, :, None, None]).flatten(2)
    assert float((frames[:, 0] * frames[:, 1]).mean()) == pytest.approx(0.0, abs=0.04)
    assert float((frames[0] * frames[1]).mean()) == pytest.approx(0.0, abs=0.06)


@pytest.mark.parametrize("missing", [0.1, 0.5, 0.97])
def test_gaps_are_the_share_that_was_asked_for_and_independent(missing):
    whole, gappy = states(shape=(32, 32)), states(shape=(32, 32), missing=missing)
    holes = gappy.isnan()
    assert torch.equal(gappy[~holes], whole[~holes])
    assert torch.equal(holes[:, :, 0], holes[:, :, 1]), "a point has all fields or none"
    holes = holes[:, :, 0].flatten(2)
    assert (holes.sum(dim=2) == round(missing * 1024)).all()
    # Between two frames as many points are missing twice as chance has it, to five deviations.
    pairs = holes.flatten(0, 1).double()
    twice = pairs @ pairs.T / 1024
    twice.fill_diagonal_(missing**2)
    assert (twice - missing**2).abs().max() < 5 * missing * (1 - missing) / math.sqrt(1024)


def test_gaps_depend_on_the_seed_and_the_trajectory_alone():
    first = states(missing=0.5)
    assert torch.equal(first.nan_to_num(99), states(missing=0.5).nan_to_num(99))
    assert not torch.equal(first.isnan(), states(missing=0.5, seed=1).isnan())
    pde, config = configure("burgers", **SMALL, missing=0.5)
    chunks = [b.states for b in generate(pde, config, chunk=2) if b.states.numel()]
    assert torch.equal(torch.cat(chunks).nan_to_num(99), first.nan_to_num(99))
    fewer = states(missing=0.5, trajectories=2)
    assert torch.equal(first[:2].nan_to_num(99), fewer.nan_to_num(99))


def test_a_point_of_every_frame_stays():
    seen = ~states(missing=0.9999, shape=(16, 16)).isnan()
    assert (seen[:, :, 0].sum(dim=(2, 3)) == 1).all()


def test_gaps_reach_the_file_and_its_metadata(tmp_path):
    path = simulate("burgers", tmp_path / "b.h5", **SMALL, seed=3, missing=0.25)
    assert check(path) == []
    with open_data(path) as data:
        assert data.missing and data.metadata["missing"] == {"fraction": 0.25, "seed": 3}
        assert np.array_equal(
            data.read(missing=True), states(seed=3, missing=0.25).numpy(), equal_nan=True
        )
        assert data.gaps() == {"u": 0.25, "v": 0.25}


def test_a_file_holds_the_same_numbers(tmp_path):
    calls = []
    path = simulate(
        "burgers", tmp_path / "b.h5", progress=lambda *call: calls.append(call), **SMALL, seed=3
    )
    assert check(path) == []
    with open_data(path) as data:
        assert np.array_equal(data.read(), states(seed=3).numpy())
        assert data.problem.pde == configure("burgers")[0]
        assert data.times.tolist() == pytest.approx([0.0, 0.01, 0.02, 0.03])
        assert data.metadata["seed"] == 3
        assert data.noise["level"] == 0.001
    assert calls[-1][0] == calls[-1][1]
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_same_seed_same_file(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        simulate("diffusion", tmp_path / name / "d.h5", **SMALL)
    assert (tmp_path / "a/d.h5").read_bytes() == (tmp_path / "b/d.h5").read_bytes()


@pytest.mark.parametrize("failure", [KeyboardInterrupt, StabilityError])
def test_what_does_not_end_leaves_nothing(tmp_path, failure):
    def stop(done, total):
        if done > 6:
            raise failure

    with pytest.raises(failure):
        simulate("diffusion", tmp_path / "d.h5", progress=stop, **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_blow_up_leaves_nothing_and_the_old_file_stays(tmp_path):
    path = simulate("diffusion", tmp_path / "d.h5", **SMALL)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="exists"):
        simulate("diffusion", path, **SMALL)
    with pytest.raises(StabilityError, match="not finite"):
        simulate(
            PDE("u_t = u**3 + 0.1*u_xx"), path, overwrite=True, shape=(32,), dt=0.1, late_start=0.0
        )
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("texts", "shape"),
    [
        (["u_t = -u*u_x - 0.02*u_xxx"], (64,)),
        (["u_t = -w*u_x + 0.1*u_zz", "v_t = v_yz - v", "w_t = -u*v*w + 0.1*w_xx"], (12, 10, 14)),
        (["u_t = 0.3*(u_xx + u_yy) + 15*sin(u)"], (16, 18)),
        (["u_t = (1 + 0.5*sin(x + t))*u_xx"], (23,)),
    ],
)
def test_any_equation_runs(texts, shape):
    pde = PDE(*texts, coordinates=("x", "y", "z")[: len(shape)])
    order = 2 if len(shape) == 3 else 8
    found = trajectories(
        pde, shape=shape, trajectories=2, frames=3, dt=0.002, late_start=0.004, order=order,
        scheme="ssprk3",
    )  # fmt: skip
    assert found.states.shape == (2, 3, len(texts), *shape)
    assert bool(torch.isfinite(found.states).all())
    assert (found.states[:, 0] - found.states[:, 2]).abs().max() > 1e-6


def test_memory_is_bounded_by_blocks(monkeypatch):
    monkeypatch.setattr("simulators.generate._BLOCK_BYTES", 3 * 2 * 16 * 16 * 8)
    pde, config = configure("burgers", **{**SMALL, "frames": 7, "trajectories": 1})
    blocks = [block for block in generate(pde, config) if block.states.numel()]
    assert [(block.first_frame, block.states.shape[1]) for block in blocks] == [
        (0, 3),
        (3, 3),
        (6, 1),
    ]


def test_float32_is_close():
    single = states(dtype="float32", noise=0.0)
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), states(noise=0.0), atol=1e-4)


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        ({"frame": 3}, ConfigError, "'frame' is no setting, did you mean 'frames'"),
        ({"frames": 0}, ConfigError, "frames is a whole number >= 1, given 0"),
        ({"trajectories": 2.5}, ConfigError, "trajectories is a whole number"),
        ({"refine": True}, ConfigError, "refine is a whole number"),
        ({"order": 5}, ConfigError, "order is one of"),
        ({"scheme": "euler"}, ConfigError, "rk4, ssprk3"),
        ({"substeps": 0}, ConfigError, r"substeps is a whole number >= 1 \(or None\)"),
        ({"cfl": 1.5}, ConfigError, "cfl is a number"),
        ({"dt": float("nan")}, ConfigError, "dt is a finite number > 0"),
        ({"noise": -0.1}, ConfigError, "noise is a finite number >= 0"),
        ({"missing": 1.0}, ConfigError, r"in \[0, 1\), given 1.0"),
        ({"missing": -0.5}, ConfigError, r"in \[0, 1\), given -0.5"),
        ({"dtype": "float16"}, ConfigError, "float64 or float32"),
        ({"shape": (64,)}, GridError, "2 space dimensions"),
        ({"shape": (64, 64), "lengths": (1.0,)}, ConfigError, "one number per axis"),
        ({"shape": (2, 2), "refine": 1}, GridError, "at least 9 points"),
        ({"initial": {"wave": 3}}, ConfigError, "waves, amplitude, constant"),
        ({"device": "tpu"}, DeviceError, "no device 'tpu' here .*: use 'auto' or 'cpu'"),
        ({"device": "cuda:99"}, DeviceError, "no device 'cuda:99'"),
    ],
)  # fmt: skip
def test_wrong_settings_say_what_is_allowed(overrides, error, message, tmp_path):
    with pytest.raises(error, match=message):
        simulate("burgers", tmp_path / "x.h5", **overrides)
    assert list(tmp_path.iterdir()) == []


def test_names_and_defaults():
    with pytest.raises(EquationError, match="burgers-1d"):
        simulate("burger", "x.h5")
    pde, config = configure(PDE("u_t = u_xx + u_yy"), seed=5)
    assert (config.shape, config.seed, config.lengths) == ((64, 64), 5, (2 * math.pi,) * 2)
    base = SimulationConfig(shape=(8,), lengths=(1.0,))
    assert configure(pde, base, frames=3)[1] == dataclasses.replace(base, frames=3)


def test_an_unstable_request_is_refused_with_the_number_to_use(tmp_path):
    with pytest.raises(StabilityError, match=r"use substeps=\d+ or more"):
        simulate("burgers", tmp_path / "x.h5", substeps=1, dt=0.1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("settings", [{}, {"substeps": 1, "dt": 1.0}])
def test_the_number_of_threads_is_put_back(settings):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        if settings:
            with pytest.raises(StabilityError):
                states(**settings)
        else:
            states()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
