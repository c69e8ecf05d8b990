"""Reports in every form and for every shape of evidence."""

from __future__ import annotations

import functools
import json
import re
import runpy
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from pdenet.errors import DataError, OutputError
from pdenet.events import TermDropped
from pdenet.pde.compare import compare
from pdenet.pde.render import format_monomial
from pdenet.report import build
from pdenet.report.figures import draw, save_all
from pdenet.results.refinement import Alternative, Decision

SYNTHETIC = runpy.run_path(str(Path(__file__).with_name("synthetic.py")))
VARIANTS = SYNTHETIC["VARIANTS"]

VOID = {"meta", "img", "br", "hr", "link", "input"}
HOSTILE = '<script>alert("x")</script> & $\\frac{1}{0}$ `a` | b_c % # ~ ^ {{ 7*7 }} \x00\n# no'


class Page(HTMLParser):
    """Checks that tags nest, and keeps tags, attributes and visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)


@functools.lru_cache
def html(name: str) -> str:
    return build(VARIANTS[name]()).html()


def small(**changes):
    """Cheap evidence: few pictures."""
    return replace(VARIANTS["one_dimension"](), filters={}, loss=(), **changes)


def floats(text: str) -> list[float]:
    """Numbers of a table's cells, as they are shown."""
    powers = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
    plain = re.sub(r"·10([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)", lambda m: "e" + m[1].translate(powers), text)
    cells = [cell.strip().replace("−", "-") for cell in plain.split("|")]
    return [float(cell) for cell in cells if re.fullmatch(r"-?[0-9.]+(e-?\d+)?", cell)]


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_the_page_is_well_formed_and_stands_alone(name):
    text = html(name)
    page = Page(text)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("h1") == 1
    assert not {"script", "link", "iframe", "object"} & set(tags)
    addresses = [a.get("src") or a.get("href") for _, a in page.tags if "src" in a or "href" in a]
    assert addresses
    assert all(address.startswith("data:image/svg+xml,") for address in addresses)
    assert "url(" not in re.sub(r'src="[^"]*"', "", text)
    assert len(text.encode()) < 3_000_000


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_every_picture_has_words_and_a_width(name):
    pictures = [attributes for tag, attributes in Page(html(name)).tags if tag == "img"]
    assert len(pictures) >= 4
    for attributes in pictures:
        assert len(attributes["alt"]) > 20
        assert int(attributes["width"]) < 560


@pytest.mark.parametrize("name", VARIANTS)
def test_the_json_is_strict_and_has_the_agreed_keys(name):
    record = build(VARIANTS[name]()).json()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert set(record) == {
        *("equations", "given", "terms", "scores", "seconds", "maps", "sources", "refinement"),
        "caution",
    }
    keys = {"field", "term", "coefficient", "stderr", "truth", "relative_error"}
    assert all(set(term) == keys for term in record["terms"])
    scores = {"tpr", "recall", "precision", "e2", "einf", "extra", "missing"}
    assert set(record["scores"]) == scores


def test_the_json_holds_the_stored_numbers():
    evidence = VARIANTS["burgers"]()
    record = build(evidence).json()
    stored = {
        (field, format_monomial(monomial)): value
        for field, terms in evidence.found.numeric_terms().items()
        for monomial, value in terms.items()
    }
    assert {(t["field"], t["term"]): t["coefficient"] for t in record["terms"]} == stored
    assert record["scores"]["einf"] == evidence.comparison.einf
    assert record["equations"] == list(evidence.found.equations())


def test_what_is_not_finite_is_null():
    evidence = VARIANTS["burgers"]()
    stderr = {field: dict.fromkeys(terms, np.nan) for field, terms in evidence.stderr.items()}
    record = build(replace(evidence, stderr=stderr, seconds={"train": np.inf})).json()
    assert {term["stderr"] for term in record["terms"]} == {None}
    assert record["seconds"] == {"train": None}


def test_without_a_truth_nothing_is_scored():
    report = build(VARIANTS["without_truth"]())
    assert set(report.json()["scores"].values()) == {None}
    assert "truth is not known" in report.markdown()
    for text in ("".join(Page(html("without_truth")).text), report.markdown(), report.latex()):
        assert "TPR" not in text


