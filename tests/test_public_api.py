"""The names that users import: present, lazy, and the same object as at their source."""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
import subprocess
import sys

import pytest

import pdenet
import simulators


def modules() -> list[str]:
    return sorted(
        module.name
        for package in (pdenet, simulators)
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
        if not module.name.endswith("__main__")
    )


@pytest.mark.parametrize("name", sorted(set(pdenet.__all__) - {"__version__"}))
def test_public_name_is_the_object_of_its_module(name):
    value = getattr(pdenet, name)
    assert value is getattr(importlib.import_module(pdenet._HOMES[name]), name)
    assert name in dir(pdenet)


def test_public_names_and_lazy_table_agree():
    assert set(pdenet.__all__) == {*pdenet._HOMES, "__version__"}


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = pdenet.no_such_name


def test_version_is_that_of_the_distribution():
    assert importlib.metadata.version("pdenet") == pdenet.__version__


@pytest.mark.parametrize("name", modules())
def test_every_name_in_all_exists(name):
    module = importlib.import_module(name)
    missing = [public for public in module.__all__ if not hasattr(module, public)]
    assert missing == []
    assert len(set(module.__all__)) == len(module.__all__)


def test_import_of_the_package_loads_nothing_heavy():
    code = "import sys, pdenet; print(sorted({'torch', 'sympy', 'h5py'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_readme_names_import():
    code = "from pdenet import PDE, Grid, discover; from simulators import simulate"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
