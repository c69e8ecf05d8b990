"""The house rules on size and shape, measured on every source file."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LONGEST_FILE = 400
LONGEST_MEDIAN = 200
LONGEST_FUNCTION = 60
MOST_PARAMETERS = 8
SHORTEST_WAIT = 60
CLOCKS = {
    *("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"),
    *("process_time", "process_time_ns", "thread_time", "thread_time_ns"),
}


def sources() -> list[Path]:
    return sorted([*(ROOT / "pdenet").rglob("*.py"), *(ROOT / "simulators").rglob("*.py")])


def line_count(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def body_length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, without the docstring; decorators do not count."""
    length = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        length -= (first.end_lineno or first.lineno) - first.lineno + 1
    return length


def parameter_count(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return sum(argument.arg not in ("self", "cls") for argument in named)


def broken_rules(source: str, path: str) -> list[str]:
    """What one file does against the rules on functions, docstrings and `__all__`."""
    tree = ast.parse(source)
    found = []
    if not ast.get_docstring(tree):
        found.append(f"{path}: no module docstring")
    names = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    if "__all__" not in names:
        found.append(f"{path}: no __all__")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            where = f"{path}:{node.lineno}: {node.name}()"
            if body_length(node) > LONGEST_FUNCTION:
                found.append(f"{where} has {body_length(node)} lines without its docstring")
            if parameter_count(node) > MOST_PARAMETERS:
                found.append(f"{where} has {parameter_count(node)} parameters")
    return found


def test_every_room_has_a_test_room():
    rooms = [path.parent.name for path in (ROOT / "pdenet").glob("*/__init__.py")]
    tests = ROOT / "tests"
    found = [
        room
        for room in rooms
        if list((tests / room).glob("test_*.py")) or (tests / f"test_{room}.py").exists()
    ]
    assert sorted(found) == sorted(rooms)
    assert len(rooms) > 12  # they were looked for in the right place


def test_no_file_is_long():
    long = {str(path.relative_to(ROOT)): line_count(path) for path in sources()}
    assert {name: count for name, count in long.items() if count > LONGEST_FILE} == {}


def test_the_median_file_is_short():
    counts = [line_count(path) for path in sources() if line_count(path) > 0]
    assert statistics.median(counts) < LONGEST_MEDIAN


def test_every_file_keeps_the_rules():
    found = [
        rule
        for path in sources()
        for rule in broken_rules(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "__all__ = []",
        '"""Doc."""',
        '"""Doc."""\n__all__ = []\ndef f():\n' + "    x = 1\n" * 60,
        '"""Doc."""\n__all__ = []\nclass C:\n    def f(self, a, b, c, d, e, f, g, h, i): ...',
    ],
)
def test_a_broken_rule_is_found(source):
    assert len(broken_rules(source, "x.py")) == 1


def test_docstring_decorators_and_self_do_not_count():
    source = (
        '"""Doc."""\n__all__: list[str] = []\nclass C:\n    @decorated(\n        1\n    )\n'
        "    def f(self, a, b, c, d, e, f, g, h):\n"
        '        """' + "line\n" * 70 + '        """\n' + "        x = 1\n" * 59
    )
    assert broken_rules(source, "x.py") == []


def clocks(source: str, path: str) -> list[str]:
    """Where a test could pass on one machine and fail on a busy one."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "time" and node.attr in CLOCKS:
                found.append(f"{path}:{node.lineno}: time.{node.attr} reads a clock")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            found.append(f"{path}:{node.lineno}: say `import time`, so that clocks are seen")
        elif isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
            value = node.value.value
            if node.arg == "deadline" and value is not None:
                found.append(f"{path}:{node.value.lineno}: an example has a deadline")
            if node.arg == "timeout" and value is not None and value < SHORTEST_WAIT:
                found.append(f"{path}:{node.value.lineno}: a wait of {value} s decides a result")
    return found


def test_no_test_depends_on_a_clock():
    """The one clock, in conftest.py, ends what hangs; how long things take is for benchmarks/."""
    tests = [path for path in sorted((ROOT / "tests").rglob("*.py")) if path.name != "conftest.py"]
    found = [
        each
        for path in tests
        for each in clocks(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("import time\nstart = time.perf_counter()", 1),
        ("from time import monotonic", 1),
        ("@settings(deadline=200)\ndef f(): ...", 1),
        ("run(timeout=30)", 1),
        ("import time\ntime.sleep(1)\nrun(timeout=600, deadline=None)", 0),
    ],
)
def test_a_clock_is_found(source, count):
    assert len(clocks(source, "x.py")) == count
