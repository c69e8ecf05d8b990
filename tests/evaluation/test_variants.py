"""Which variants a study has, how they are set up, and their settings as TOML."""

import pytest

from pdenet.errors import ConfigError
from pdenet.evaluation.variants import CENTRE, FACTORS, Variant, centre_of, to_toml, variants
from pdenet.training.config import PRESETS, TrainingConfig, load, preset

VALUES = {
    "constraint": ("frozen", 1, 2, "free"),
    "size": (5, 7, 9),
    "blocks": (1, 3, 6, 9),
    "upwind": (False, True),
    "integrator": ("euler", "midpoint", "rk4"),
}


def test_one_factor_varies_at_a_time():
    every = variants(VALUES, full=False)
    assert every[0] == CENTRE == centre_of(VALUES)
    assert len(every) == len(set(every)) == 1 + 3 + 2 + 3 + 1 + 2
    for variant in every[1:]:
        assert sum(getattr(variant, name) != getattr(CENTRE, name) for name in FACTORS) == 1
    full = variants(VALUES, full=True)
    assert len(set(full)) == 4 * 3 * 4 * 2 * 3 and set(every) <= set(full)
    assert len({variant.name for variant in full}) == len(full)


def test_without_the_usual_value_the_last_one_is_the_centre():
    values = {**VALUES, "constraint": ("frozen", 1), "blocks": (1, 3)}
    assert centre_of(values) == Variant(constraint=1, blocks=3)


def test_the_settings_of_a_variant():
    base = preset("paper")
    config = Variant("frozen", 7, 4, True, "rk4").config(base)
    network = config.network
    assert (network.filter_size, network.constraint) == (7, "frozen")
    assert network.pseudo_upwind and network.integrator == "rk4"
    # The refit has the same filters, so that it cannot hide what they do.
    assert (config.readout.size, config.readout.order) == (7, "frozen")
    assert config.refine.when == "never"
    assert [stage.blocks for stage in config.stages] == [1, 1, 2, 3, 4]
    assert [stage.filters for stage in config.stages] == [False, True, True, True, True]
    assert config.stages[0] == base.stages[0]
    assert {stage.iterations for stage in config.stages[1:]} == {base.stages[-1].iterations}
    assert (config.values, network.units) == (base.values, base.network.units)
    last = [stage.blocks for stage in Variant(blocks=8).config(base).stages]
    assert last == [1, 1, 2, 3, 4, 5, 6, 8]
    assert Variant("free").config(base).readout.order == 1
    with pytest.raises(ConfigError, match=r"network\.filter_size"):
        Variant(size=6).config(base)


@pytest.mark.parametrize("base", [None, *PRESETS])
def test_settings_go_through_toml_unchanged(base, tmp_path):
    config = TrainingConfig(seed=7, sparsity=1 / 3) if base is None else preset(base)
    (tmp_path / "settings.toml").write_text(to_toml(config))
    again = load(tmp_path / "settings.toml")
    assert again == config.model_copy(update={"seed": 0})