def test_a_truth_without_a_comparison_is_compared():
    evidence = VARIANTS["one_dimension"]()
    report = build(replace(evidence, comparison=None))
    assert report.evidence.comparison == compare(evidence.found, evidence.truth)


@pytest.mark.parametrize("name", ["burgers", "long_equations"])
def test_markdown_shows_the_stored_numbers_rounded(name):
    report = build(VARIANTS[name]())
    lines = report.markdown().split("## Terms")[1].split("##")[0].splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    terms = report.json()["terms"]
    assert len(rows) == len(terms)
    for row, term in zip(rows, terms, strict=True):
        found, stderr, truth = floats(row)[:3]
        assert found == pytest.approx(term["coefficient"], abs=0.51 * term["stderr"] / 10)
        assert stderr == pytest.approx(term["stderr"], rel=0.05)
        assert truth == pytest.approx(term["truth"], rel=1e-5)


def test_latex_shows_the_stored_numbers_rounded():
    report = build(VARIANTS["burgers"]())
    table = report.latex().split("endhead")[1].split("bottomrule")[0]
    rows = [line.split(" & ") for line in table.splitlines() if " & " in line]
    for row, term in zip(rows, report.json()["terms"], strict=True):
        found = float(row[2].replace(r"\ensuremath{-}", "-"))
        assert found == pytest.approx(term["coefficient"], abs=0.51 * term["stderr"] / 10)


@pytest.mark.parametrize("name", VARIANTS)
def test_latex_environments_and_braces_close(name):
    text = build(VARIANTS[name]()).latex()
    stack = []
    for kind, environment in re.findall(r"\\(begin|end)\{(\w+\*?)\}", text):
        if kind == "begin":
            stack.append(environment)
        else:
            assert stack.pop() == environment
    assert stack == []
    bare = re.sub(r"\\[\\{}]", "", text)
    assert bare.count("{") == bare.count("}")
    assert text.isascii()
    equations = text.split("align*}")[1::2]
    assert max(len(line) for equation in equations for line in equation.splitlines()) < 200


def hostile_evidence():
    one = VARIANTS["refined_in_doubt"]()
    refinement = replace(
        one.refinement,
        sigma={HOSTILE: 0.1},
        verdict="not identifiable",
        reason=HOSTILE,
        decisions=(Decision(HOSTILE, HOSTILE, True, np.nan, np.inf, 1.0, -np.inf, HOSTILE),),
        alternatives=(Alternative((HOSTILE, HOSTILE), np.inf, np.nan, 3, HOSTILE),),
    )
    return small(
        refinement=refinement,
        title=HOSTILE,
        units={"x": HOSTILE, "t": "µs", "u": "$^2$ 温"},
        errors={HOSTILE: np.full((3, 2), 0.1)},
        error_times=np.array([0.0, 1.0]),
        dropped=(TermDropped(HOSTILE, HOSTILE, np.nan, np.inf, HOSTILE),),
        data=replace(VARIANTS["one_dimension"]().data, path=HOSTILE, digest=HOSTILE),
        settings={HOSTILE: {HOSTILE: HOSTILE}, "plain": None},
        versions={HOSTILE: HOSTILE},
        seeds={HOSTILE: 1},
        seconds={HOSTILE: 1.0},
        references=(HOSTILE,),
    )


def test_hostile_text_becomes_text():
    report = build(hostile_evidence())
    page = Page(report.html())
    assert "script" not in [tag for tag, _ in page.tags]
    assert '<script>alert("x")</script>' in "".join(page.text)
    assert "{{ 7*7 }}" in "".join(page.text)
    markdown = report.markdown()
    assert not re.search(r"(?<!\\)<script", markdown)
    assert not re.search(r"^# no", markdown, re.MULTILINE)
    latex = report.latex()
    assert r"\frac{1}" not in latex
    assert r"\textbackslash{}frac\{1\}" in latex
    json.dumps(report.json(), allow_nan=False)


