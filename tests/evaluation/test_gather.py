"""The evidence of a run: from its folder and its data, without a command."""

import numpy as np
import pytest

from pdenet.errors import CheckpointError
from pdenet.evaluation.evidence import PAPERS
from pdenet.evaluation.gather import evidence_of
from pdenet.evaluation.records import record
from pdenet.pde import PDE
from pdenet.results import DiscoveredEquation
from pdenet.storage import open_data, write_arrays

FOUND = DiscoveredEquation(PDE("u_t = 0.11*u_xx - 0.5*u_x"), {})


def test_an_equation_without_a_network_stands_beside_the_truth(data):
    with open_data(data) as opened:
        evidence = evidence_of(FOUND, opened, seconds={"refine": 2.0}, settings={"order": 2})
        digest = opened.digest()
    assert evidence.title == "u_t = -0.5*u_x + 0.1*u_xx"
    assert evidence.comparison.einf == pytest.approx(0.1)
    assert evidence.data.digest == digest and evidence.data.shape == (6, 11, 1, 64)
    assert evidence.loss == () and evidence.horizon is None and evidence.references == PAPERS
    assert evidence.settings == {"order": 2} and evidence.seconds == {"refine": 2.0}
    assert evidence.observed.shape == evidence.predicted.shape == (11, 1, 64)
    assert record(evidence)["scores"]["einf"] == pytest.approx(0.1)


def test_data_without_a_truth_have_no_comparison(data, tmp_path):
    path = tmp_path / "measured.h5"
    with open_data(data) as opened:
        write_arrays(path, opened.read(), opened.problem.grid, opened.dt, fields=("u",))
    with open_data(path) as opened:
        evidence = evidence_of(FOUND, opened)
    assert evidence.truth is None and evidence.comparison is None
    assert evidence.title == "measured"


@pytest.mark.slow
def test_the_records_of_a_run_are_in_its_evidence(data, trained, tmp_path):
    with open_data(data) as opened:
        evidence = evidence_of(FOUND, opened, trained)
        with pytest.raises(CheckpointError, match=r"make it with train\(data, ") as caught:
            evidence_of(FOUND, opened, tmp_path / "nothing")
    assert "pdenet train DATA" in caught.value.shell
    assert [curve.blocks for curve in evidence.loss] == [1, 2]
    assert evidence.horizon == pytest.approx(0.02)
    assert evidence.seeds == {"data": 0, "training": 0}
    assert set(evidence.errors) == {"equation", "network"}
    assert np.isfinite(evidence.errors["network"]).all()
