"""Commands that are killed (SIGKILL) at named points: the folder goes on, and nothing is lost.

The points are the renamings by which files come into place, the only moments at which what a folder
holds changes its meaning: the n-th of a command is never made.
"""

import json
import os
import shutil
import subprocess
import sys

import pytest

from pdenet.cli import main
from pdenet.results import load_equation

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

# Loads everything once; each line on stdin forks a command that kills itself at its n-th renaming.
VICTIMS = """
import importlib, json, os, signal, sys
from pdenet.cli import main
from pdenet.results import load_equation
for name in ("train", "extract", "refine"):
    importlib.import_module(f"pdenet.cli.{name}")
for line in sys.stdin:
    arguments, count = json.loads(line)
    child = os.fork()
    if child == 0:
        replace, left = os.replace, [count]
        def killing(source, target):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(source, target)
        os.replace = killing
        os._exit(main(arguments))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def killed():
    """A function of the words of a command, and of the number of the renaming that kills it."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", VICTIMS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as victims:

        def kill(arguments, count):
            victims.stdin.write(json.dumps([[str(word) for word in arguments], count]) + "\n")
            victims.stdin.flush()
            assert victims.stdout.readline() == "-9\n"

        yield kill
        victims.stdin.close()


@pytest.fixture(scope="module")
def other(data, settings, tmp_path_factory):
    """A finished training from another seed, not to be written to."""
    run = tmp_path_factory.mktemp("other") / "run"
    assert main(["train", *words(data, run, settings), "--seed", "1", "-q"]) == 0
    return run


def words(data, run, settings):
    return [str(data), "-o", str(run), "--config", str(settings)]


def weights(run):
    return [path.name for path in (run / "checkpoint").glob("weights-*")]


def hidden(folder):
    return [path.name for path in folder.rglob(".*")]


# config.json, then the two files of each checkpoint; before these what is there is moved aside.
@pytest.mark.parametrize("count", [1, 3, 5], ids=["aside", "weights", "next weights"])
def test_a_training(count, data, settings, trained, tmp_path, killed):
    run = tmp_path / "run"
    killed(["train", *words(data, run, settings)], count)
    begun = (run / "checkpoint" / "state.json").exists()
    assert begun == (count == 5)
    assert main(["train", *words(data, run, settings), "--resume" if begun else "--overwrite"]) == 0
    assert weights(run) == weights(trained) and hidden(run) == []


@pytest.mark.parametrize(
    ("count", "stays"),
    [(3, True), (4, True), (7, True), (8, False), (10, False)],
    ids=["half aside", "all aside", "state", "next weights", "the end"],
)
def test_a_training_that_replaces_another(
    count, stays, data, settings, trained, other, tmp_path, killed, capsys
):
    """The earlier run is there, whole, until the new one has a checkpoint."""
    run = shutil.copytree(other, tmp_path / "run")
    killed(["train", *words(data, run, settings), "--overwrite"], count)
    assert main(["train", str(data), "-o", str(run), "--resume"]) == 0
    assert weights(run) == weights(other if stays else trained) and hidden(run) == []
    seed = json.loads((run / "config.json").read_text())["seed"]
    assert seed == (1 if stays else 0)


def test_a_read_out(trained, tmp_path, killed):
    run = shutil.copytree(trained, tmp_path / "run")
    command = ["extract", str(run), "--no-refine"]
    killed(command, 1)
    assert not (run / "equation.json").exists() and hidden(run)
    assert main(command) == 0
    assert (run / "equation.json").exists() and hidden(run) == []


def test_a_refinement(data, tmp_path, killed):
    """Killed when it had kept its state once, and just before its result came into place."""
    equation = ["--pde", "u_t = 0.09*u_xx - 0.5*u_x", "--keep-terms"]
    states = []
    with pytest.MonkeyPatch.context() as patch:
        save = "pdenet.training.refined.RefinementState.save"
        patch.setattr(save, lambda self, tensors: states.append(tensors))
        whole = tmp_path / "whole.json"
        assert main(["refine", str(data), *equation, "-o", str(whole)]) == 0
    wanted = load_equation(whole)
    for count in (2, len(states) + 1):
        output = tmp_path / "refined.json"
        command = ["refine", str(data), *equation, "-o", str(output), "--overwrite"]
        output.unlink(missing_ok=True)
        killed(command, count)
        assert not output.exists() and hidden(tmp_path)  # locks, and a file on its way
        assert main([*command, "--resume"]) == 0
        found = load_equation(output)
        for term, error in wanted.stderr["u"].items():
            change = found.pde.terms()["u"][term] - wanted.pde.terms()["u"][term]
            assert abs(change) < 0.1 * error  # where a fit ends, see CONVERGED
        assert {path.name for path in tmp_path.iterdir()} == {"whole.json", "refined.json"}
