"""What a run achieves, measured from its folder."""

import json

import pytest

from pdenet.evaluation.repeats import load_repeat
from pdenet.evaluation.study import measure
from pdenet.evaluation.variants import CENTRE
from pdenet.results import load_equation
from pdenet.storage import open_data

pytestmark = pytest.mark.slow


def test_a_run_is_measured_by_its_folder_alone(extracted, data):
    with open_data(data) as opened:
        found = measure(extracted, CENTRE, 3, opened)
    terms = load_equation(extracted / "equation.json").pde.numeric_terms()["u"]
    own = {str(monomial): value for monomial, value in terms.items()}
    assert found.equation.convection == pytest.approx(abs(own["u_x"] + 0.5) / 0.5)
    assert found.equation.diffusion == pytest.approx(abs(own["u_xx"] - 0.1) / 0.1)
    assert 0 < found.network.convection < 0.5  # an untrained one is off by about 1
    assert found.seconds > 0 and 0 < found.validation < 1
    kept = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert (kept["variant"], kept["seed"], kept["size"]) == (CENTRE.name, 3, CENTRE.size)


def test_a_run_is_one_of_many_repeats(extracted):
    found = load_repeat(extracted, 5)
    assert found.seed == 5 and found.comparison.tpr == 1
    shares = {str(weight.monomial): weight.share for weight in found.kept}
    # Of u_t what moves waves is most, and nothing is more than all of it by much.
    assert shares["u_x"] > shares["u_xx"] > 0.05 and max(shares.values()) < 1.5
    assert all(weight.share < shares["u_xx"] for weight in found.remainder)
