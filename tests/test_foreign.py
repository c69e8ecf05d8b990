"""Nothing that came from outside is obeyed by a terminal, or stands raw in a report."""

import io
import json
import logging
import sys
import unicodedata
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet.cli import main
from pdenet.cli.console import note, print_json, print_rows, print_text
from pdenet.foreign import json_text, one_line, printable
from pdenet.report import escape

HOSTILE = "\x1b[2J\x1b]0;owned\x07\r\x9b31m\u202eexe.txt\u2028\x7f\udcff"


def obeyed(text):
    """The characters in a text that a terminal would obey."""
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp")
    harmless = "\n\u200c\u200d"
    return [c for c in text if unicodedata.category(c) in kinds and c not in harmless]


ANY = st.text(st.characters(codec=None) | st.sampled_from(HOSTILE))


@given(ANY)
@settings(deadline=None)
def test_what_is_drawn_stays_and_what_is_obeyed_is_written_out(text):
    shown = printable(text)
    assert not obeyed(shown)
    assert printable(shown) == shown
    assert not obeyed(one_line(text)) and "\n" not in one_line(text)
    if not obeyed(text):
        assert shown == text


@given(st.dictionaries(ANY, ANY | st.floats(allow_nan=False, allow_infinity=False)))
@settings(deadline=None)
def test_json_means_the_same(value):
    text = json_text(value)
    assert json.loads(text) == value and not obeyed(text)


def test_how_it_reads():
    assert printable("a\x1b[2J\u202eb") == "a\\x1b[2J\\u202eb"
    assert printable("∂u/∂t = ν ∇²u, 数据, ق\n") == "∂u/∂t = ν ∇²u, 数据, ق\n"


@given(ANY)
@settings(deadline=None)
def test_reports_hold_no_such_characters(text):
    for written in (escape.html(text), escape.markdown(text), escape.latex(text)):
        assert not obeyed(written)


def test_whatever_prints(capsys):
    note(HOSTILE)
    print_text(HOSTILE)
    print_rows(HOSTILE, [HOSTILE, "b"], [[HOSTILE, HOSTILE]])
    print_json({HOSTILE: [HOSTILE]})
    streams = capsys.readouterr()
    assert "owned" in streams.out and "owned" in streams.err
    assert not obeyed(streams.out) and not obeyed(streams.err)


@pytest.mark.parametrize(
    "arguments",
    [
        ["info", HOSTILE],
        [HOSTILE],
        ["train", f"{HOSTILE}.h5", "-o", "run"],
        ["extract", HOSTILE],
        ["simulate", HOSTILE, "-o", "x.h5"],
        ["simulate", "--pde", f"u_t = {HOSTILE}", "-o", "x.h5"],
        ["refine", f"{HOSTILE}.json", f"{HOSTILE}.h5"],
    ],
)
def test_errors_show_what_was_typed_written_out(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out, error = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", error)
    assert main(arguments) == 2
    assert error.getvalue().count("\n") == 1
    assert not obeyed(out.getvalue() + error.getvalue())


def test_warnings_too(capsys, monkeypatch):
    def warn(*args, **options):
        logging.getLogger("pdenet").warning("'%s' is odd", HOSTILE)

    monkeypatch.setattr("pdenet.cli.equations.catalogue", {})
    monkeypatch.setattr("pdenet.cli.equations.print_json", warn)
    assert main(["equations", "--json"]) == 0
    told = capsys.readouterr().err
    assert "is odd" in told and not obeyed(told)


def test_records_and_their_names(capsys, tmp_path):
    """What `pdenet info` says of a folder whose records somebody else wrote: what a run does not
    have is refused, and what it says of itself is written out."""
    run = tmp_path / "run"
    run.mkdir()
    data = {"path": HOSTILE, "digest": HOSTILE}
    whole = {"config": {}, "data": data, "versions": {HOSTILE: HOSTILE}}
    for record, form in product(
        ({"config": {HOSTILE: HOSTILE}, "data": data}, {"config": {}, "data": HOSTILE}, whole),
        ([], ["--json"]),
    ):
        (run / "config.json").write_text(json.dumps(record))
        assert main(["info", str(run), *form]) == (0 if record is whole else 2)
        streams = capsys.readouterr()
        told = streams.out if record is whole else streams.err
        assert "owned" in told and not obeyed(streams.out + streams.err)
    (run / "equation.json").write_text(json.dumps({"equations": [HOSTILE], HOSTILE: HOSTILE}))
    assert main(["info", str(run)]) == 2
    assert not obeyed(capsys.readouterr().err)
