"""Settings: what is accepted, what is refused in one line, and round trips."""

import json

import pytest

from pdenet.errors import ConfigError
from pdenet.likelihood.config import RefineConfig
from pdenet.readout import ReadoutConfig
from pdenet.training.config import (
    PRESETS,
    CoefficientsSection,
    ReadoutSection,
    RefineSection,
    SourceSection,
    StageConfig,
    TrainingConfig,
    load,
    preset,
    validated,
)


def refusal(entries: object) -> str:
    with pytest.raises(ConfigError) as caught:
        validated(entries)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400
    return message


def test_no_entries_mean_the_defaults():
    assert validated({}) == TrainingConfig()
    assert TrainingConfig().readout.value() == ReadoutConfig()
    assert TrainingConfig().refine.value(0, 60.0) == RefineConfig(budget=60.0)
    assert TrainingConfig().refine.when == "auto"


@pytest.mark.parametrize(
    ("entry", "section"),
    [
        (False, {"when": "never"}),
        (True, {"when": "always"}),
        ({"noise": 0.1, "choose": False}, {"noise": 0.1, "choose": False}),
    ],
)
def test_a_refinement_is_switched_by_one_word(entry, section):
    assert validated({"refine": entry}).refine == RefineSection(**section)


def test_a_refinement_has_the_seed_of_the_run():
    entries = {"noise": 0.1, "choose": False, "order": 3, "iterations": 5, "finest": 1}
    entries |= {"memory": 1.5, "workers": 2}
    assert validated({"refine": entries}).refine.value(7, 1e9) == RefineConfig(
        **{"budget": 1e9, **entries}, seed=7
    )


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"sead": 1}, "unknown entry sead"),
        ({"network": {"sise": 5}}, "unknown entry network.sise"),
        ({"readout": {"stepps": 5}}, "unknown entry readout.stepps"),
        ({"stages": [{"blocks": 1, "iterations": 2, "x": 1}]}, "unknown entry stages.0.x"),
        ({"seed": -1}, "seed: .*greater than or equal to 0, not -1"),
        ({"seed": "one"}, "seed: .*integer.*, not 'one'"),
        ({"seed": 2**63}, "seed: "),
        ({"dtype": "float16"}, "dtype: .*'float64' or 'float32', not 'float16'"),
        ({"values": 0}, "values: "),
        ({"sparsity": float("nan")}, "sparsity: "),
        ({"sparsity": -1e-5}, "sparsity: "),
        ({"checkpoint_minutes": 0}, "checkpoint_minutes: "),
        ({"stages": []}, "stages: "),
        ({"stages": [{"blocks": 0, "iterations": 1}]}, "stages.0.blocks: "),
        ({"stages": [{"blocks": 1}]}, "stages.0.iterations: field required"),
        ({"network": {"filter_size": 4}}, "network.filter_size: .*odd"),
        ({"network": {"constraint": "none"}}, "network.constraint"),
        ({"network": {"integrator": "leapfrog"}}, "network.integrator: "),
        ({"readout": {"size": 12}}, "readout.size: .*odd"),
        ({"network": 5}, "network: "),
        ({"network": {"coefficients": {"size": 5}}}, "unknown entry network.coefficients.size"),
        ({"network": {"source": {"peaces": 5}}}, "unknown entry network.source.peaces"),
        ({"network": {"coefficients": {"pieces": 0}}}, "network.coefficients.pieces: "),
        ({"network": {"source": {"degree": 0}}}, "network.source.degree: "),
        ({"network": {"source": 7}}, "network.source: "),
        (
            {"network": {"functions": ["sin", "tan"]}},
            "network.functions.1: .*'divide'.*, not 'tan'",
        ),
        ({"network": {"functions": "sin"}}, "network.functions: "),
        ({"margin": -1}, "margin: "),
        ({"refine": {"noize": 0.1}}, "unknown entry refine.noize; there are .*noise"),
        ({"refine": {"noise": 0}}, "refine.noise: .*greater than 0"),
        ({"refine": {"noise": float("inf")}}, "refine.noise: "),
        ({"refine": {"memory": 0}}, "refine.memory: "),
        ({"refine": {"order": 0}}, "refine.order: "),
        ({"refine": {"when": "sometimes"}}, "refine.when: "),
        ({"refine": "off"}, "refine: "),
        ([1, 2], "its top level: "),
    ],
)
def test_wrong_entries_are_refused_with_their_place(entries, message):
    with pytest.raises(ConfigError, match=message):
        validated(entries)
    refusal(entries)


