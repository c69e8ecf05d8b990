"""Which data and which settings a command goes on with."""

import json

import pytest

from pdenet.cli import main
from pdenet.cli.named import with_preset
from pdenet.pde.catalogue import catalogue
from pdenet.storage import open_data
from pdenet.training.config import PRESETS
from pdenet.training.run import read_run

pytestmark = pytest.mark.slow

NAMED = [
    *("burgers-1d", "--grid", "32", "--trajectories", "4", "--frames", "7", "--refine", "1"),
    *("--noise", "0.001"),
]
FAST = """
values = 2048
refine = false
[network]
units = 1
[[stages]]
blocks = 1
iterations = 10
filters = false
penalties = false
[readout]
steps = 4
select_values = 2048
fit_values = 2048
iterations = 1
"""


@pytest.fixture(scope="module")
def fast(tmp_path_factory):
    """Settings of a training that takes a moment."""
    path = tmp_path_factory.mktemp("settings") / "fast.toml"
    path.write_text(FAST)
    return path


@pytest.fixture(scope="module")
def done(tmp_path_factory, fast):
    """A finished run of a named equation, not to be written to."""
    run = tmp_path_factory.mktemp("done") / "run"
    assert main(["discover", *NAMED, "--config", str(fast), "-o", str(run), "-q"]) == 0
    return run


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--grid", "64"], ["grid (32,)", "(64,)"]),
        (["--lengths", "1"], ["lengths"]),
        (["--noise", "0.01"], ["noise 0.001", "0.01"]),
        (["--frames", "9"], ["frames 7", "9"]),
        (["--trajectories", "5"], ["trajectories 4", "5"]),
        (["--dt", "0.5"], ["dt 0.01", "0.5"]),
        (["--order", "4"], ["order 8", "4"]),
        (["--substeps", "3"], ["substeps"]),
        (["--late-start", "3"], ["late start 1.0", "3"]),
        (["--param", "nu=0.2"], ["0.1", "0.2"]),
        (["--seed", "1"], ["seed"]),
        (["--boundary", "dirichlet=0"], ["boundary"]),
    ],
    ids=lambda part: part[0] if part[0].startswith("--") else "",
)
def test_resume_with_other_data_options_is_refused(done, change, said, refused):
    before = contents(done)
    message = refused(["discover", *NAMED, *change, "-o", done, "--resume"])
    assert all(part in message for part in said), message
    assert "--overwrite" in message and contents(done) == before


def test_resume_of_another_equation_is_refused(done, refused):
    message = refused(["discover", "diffusion", "-o", done, "--resume"])
    assert "u_xx" in message and "u_yy" in message
    message = refused(["discover", "--pde", "u_t = u_xx", "-o", done, "--resume"])
    assert "not 'u_t = u_xx'" in message


def test_resume_with_what_was_typed_or_less_goes_on(done, capsys):
    for options in (["burgers-1d"], [*NAMED, "--param", "nu=0.1", "--lengths", "2pi"]):
        assert main(["discover", *options, "-o", str(done), "--resume", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["scores"]["recall"] > 0


def test_a_run_on_a_file_is_not_resumed_by_name(trained, data, refused):
    before = contents(trained)
    message = refused(["discover", "burgers-1d", "-o", trained, "--resume"])
    assert f"pdenet discover {data} -o {trained} --resume" in message
    assert contents(trained) == before


def test_an_equation_brings_its_settings(done, data):
    """A preset stands unless others were asked for; without one the options are as they were."""
    plain = {"config": None, "preset": None, "seed": 1}
    for name, entry in catalogue.items():
        assert with_preset(plain, name) == {**plain, "preset": entry.preset}
        assert entry.preset is None or entry.preset in PRESETS
        typed = {**plain, "preset": "paper"}
        assert with_preset(typed, name) == typed
        assert with_preset({**plain, "config": "a.toml"}, name)["preset"] is None
    assert with_preset(plain, done / "data.h5") == plain
    assert with_preset(plain, data) == with_preset(plain, None) == plain


@pytest.mark.parametrize("name", [n for n, entry in catalogue.items() if entry.preset is not None])
def test_data_of_an_equation_are_found_to_be_its_own(name, tmp_path):
    path = tmp_path / "data.h5"
    few = ["--trajectories", "1", "--frames", "2", "--refine", "1", "--noise", "0"]
    assert main(["simulate", name, "-o", str(path), "--grid", "16", *few, "-q"]) == 0
    with open_data(path) as opened:
        assert opened.metadata["name"] == name
    assert with_preset({"config": None, "preset": None}, path)["preset"] == catalogue[name].preset


def test_train_takes_a_preset_by_name(done, tmp_path, monkeypatch):
    run = tmp_path / "run"
    seen = []

    def train(data, output, config, **rest):
        seen.append(config)

    monkeypatch.setattr("pdenet.cli.train.train", train)
    own = str(done / "data.h5")
    assert main(["train", own, "-o", str(run), "--preset", "paper", "-q"]) == 0
    assert main(["train", own, "-o", str(run), "-q"]) == 0
    assert [stage.blocks for stage in seen[0].stages] == [1, 1, 2, 3, 4, 5, 6, 9]
    assert seen[1] == read_run(done).config.__class__()
