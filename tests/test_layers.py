"""The layers hold: read from the syntax tree of every source file, nothing is imported or run.

Imports point to a lower rank only; rooms of one rank do not import each other; each third-party
package stays in its layer; nothing is imported inside a function; nothing is evaluated from text.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pdenet.cli.group import COMMANDS

ROOT = Path(__file__).resolve().parent.parent

# Room -> (rank, third-party packages it may use). The rooms of the numerics row, at 4.5, use
# `types` and `threads`. A file of a room has a row of its own where others may use it alone: the
# simulators share tableaus with the network, and no step.
NUMERICS = frozenset({"numpy", "torch", "scipy"})
TABLE: dict[str, tuple[float, frozenset[str]]] = {
    "errors": (0, frozenset()),
    "foreign": (0, frozenset()),
    "words": (0, frozenset()),
    "boundary": (0.5, frozenset()),
    "events": (0.5, frozenset()),
    "grid": (0.5, frozenset({"numpy"})),
    "seam": (0.5, frozenset({"numpy"})),
    "pde": (1, frozenset({"numpy", "sympy"})),
    "problem": (2, frozenset()),
    "storage": (3, frozenset({"numpy", "h5py"})),
    "types": (4, frozenset({"numpy", "torch"})),
    "arrays": (4, frozenset({"numpy", "torch"})),
    "device": (4, frozenset({"torch"})),
    "threads": (4, frozenset({"torch"})),
    "schemes.tableau": (4.2, frozenset()),
    "nn": (4.5, NUMERICS),
    "schemes": (4.5, NUMERICS),
    "spectral": (4.5, NUMERICS),
    "optimise": (4.5, NUMERICS),
    "dataset": (4.5, NUMERICS),
    "baselines": (4.5, NUMERICS | {"sympy"}),
    "simulators": (4.5, NUMERICS | {"sympy"}),
    "results": (4.5, frozenset({"numpy", "sympy", "torch"})),
    "library": (5, NUMERICS | {"sympy"}),
    "noise": (5, NUMERICS),
    "model": (5, NUMERICS | {"sympy"}),
    "readout": (6, NUMERICS | {"sympy"}),
    # Rooms of rooms and what all of them need, each with a rank of its own; steps last.
    "likelihood.config": (6.1, NUMERICS),
    "likelihood.check": (6.2, NUMERICS),
    "likelihood.states": (6.3, NUMERICS | {"sympy"}),
    "likelihood.fit": (6.4, NUMERICS),
    "likelihood.selection": (6.5, NUMERICS | {"sympy"}),
    "likelihood.verdict": (6.6, NUMERICS),
    "likelihood": (6.7, NUMERICS | {"sympy"}),
    "training": (7, frozenset({"numpy", "torch", "pydantic", "safetensors", "tomli"})),
    "progress": (7.5, frozenset({"rich"})),
    "sharpen": (7.7, frozenset({"numpy"})),
    "alone": (7.8, frozenset()),
    "evaluation": (7.8, NUMERICS | {"sympy"}),
    "report": (8, frozenset({"numpy", "matplotlib", "jinja2", "sympy"})),
    "estimator": (8, frozenset({"numpy", "torch"})),
    "cli": (9, frozenset({"click", "rich"})),
}
# The data come from another discretisation than the one that learns: who predicts joins them, and
# the surface.
JOINS_SIMULATORS = frozenset({"simulators", "evaluation", "cli"})
# What imports late: public names, the command line, and its commands.
LAZY = frozenset({"pdenet/__init__.py", "pdenet/cli/__init__.py", "pdenet/cli/group.py"})

EVALUATORS = frozenset(
    {"eval", "exec", "__import__", "sympify", "lambdify", "parse_expr", "_sympify"}
)
EVALUATING_METHODS = frozenset(
    {
        "builtins.eval",
        "builtins.exec",
        "torch.load",
        "torch.jit.load",
        "sympy.S",
        *(f"sympy.{name}" for name in ("sympify", "lambdify", "parse_expr")),
    }
)
UNPICKLERS = frozenset({"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"})
GLOBAL_SEEDS = frozenset(
    {"torch.manual_seed", "torch.cuda.manual_seed_all", "np.random.seed", "numpy.random.seed"}
)


def sources() -> list[Path]:
    return sorted([*(ROOT / "pdenet").rglob("*.py"), *(ROOT / "simulators").rglob("*.py")])


def room_of(module: str) -> str:
    """`pdenet.nn.filters` -> `nn`; `simulators.x` -> `simulators`; `pdenet` -> the empty name.

    What the table has of a room is one of its own.
    """
    parts = module.split(".")
    if parts[0] == "simulators":
        return "simulators"
    if parts[1:] == ["__main__"]:
        return "cli"  # `python -m pdenet` is the command line
    inner = ".".join(parts[1:3])
    return inner if inner in TABLE else parts[1] if len(parts) > 1 else ""


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def imports(tree: ast.AST, package: str) -> Iterator[tuple[str, str, int]]:
    """(module, imported name or "", line) of every import anywhere in the tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, "", node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                parents = parents[: len(parents) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            for alias in node.names:
                yield base, alias.name, node.lineno


def wrong_imports(source: str, path: str) -> list[str]:
    """Upward, sideways and foreign imports of one file; `path` is relative to the root."""
    module_parts = path.removesuffix(".py").split("/")
    package = ".".join(module_parts[:-1])
    room = room_of(".".join(module_parts).removesuffix(".__init__"))
    if path == "pdenet/__init__.py":
        return []
    if room not in TABLE:
        return [f"{path}: room {room!r} is not in the table of layers"]
    rank, packages = TABLE[room]
    found = []
    for module, name, line in imports(ast.parse(source), package):
        top = module.split(".")[0]
        where = f"{path}:{line}: {room} (rank {rank:g}) imports"
        if top in ("pdenet", "simulators"):
            whole = f"{module}.{name}"
            whole = whole if whole.removeprefix("pdenet.") in TABLE else module
            target = room_of(whole) or ("" if name == "__version__" else name)
            if target in ("", room):
                continue
            if target == "simulators" and room not in JOINS_SIMULATORS:
                found.append(f"{where} simulators; only evaluation, cli and examples may")
            elif target not in TABLE:
                found.append(f"{where} {module}.{name}; import from the module that holds it")
            elif TABLE[target][0] >= rank:
                found.append(f"{where} {target} (rank {TABLE[target][0]:g}), not below it")
        elif top not in sys.stdlib_module_names and top not in packages:
            found.append(f"{where} {top}; allowed: {', '.join(sorted(packages)) or 'none'}")
    return found


def late_imports(source: str, path: str) -> list[str]:
    """Imports inside functions, and imports by name outside the two lazy tables."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            found += [
                f"{path}:{inner.lineno}: import inside a function"
                for inner in ast.walk(node)
                if isinstance(inner, ast.Import | ast.ImportFrom)
            ]
        if (
            isinstance(node, ast.Call)
            and dotted(node.func).split(".")[-1] in ("import_module", "__import__")
            and path not in LAZY
        ):
            found.append(f"{path}:{node.lineno}: {dotted(node.func)}() outside the lazy tables")
    return found


def _has_true(call: ast.Call, name: str) -> bool:
    return any(
        keyword.arg == name
        and isinstance(keyword.value, ast.Constant)
        and keyword.value.value is True
        for keyword in call.keywords
    )


def unsafe_calls(source: str, path: str) -> list[str]:
    """Evaluation of text, unpickling, global seeds, and printing outside the command line."""
    tree = ast.parse(source)
    found = [
        f"{path}:{line}: imports {module}"
        for module, _, line in imports(tree, "")
        if module.split(".")[0] in UNPICKLERS
    ]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        forbidden = name in EVALUATORS | EVALUATING_METHODS | GLOBAL_SEEDS
        pickles = any(
            keyword.arg == "allow_pickle"
            and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)
            for keyword in node.keywords
        )
        # In strict mode sympy.sympify refuses text and takes only what is an expression already.
        if name == "sympy.sympify" and _has_true(node, "strict"):
            continue
        prints = name == "print" and not path.startswith("pdenet/cli/")
        if forbidden or pickles or prints:
            found.append(f"{path}:{node.lineno}: calls {name}()")
    return found


CHECKS = (wrong_imports, late_imports, unsafe_calls)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_source_file_keeps_the_rules(check):
    found = [
        violation
        for path in sources()
        for violation in check(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("check", "path", "source"),
    [
        (wrong_imports, "pdenet/nn/filters.py", "from pdenet.model.rhs import RHS"),
        (wrong_imports, "pdenet/nn/filters.py", "from pdenet.schemes import get"),
        (wrong_imports, "pdenet/nn/filters.py", "from ..training import config"),
        (wrong_imports, "pdenet/nn/filters.py", "from .. import training"),
        (wrong_imports, "pdenet/nn/filters.py", "import simulators"),
        (wrong_imports, "pdenet/model/rhs.py", "from simulators import simulate"),
        (wrong_imports, "pdenet/model/rhs.py", "from pdenet import PDE"),
        (wrong_imports, "pdenet/report/document.py", "from pdenet.estimator import discover"),
        (wrong_imports, "pdenet/pde/parse.py", "import torch"),
        (wrong_imports, "pdenet/grid.py", "import scipy.fft"),
        (wrong_imports, "pdenet/noise/law.py", "from pdenet.likelihood.config import RefineConfig"),
        (
            wrong_imports,
            "pdenet/likelihood/states/given.py",
            "from pdenet.likelihood.fit.setup import Setup",
        ),
        (
            wrong_imports,
            "pdenet/likelihood/verdict/misfit.py",
            "from pdenet.likelihood import judge",
        ),
        (wrong_imports, "pdenet/likelihood/check.py", "from pdenet.likelihood import fit"),
        (wrong_imports, "pdenet/readout/expand.py", "from pdenet.likelihood import refine"),
        (wrong_imports, "pdenet/errors.py", "import numpy as np"),
        (wrong_imports, "pdenet/training/trainer.py", "import rich"),
        (wrong_imports, "pdenet/kitchen.py", "x = 1"),
        (wrong_imports, "simulators/stepping.py", "from pdenet.schemes import get"),
        (
            wrong_imports,
            "pdenet/schemes/tableau.py",
            "from pdenet.schemes.base import RHS",
        ),
        (wrong_imports, "simulators/stencils.py", "from pdenet.nn import moments"),
        (late_imports, "pdenet/grid.py", "def f():\n    import math"),
        (late_imports, "pdenet/grid.py", "import importlib\nimportlib.import_module('torch')"),
        (unsafe_calls, "pdenet/pde/parse.py", "eval('1')"),
        (unsafe_calls, "pdenet/pde/parse.py", "import sympy\nsympy.sympify('1')"),
        (unsafe_calls, "pdenet/pde/parse.py", "from sympy import lambdify\nlambdify((), 1)"),
        (unsafe_calls, "pdenet/training/checkpoint.py", "import torch\ntorch.load('x')"),
        (unsafe_calls, "pdenet/training/checkpoint.py", "import pickle"),
        (unsafe_calls, "pdenet/storage/read.py", "np.load('x', allow_pickle=True)"),
        (unsafe_calls, "pdenet/training/trainer.py", "print('loss')"),
        (unsafe_calls, "pdenet/training/trainer.py", "import torch\ntorch.manual_seed(0)"),
    ],
)
def test_a_broken_rule_is_found(check, path, source):
    assert len(check(source, path)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("pdenet/nn/filters.py", "import torch\nfrom pdenet.types import State\nimport math"),
        ("pdenet/nn/filters.py", "from .moments import kernel_from_moments"),
        ("pdenet/likelihood/judge.py", "from pdenet.likelihood.fit.setup import Setup"),
        ("pdenet/likelihood/fit/setup.py", "from pdenet.likelihood.check import acting_in"),
        ("simulators/stepping.py", "from pdenet.schemes.tableau import TABLEAUS"),
        ("pdenet/problem.py", "from pdenet.boundary import Boundary\nfrom pdenet.pde import PDE"),
        ("pdenet/cli/main.py", "import click\nfrom simulators import simulate\nprint('x')"),
        ("pdenet/training/trainer.py", "from pdenet import __version__\nnp.load('x')"),
        ("simulators/stencils.py", "import torch\nfrom pdenet.grid import Grid"),
        ("pdenet/pde/parse.py", "import sympy\nsympy.sympify(x, strict=True)"),
        ("pdenet/model/rhs.py", "import torch\nmodel.eval()\nast.literal_eval('1')"),
    ],
)
def test_a_kept_rule_is_not_reported(path, source):
    assert [violation for check in CHECKS for violation in check(source, path)] == []


HELP = [["--help"], *([name, "--help"] for name in COMMANDS)]
COMPLETION = {
    "_PDENET_COMPLETE": "bash_complete",
    "COMP_WORDS": "pdenet discover --",
    "COMP_CWORD": "2",
}


@pytest.mark.parametrize("arguments", HELP, ids=" ".join)
def test_help_loads_nothing_heavy(arguments):
    assert heavy_after(arguments, {}) == "heavy: []"


def test_the_completion_of_a_shell_loads_nothing_heavy():
    assert heavy_after([], COMPLETION) == "heavy: []"


def heavy_after(arguments, environment):
    """The heavy packages that a command line has loaded, said in one line."""
    code = (
        "import sys\n"
        "from pdenet.cli import main\n"
        f"try:\n    main({arguments!r})\n"
        "except SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "heavy = {'torch', 'sympy', 'scipy', 'h5py', 'matplotlib', 'numpy', 'pydantic'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.splitlines()) > 3  # it has said something
    return ran.stdout.splitlines()[-1]
