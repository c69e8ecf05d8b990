"""`predict`: what it writes, what the numbers are, and what it refuses."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from pdenet.cli import main
from pdenet.evaluation.run import Request, predict_run
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.problem import Problem
from pdenet.results import load_equation
from pdenet.storage import open_data, write_arrays

pytestmark = pytest.mark.slow

FEW = ["--trajectories", "4", "--quiet"]


@pytest.fixture(scope="module")
def extracted(trained, tmp_path_factory):
    """A run with an equation, not to be written to."""
    run = tmp_path_factory.mktemp("extracted") / "run"
    shutil.copytree(trained, run)
    assert main(["extract", str(run), "--format", "text"]) == 0
    return run


@pytest.fixture(scope="module")
def predicted(extracted, tmp_path_factory):
    """A run with an equation and a prediction, not to be written to."""
    run = tmp_path_factory.mktemp("predicted") / "run"
    shutil.copytree(extracted, run)
    assert main(["predict", str(run), *FEW, "--times", "2"]) == 0
    return run


@pytest.fixture
def run(extracted, tmp_path):
    """A run with an equation that a test may change."""
    copy = tmp_path / "run"
    shutil.copytree(extracted, copy)
    return copy


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_predict_writes_record_figures_and_a_moving_picture(run, tmp_path, capsys):
    capsys.readouterr()
    film = tmp_path / "films" / "run.gif"
    arguments = ["predict", str(run), *FEW, "--animation", str(film), "--json"]
    assert main(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    folder = run / "prediction"
    assert sorted(path.name for path in folder.iterdir()) == [
        *("error.png", "gallery.png", "prediction.json"),
    ]
    written = json.loads((folder / "prediction.json").read_text(encoding="utf-8"))
    assert {**written, "seconds": None} == {**document, "seconds": None}
    # Trained on 11 frames of 0.01, at most two blocks at once; five times as far.
    assert document["horizon"] == pytest.approx(
        {"window": 0.02, "trained": 0.1, "predicted": 0.5, "times": 5}
    )
    assert document["times"] == pytest.approx(np.arange(51) * 0.01)
    assert document["data"]["source"] == "simulated" and document["data"]["seed"] == 1
    assert list(document["predictors"]) == ["equation", "true equation", "network"]
    for table in document["predictors"].values():
        errors = np.array(table["errors"], dtype=float)
        assert errors.shape == (4, 51) and errors[:, 0].max() == 0
        for percentile, band in table["percentiles"].items():
            assert band == pytest.approx(np.percentile(errors, float(percentile), axis=0))
        assert set(table["lost"]) == {0}
    last = {name: medians["end"] for name, medians in document["median"].items()}
    assert last["true equation"] < last["equation"] < last["network"] < 0.1
    assert document["equations"] == list(load_equation(run / "equation.json").pde.equations())
    for name in ("error", "gallery"):
        with Image.open(folder / f"{name}.png") as image:
            assert min(image.size) > 500
    with Image.open(film) as moving:
        assert moving.n_frames > 20
    assert film.stat().st_size < 5e6


def test_the_summary_names_every_predictor_and_the_horizon(run, capsys):
    capsys.readouterr()
    assert main(["predict", str(run), *FEW, "--times", "7"]) == 0
    streams = capsys.readouterr()
    assert "t = 0.7 (7 ×)" in streams.out and "blown up" in streams.out
    for name in ("equation", "network", "true equation"):
        assert any(line.startswith(name) for line in streams.out.splitlines())
    assert "error.png" in streams.err


def test_fields_beyond_the_range_of_a_source_are_told(run, capsys, caplog):
    path = run / "equation.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    points = [-0.1, 0.0, 0.1]
    curve = {"field": "u", "points": points, "values": points, "density": points, "formula": "u"}
    path.write_text(json.dumps({**record, "curves": [curve]}))
    assert main(["predict", str(run), *FEW]) == 0
    said = capsys.readouterr().err + caplog.text
    assert "outside [-0.1, 0.1]" in said and "extrapolation" in said


def test_an_earlier_prediction_is_kept_unless_it_may_go(predicted, tmp_path, refused):
    run, film = tmp_path / "run", tmp_path / "film.gif"
    shutil.copytree(predicted, run)
    arguments = ["predict", str(run), *FEW, "--times", "2"]
    (run / "prediction" / "notes.txt").write_text("precious")
    before = contents(run)
    assert "--overwrite" in refused(arguments)
    film.write_text("precious")
    assert "--overwrite" in refused([*arguments, "-o", tmp_path / "q", "--animation", film])
    assert film.read_text() == "precious" and not (tmp_path / "q").exists()
    assert contents(run) == before
    assert main([*arguments, "--seed", "9", "--overwrite"]) == 0
    after = contents(run)
    assert after.keys() == before.keys()
    changed = sorted(path.name for path in before if before[path] != after[path])
    assert changed == ["error.png", "gallery.png", "prediction.json"]


def test_a_folder_with_other_files_is_never_a_prediction(run, tmp_path, refused):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("precious")
    arguments = ["predict", run, "--overwrite", "-o"]
    assert "another folder" in refused([*arguments, tmp_path / "thesis"])
    (tmp_path / "file").touch()
    assert "not a folder" in refused([*arguments, tmp_path / "file"])


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("place", ["gallery_figure", "animate"])
def test_whatever_ends_it_nothing_is_half_written(
    predicted, tmp_path, monkeypatch, capsys, error, place
):
    def fail(*arguments):
        raise error

    run = tmp_path / "run"
    shutil.copytree(predicted, run)
    before = contents(tmp_path)
    monkeypatch.setattr(f"pdenet.report.outlook.{place}", fail)
    film = tmp_path / "new" / "film.gif"
    arguments = ["predict", str(run), *FEW, "--times", "2", "--overwrite"]
    arguments += ["--animation", str(film)]
    assert main(arguments) == (130 if error is KeyboardInterrupt else 2)
    assert main([*arguments, "-o", str(tmp_path / "a" / "b")]) != 0
    assert contents(tmp_path) == before
    assert not (tmp_path / "new").exists() and not (tmp_path / "a").exists()
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


def test_a_moving_picture_needs_a_writer(run, tmp_path, monkeypatch, refused):
    monkeypatch.setenv("PATH", str(tmp_path))
    said = refused(["predict", run, "--animation", tmp_path / "film.mp4"])
    assert "ffmpeg" in said and ".gif" in said
    said = refused(["predict", run, "--animation", tmp_path / "film.avi"])
    assert ".gif or .mp4" in said
    assert not (run / "prediction").exists()


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg here")
def test_mp4(run, tmp_path):
    film = tmp_path / "film.mp4"
    assert main(["predict", str(run), *FEW, "--animation", str(film)]) == 0
    assert film.read_bytes()[4:8] == b"ftyp"


def test_a_run_without_an_equation(run, tmp_path, refused):
    (run / "equation.json").unlink()
    assert f"'pdenet extract {run}' first" in refused(["predict", run])
    assert "pdenet train" in refused(["predict", tmp_path / "nothing"])


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format": "pdenet-equation"}', '{"format": "other", "format_version": 1}']
)
def test_a_damaged_equation(run, text, refused):
    (run / "equation.json").write_text(text)
    said = refused(["predict", run])
    assert "equation.json" in said and "pdenet extract" in said


def test_an_equation_of_other_fields(run, refused):
    record = json.loads((run / "equation.json").read_text())
    record.update(equations=["w_t = w_xx"], stderr={}, dropped=[], refinement=None)
    (run / "equation.json").write_text(json.dumps(record))
    assert "w" in refused(["predict", run])


def test_data_that_moved_or_changed(run, data, tmp_path, refused):
    config = json.loads((run / "config.json").read_text())
    config["data"]["path"] = str(tmp_path / "gone.h5")
    (run / "config.json").write_text(json.dumps(config))
    said = refused(["predict", run])
    assert "gone.h5" in said and "--trained-on" in said
    assert main(["predict", str(run), *FEW, "--trained-on", str(data)]) == 0
    other = measured(tmp_path / "other.h5", data)
    assert "other.h5" in refused(["predict", run, "--trained-on", other, "--overwrite"])


def measured(path, data, *, every=1, shape=None, fields=("u",)):
    """Data without a truth: those of `data`, thinned in time."""
    with open_data(data) as opened:
        states = opened.read(trajectories=slice(1, None))[:, ::every]
        grid, dt = opened.problem.grid, every * opened.dt
    if shape is not None:
        step = states.shape[-1] // shape
        states, grid = states[..., ::step], Grid((shape,), grid.lengths)
    return write_arrays(path, states, grid, dt, fields=fields)


@pytest.mark.parametrize("every", [1, 2, 5])
def test_the_trajectories_of_a_file(run, data, tmp_path, every, capsys):
    path = measured(tmp_path / "measured.h5", data, every=every)
    capsys.readouterr()
    assert main(["predict", str(run), str(path), "--quiet", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document["predictors"]) == ["equation", "network"]
    assert document["true_equations"] is None
    assert document["times"] == pytest.approx(0.01 * np.arange(0, 11, every))
    assert document["data"]["trajectories"] == 5
    with open_data(path) as opened:
        observed = opened.read()
    # Noise of 0.1 % of the standard deviation, which is at most the norm, is in the data.
    medians = [table["end"] for table in document["median"].values()]
    assert max(medians) < 0.02
    blocks = predict_run(run, Request(path)).predicted["network"]
    whole = predict_run(run, Request(measured(tmp_path / "all.h5", data))).predicted["network"]
    assert blocks.shape == (observed.shape[1], 1, 64)
    assert blocks.shape[0] == len(whole[::every])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": 32}, ["grid 32", "64"]),
        ({"fields": ("w",)}, ["fields w", "u"]),
        ({"every": 0.5}, ["0.005", "0.01"]),
    ],
    ids=["grid", "fields", "dt"],
)
def test_data_that_do_not_suit_the_training(run, data, tmp_path, change, said, refused):
    path = tmp_path / "other.h5"
    if "every" in change:
        with open_data(data) as opened:
            write_arrays(path, opened.read(), opened.problem.grid, opened.dt / 2, fields=("u",))
    else:
        measured(path, data, **change)
    message = refused(["predict", run, path])
    assert all(part in message for part in said), message
    assert not (run / "prediction").exists()


def test_options_that_make_data_do_not_go_with_data(run, data, refused):
    for option in ("--seed", "--times", "--trajectories", "--noise"):
        assert option in refused(["predict", run, data, option, "3"])


def test_an_unknown_truth_asks_for_data(data, settings, tmp_path, refused):
    path, run = measured(tmp_path / "measured.h5", data), tmp_path / "run"
    assert main(["discover", str(path), "-o", str(run), "--config", str(settings), "-q"]) == 0
    said = refused(["predict", run])
    assert "measured.h5" in said and "give data" in said
    # Known equation, unknown initial fields.
    with open_data(path) as opened:
        pde = PDE("u_t = 0.1*u_xx - 0.5*u_x")
        problem = Problem.periodic(pde, opened.problem.grid)
        write_arrays(path, opened.read(), problem, opened.dt, overwrite=True)
    assert "initial fields" in refused(["predict", run])


def test_the_seed_of_the_training_is_refused(run, refused):
    assert "--seed 1" in refused(["predict", run, "--seed", "0"])


def test_another_network_beside(run, extracted, tmp_path, capsys, refused):
    record = run / "equation.json"
    arguments = ["predict", str(run), *FEW, "--against", str(extracted), "--json"]
    capsys.readouterr()
    assert main(arguments) == 0
    tables = json.loads(capsys.readouterr().out)["predictors"]
    assert list(tables)[-1] == "network of run"
    assert tables["network of run"]["errors"] == tables["network"]["errors"]
    assert "twice" in refused([*arguments, "--against", extracted, "--overwrite",
                               "--against", extracted])  # fmt: skip
    record.unlink()
    assert (
        main(["predict", str(extracted), *FEW, "-o", str(tmp_path / "q"), "--against", str(run)])
        == 0
    )  # a run to compare with needs a network, no equation


def test_a_run_on_other_data_is_no_comparison(run, data, settings, tmp_path, refused):
    path, other = measured(tmp_path / "coarse.h5", data, shape=32), tmp_path / "other"
    assert main(["train", str(path), "-o", str(other), "--config", str(settings), "-q"]) == 0
    assert "grid 32" in refused(["predict", run, "--against", other])


def test_predictions_that_blow_up_are_counted(run, capsys):
    record = json.loads((run / "equation.json").read_text())
    record.update(equations=["u_t = -0.5*u_xx"], stderr={}, dropped=[], refinement=None)
    (run / "equation.json").write_text(json.dumps(record))
    capsys.readouterr()
    assert main(["predict", str(run), *FEW]) == 0
    (line,) = (row for row in capsys.readouterr().out.splitlines() if row.startswith("equation "))
    assert line.split()[-2:] == ["100", "%"] and "∞" in line
    document = json.loads((run / "prediction" / "prediction.json").read_text(encoding="utf-8"))
    table = document["predictors"]["equation"]
    assert table["lost"][0] == 0 and table["lost"][-1] == 1
    assert table["percentiles"]["0"][-1] is None and table["errors"][0][-1] is None
    assert document["predictors"]["network"]["lost"][-1] == 0


@pytest.mark.parametrize("value", ["1e999", "inf", "nan", "1e300", "0", "-1"])
def test_times_is_a_number_that_can_be_counted_to(value: str) -> None:
    """An infinite one was an internal error."""
    from click.testing import CliRunner

    from pdenet.cli.commands.predict import command

    found = CliRunner().invoke(command, ["run", "--times", value])
    assert found.exit_code == 2 and "--times" in found.output