def test_an_unknown_entry_is_told_the_ones_of_its_own_section():
    assert "filter_size" in refusal({"network": {"sise": 5}})
    assert "fit_values" in refusal({"readout": {"sise": 5}})
    assert "blocks" in refusal({"stages": [{"blocks": 1, "iterations": 1, "sise": 5}]})
    assert "checkpoint_minutes" in refusal({"sise": 5})
    assert "degree, pieces" in refusal({"network": {"coefficients": {"sise": 5}}})
    assert "degree, pieces" in refusal({"network": {"source": {"sise": 5}}})


def test_values_are_not_changed_later():
    with pytest.raises(ValueError, match="frozen"):
        TrainingConfig().seed = 3


@pytest.mark.parametrize(
    "config",
    [
        TrainingConfig(),
        preset("paper"),
        preset("variable-coefficients"),
        preset("nonlinear-source"),
        TrainingConfig(network={"functions": ["sin", "sin", "divide"]}, margin=3),
        TrainingConfig(refine={"when": "never", "noise": 0.1, "workers": 3}),
        TrainingConfig(
            seed=2**62,
            stages=(StageConfig(blocks=3, iterations=1, filters=False),),
            network={"constraint": "frozen", "pseudo_upwind": True},
            sparsity=0.1 + 0.2,
        ),
    ],
    ids=["default", "paper", "coefficients", "source", "functions", "refine", "other"],
)
def test_json_holds_all_of_it(config):
    text = json.dumps(config.model_dump(mode="json"), allow_nan=False)
    assert validated(json.loads(text)) == config


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_start_with_a_warm_up_and_go_on_to_more_blocks(name):
    stages = preset(name).stages
    assert not stages[0].filters and all(stage.filters for stage in stages[1:])
    blocks = [stage.blocks for stage in stages]
    assert blocks == sorted(blocks) and blocks[0] == 1 < blocks[-1]


def test_an_unknown_preset_is_refused():
    with pytest.raises(ConfigError, match=r"no preset 'papers'.*paper"):
        preset("papers")


def test_a_toml_file(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(
        'seed = 3\n[network]\nconstraint = "free"\nunits = 2\n[[stages]]\nblocks = 2\n'
        "iterations = 7\n[readout]\nsteps = 4\n[refine]\nnoise = 0.01\n"
    )
    config = load(path)
    assert (config.seed, config.network.constraint, config.network.units) == (3, "free", 2)
    assert config.stages == (StageConfig(blocks=2, iterations=7),)
    assert config.readout == ReadoutSection(steps=4)
    assert config.refine == RefineSection(noise=0.01)
    path.write_text("refine = false\n")
    assert load(path).refine == RefineSection(when="never")


def test_a_toml_file_with_coefficients_source_and_functions(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(
        'margin = 2\n[network]\nfunctions = ["sin", "divide"]\n[network.coefficients]\n'
        "pieces = 12\n[network.source]\n"
    )
    network = load(path).network
    assert load(path).margin == 2
    assert network.functions == ("sin", "divide")
    assert network.coefficients == CoefficientsSection(pieces=12)
    assert network.source == SourceSection()
    assert TrainingConfig().network.coefficients is None and TrainingConfig().network.source is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"seed = ", "cannot be read"),
        (b"seed = 1\nseed = 2", "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"[[network]]\nunits = 3", "is wrong at network"),
        (b"seeds = 1", "unknown entry seeds"),
        (b"a = " + b"[" * 5000, "cannot be read"),
    ],
    ids=["syntax", "twice", "no text", "table of tables", "unknown", "deep"],
)
def test_a_broken_file_is_one_line(tmp_path, content, message):
    path = tmp_path / "run.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        load(path)
    assert "\n" not in str(caught.value) and "run.toml" in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"none.toml' cannot be read: No such file"):
        load(tmp_path / "none.toml")
