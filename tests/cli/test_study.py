"""Studies: what is kept and shown of them, and what is refused."""

import json

import pytest

from pdenet.cli import main
from pdenet.results import load_equation
from pdenet.training.run import read_run

TINY = [
    *("--pde", "u_t = 0.1*u_xx - 0.5*u_x", "--grid", "32", "--trajectories", "4"),
    *("--frames", "9", "--refine", "1", "--noise", "0.001"),
]
FAST = """
values = 2048
[network]
units = 1
[[stages]]
blocks = 1
iterations = 15
filters = false
penalties = false
[[stages]]
blocks = 1
iterations = 4
[readout]
steps = 6
select_values = 2048
fit_values = 2048
iterations = 2
"""


@pytest.fixture(scope="module")
def fast(tmp_path_factory):
    """Settings of a training that takes a moment."""
    path = tmp_path_factory.mktemp("settings") / "fast.toml"
    path.write_text(FAST)
    return path


@pytest.mark.slow
def test_a_study_of_two_variants(fast, tmp_path, capsys, refused):
    folder = tmp_path / "study"
    arguments = ["study", *TINY, "--config", str(fast), "-o", str(folder), "--seeds", "3"]
    arguments += ["--constraint", "frozen,2", "--size", "5", "--blocks", "2", "--central"]
    arguments += ["--integrator", "midpoint"]
    assert main([*arguments, "--json"]) == 0
    streams = capsys.readouterr()
    document = json.loads(streams.out)
    assert document == json.loads((folder / "study.json").read_text())
    names = [f"constraint-{kind}_size-5_blocks-2_central_midpoint" for kind in ("frozen", 2)]
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [*names, "data-seed-3.h5", "data-seed-3.log", "plan.json", "study.json", "study.png"]
    )
    assert document["centre"] == names[1] and document["failed"] == []
    assert document["factors"]["constraint"] == ["frozen", 2]
    for entry, name in zip(document["runs"], reversed(names), strict=True):
        run = folder / name / "seed-3"
        own = read_run(run)
        assert own.data["path"] == str(folder / "data-seed-3.h5")
        assert own.config.readout.order == own.config.network.constraint == entry["constraint"]
        found = load_equation(run / "equation.json")
        assert entry["variant"] == name and entry["equations"] == list(found.pde.equations())
        terms = {str(m): value for m, value in found.pde.numeric_terms()["u"].items()}
        for kind, term, true in (("convection", "u_x", -0.5), ("diffusion", "u_xx", 0.1)):
            error = abs(terms[term] - true) / abs(true) if term in terms else 1.0
            assert entry["equation"][kind] == pytest.approx(error, rel=1e-9)
            assert 0 < entry["network"][kind] < 1
        assert entry["exact"] == (set(terms) == {"u_x", "u_xx"})
        ends = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
        ends = [event for event in ends if event["event"] == "StageFinished"]
        assert entry["validation"] == ends[-1]["validation"] and ends[-1]["stage"] == "2 blocks"
        assert entry["seconds"] > 0
    assert (folder / "study.png").read_bytes().startswith(b"\x89PNG")
    # What is finished stays; a row for each variant is printed.
    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("checkpoint/*")}
    assert main([*arguments, "--resume"]) == 0
    streams = capsys.readouterr()
    assert streams.err.count("done before") == 3
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("checkpoint/*")} == stamps
    rows = [line.split() for line in streams.out.splitlines()[1:]]
    usual = ["5", "2", "central", "midpoint"]
    assert [row[:5] for row in rows] == [["2", *usual], ["frozen", *usual]]
    # Another refusal each: something else to go on with, and a folder that is there.
    assert "--overwrite" in refused(arguments)
    other = [*arguments, "--noise", "0.01", "--resume"]
    assert "--noise=0.001" in refused(other)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--constraint", "melted"], ["melted", "frozen", "free"]),
        (["--constraint", "99"], ["network.constraint", "99"]),
        (["--size", "6"], ["network.filter_size", "6"]),
        (["--blocks", "0"], ["blocks", "0"]),
        (["--blocks", "1,,2"], ["''"]),
        (["--integrator", "leapfrog"], ["leapfrog", "midpoint"]),
        (["--seeds", "one"], ["one"]),
        (["--jobs", "0"], ["0"]),
        (["--noise", "0.1"], ["--noise"]),
        (["--blocks", "11"], ["11 blocks", "11 frames", "up to 10"]),
    ],
)
def test_a_wrong_study_leaves_nothing(options, said, data, tmp_path, refused):
    folder = tmp_path / "study"
    message = refused(["study", data, "-o", folder, *options])
    assert all(part in message for part in said), message
    assert not folder.exists()
