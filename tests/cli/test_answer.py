"""What a run folder holds already is printed, and read anew only where that could change it."""

import json
import shutil
from threading import Thread

import pytest

from pdenet.cli import main
from pdenet.storage.claim import claimed_folder


@pytest.fixture(scope="module")
def read(trained, tmp_path_factory):
    """A run whose equation was read and not refined, not to be written to."""
    run = tmp_path_factory.mktemp("read") / "run"
    shutil.copytree(trained, run)
    assert main(["extract", str(run), "--no-refine"]) == 0
    return run


@pytest.fixture
def run(read, tmp_path):
    """A copy of it."""
    return shutil.copytree(read, tmp_path / "run")


@pytest.fixture
def readings(monkeypatch):
    """How a network is read again; every time it is, that is noted and nothing else done."""
    seen = []

    def extract(run, **options):
        seen.append(options["refine"])
        raise KeyboardInterrupt

    monkeypatch.setattr("pdenet.cli.extract.extract", extract)
    return seen


@pytest.mark.parametrize("form", ["text", "unicode", "latex", "markdown", "json", None])
def test_every_form_is_printed_from_the_record(form, run, readings, capsys):
    arguments = ["extract", str(run), "--no-refine"] + (["--format", form] if form else [])
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert main(arguments) == 0
    streams = capsys.readouterr()
    assert readings == [] and "u_" in streams.out and "--anew" in streams.err
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_it_is_the_same_as_what_reading_gives(run, capsys):
    documents = []
    for more in ([], ["--anew"]):
        capsys.readouterr()
        assert main(["extract", str(run), "--no-refine", "--json", *more]) == 0
        documents.append(json.loads(capsys.readouterr().out))
        documents[-1].pop("seconds")
    assert documents[0] == documents[1]


def edited(run, name, change):
    record = json.loads((run / name).read_text())
    change(record)
    (run / name).write_text(json.dumps(record))


CHANGES = {
    "another question": lambda run: None,
    "another network": lambda run: edited(
        run, "equation.json", lambda record: record["origin"].update(digest="0" * 64)
    ),
    "other settings": lambda run: edited(
        run, "config.json", lambda record: record["config"]["readout"].update(steps=5)
    ),
    "an older record": lambda run: edited(
        run, "equation.json", lambda record: record.pop("origin")
    ),
    "a damaged record": lambda run: (run / "equation.json").write_text("{"),
    "no record": lambda run: (run / "equation.json").unlink(),
    "a refinement on its way": lambda run: (run / "refinement.safetensors").touch(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_could_be_another_is_read_again(change, run, readings):
    CHANGES[change](run)
    asked = [] if change == "another question" else ["--no-refine"]
    assert main(["extract", str(run), *asked]) == 130
    assert readings == [None if change == "another question" else False]


def test_anew_reads_again(run, readings):
    assert main(["extract", str(run), "--no-refine", "--anew"]) == 130
    assert readings == [False]


def test_a_run_that_another_command_writes_to_is_left_alone(run, readings, capsys):
    codes = []
    with claimed_folder(run):
        other = Thread(target=lambda: codes.append(main(["extract", str(run)])))
        other.start()
        other.join()
    assert codes == [2] and readings == []
    assert "another command is writing to" in capsys.readouterr().err