def test_latex_of_hostile_text_has_balanced_braces():
    bare = re.sub(r"\\[\\{}]", "", build(hostile_evidence()).latex())
    assert bare.count("{") == bare.count("}")


def test_the_same_evidence_gives_the_same_bytes():
    assert build(small()).html() == build(small()).html()


def test_predictions_that_blew_up_are_drawn_and_said():
    evidence = small()
    predicted = evidence.predicted.copy()
    predicted[10:] = np.nan
    predicted[9] = 1e300
    errors = np.full((4, 5), 0.1)
    errors[:, 3:] = np.inf
    report = build(
        replace(
            evidence, predicted=predicted, errors={"equation": errors}, error_times=np.arange(5.0)
        )
    )
    assert "∞ at t = 4" in report.markdown()
    assert "no finite relative error" in "".join(Page(report.html()).text)


def test_what_noise_alone_makes_is_drawn_and_said():
    errors = {"equation": np.full((4, 5), 0.12), "noise": np.full((4, 5), 0.1)}
    report = build(replace(small(), errors=errors, error_times=np.arange(5.0)))
    page = "".join(Page(report.html()).text)
    assert "The noise of the data alone makes 10" in page and "Dotted: what the noise" in page
    assert "The noise of the data alone makes 10" in report.markdown()
    assert "noise of the data 0.1 at the median" in report.html()
    assert "noise of the data" not in build(small()).html()


def test_a_field_that_is_zero_and_a_single_frame_can_be_drawn():
    evidence = small()
    zero = np.zeros_like(evidence.observed[:1])
    Page(build(replace(evidence, observed=zero, predicted=zero, times=np.zeros(1))).html())


def test_nothing_but_the_equation_is_needed():
    page = Page(build(small(errors={}, dropped=(), settings={}, versions={}, seeds={},
                            seconds={}, references=())).html())  # fmt: skip
    assert "References" not in page.text


@pytest.mark.parametrize("suffix", [".html", ".md", ".tex", ".json", ".HTM"])
def test_write_chooses_by_suffix_and_keeps_what_is_there(tmp_path, suffix):
    report = build(small(errors={}))
    path = report.write(tmp_path / f"new/report{suffix}")
    assert path.stat().st_size > 200
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        report.write(path)
    assert path.read_text() == "mine"
    report.write(path, overwrite=True)
    assert path.read_text(encoding="utf-8") != "mine"
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_write_refuses_other_suffixes_and_impossible_places(tmp_path):
    report = build(small(errors={}))
    with pytest.raises(OutputError, match=r"end its name in \.htm, \.html"):
        report.write(tmp_path / "report.pdf")
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        report.write(tmp_path / "file/report.md")


def test_shapes_that_disagree_are_refused():
    evidence = VARIANTS["burgers"]()
    with pytest.raises(DataError, match=r"predicted has shape \(21, 2, 64, 63\)"):
        replace(evidence, predicted=evidence.predicted[..., :-1])
    with pytest.raises(DataError, match="error_times"):
        replace(evidence, error_times=np.arange(3.0))
    with pytest.raises(DataError, match="kernels with 2 axes"):
        replace(evidence, filters={"x": (np.zeros(5), np.zeros(5))})
    with pytest.raises(DataError, match="without a truth"):
        replace(evidence, truth=None)


def test_pictures_can_be_saved(tmp_path):
    files = save_all(small(), tmp_path / "figures")
    assert [file.name for file in files][:1] == ["field-1-observed.svg"]
    assert all(file.read_text(encoding="utf-8").startswith("<svg") for file in files)


def test_drawing_leaves_no_settings_behind():
    import matplotlib

    before = dict(matplotlib.rcParams)
    draw(small(errors={}))
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("form", ["html", "markdown", "latex"])
def test_what_errors_leave_out_stands_beside_the_verdict(form):
    caution = "read between walls: the bias of 100 % & more"
    assert "ead between walls" not in getattr(build(small()), form)()
    assert "Read between walls" in getattr(build(small(caution=caution)), form)()
