"""The finished PDF: what is in it, that nothing else is, and that it is the same every time."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pypdf import PdfReader

from extval.reports import format as fmt
from extval.reports.errors import ReportError
from extval.reports.report import build_report, write_report
from extval.validate import store
from tests.reports.factory import MODELS, binary_results, survival_results

ROOT = Path(__file__).parents[2]
NUMBER = re.compile(r"[\u22120-9<>][0-9.,\u202f\u2212]*")


@pytest.fixture(scope="module")
def binary():
    return binary_results()


@pytest.fixture(scope="module")
def pdf(binary, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.pdf"
    write_report(binary, path)
    return path


@pytest.fixture(scope="module")
def reader(pdf):
    return PdfReader(pdf)


@pytest.fixture(scope="module")
def text(reader):
    """Return the text of every page, blanks of any kind as one blank."""
    return [page.extract_text().replace("\u00a0", " ") for page in reader.pages]


def fonts_of(reader):
    for page in reader.pages:
        for font in page["/Resources"].get_object().get("/Font", {}).values():
            yield font.get_object()


def test_every_font_is_an_embedded_subset(reader):
    names = set()
    for font in fonts_of(reader):
        names.add(str(font["/BaseFont"]).partition("+")[2])
        assert "/FontFile2" in font["/FontDescriptor"]
        assert "/ToUnicode" in font
    assert names == {"DejaVuSans", "DejaVuSans-Bold", "DroidSansFallback"}


def test_names_come_out_right(text):
    everything = "\n".join(text)
    for expected in (
        "Study of A & B <see>: 影像组学",
        "Métastase & décès",
        "R&D <Klinik>",
        "Zürich é",
        "中文医院",
        "Tabelle & Co.csv",
    ):
        assert expected in everything


def test_the_first_page_is_the_summary(text, binary):
    first = text[0]
    assert "Performance of the frozen models" in first
    for model in MODELS:
        assert model in first
    assert binary.cautions[0] in first.replace("\n", " ")
    assert "Not estimable: in single centres" in first


def test_pages_are_numbered(text):
    for number, page in enumerate(text, start=1):
        assert f"Page {number} of {len(text)}" in page


def test_contents_and_outline_lead_to_the_right_pages(reader, text, binary):
    report = build_report(binary)
    outline = [item for item in reader.outline if not isinstance(item, list)]
    titles = [f"{i} {section.title}" for i, section in enumerate(report.sections, start=1)]
    assert [item.title for item in outline] == ["Summary", *titles]
    for item in outline[1:]:
        page = reader.get_destination_page_number(item)
        assert item.title in text[page]
        assert re.search(rf"{re.escape(item.title)}\s*\n?\s*{page + 1}\b", text[1])


def test_the_last_page_has_versions_seed_and_hashes(text, binary):
    last = text[-1]
    assert "0123456789abcdef" * 4 in last
    assert "20240416" in last
    for name, version in binary.provenance["packages"].items():
        assert name in last
        assert version in last


def test_metadata_are_fixed_and_named(reader, binary):
    assert reader.metadata.title == binary.title
    assert reader.metadata.author == "extval"
    assert str(reader.metadata["/CreationDate"]).startswith("D:2000")


def test_pages_are_a4(reader):
    for page in reader.pages:
        sides = sorted(float(side) for side in page.mediabox[2:])
        assert sides == pytest.approx([595.28, 841.89], abs=0.1)


def test_nothing_leaves_the_page(reader):
    for page in reader.pages:
        width = float(page.mediabox.width)
        lefts = []

        def visit(words, cm, tm, font, size, lefts=lefts):
            if words.strip():
                lefts.append(cm[4] + tm[4])

        page.extract_text(visitor_text=visit)
        assert min(lefts) > 20
        assert max(lefts) < width - 40


def allowed(results, monkeypatch, path):
    """Write the report; return the numbers that format.py made or that names and notes hold."""
    made = []

    def spy(function):
        def wrapper(*args, **kwargs):
            shown = function(*args, **kwargs)
            made.extend([shown] if isinstance(shown, str) else shown)
            return shown

        return wrapper

    for name in ("number", "plain", "ticks", "section_number"):
        monkeypatch.setattr(fmt, name, spy(getattr(fmt, name)))
    write_report(results, path)
    said = store.to_json(replace(results, curves={}, metrics=(), comparisons=()))
    notes = {row.note for row in (*results.metrics, *results.comparisons)}
    methods = {row.method for row in (*results.metrics, *results.comparisons)}
    labels = "E50 E90 90th F1 <0.001 >0.999 <see> <Klinik> 256 slope fixed at 1; ideal 0 ideal 1"
    return set(NUMBER.findall(" ".join([*made, said, *notes, *methods, labels])))


@pytest.mark.parametrize("make", [binary_results, survival_results])
def test_every_digit_comes_from_the_results_through_the_formatting_module(
    make, monkeypatch, tmp_path
):
    results = make()
    known = {n.strip("<>.,") for n in allowed(results, monkeypatch, tmp_path / "a.pdf")}
    printed = set()
    for page in PdfReader(tmp_path / "a.pdf").pages:
        printed |= {n.strip("<>.,") for n in NUMBER.findall(page.extract_text())}
    digits = {number for number in printed if any(c.isdigit() for c in number)}
    assert len(digits) > 100
    assert digits <= known


BUILD = """
import sys
from pathlib import Path
from extval.reports.report import write_report
from tests.reports.factory import binary_results
write_report(binary_results(), Path(sys.argv[1]))
"""


def test_two_builds_in_other_folders_zones_and_hash_seeds_are_identical(pdf, tmp_path):
    other = tmp_path / "elsewhere ü"
    other.mkdir()
    environment = os.environ | {
        "TZ": "Pacific/Auckland",
        "PYTHONHASHSEED": "12345",
        "LC_ALL": "C",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", BUILD, str(other / "x.pdf")]
    subprocess.run(command, check=True, env=environment, cwd=other)
    assert (other / "x.pdf").read_bytes() == pdf.read_bytes()


def test_a_build_after_another_report_is_identical(binary, pdf, tmp_path):
    write_report(survival_results(), tmp_path / "first.pdf")
    write_report(binary, tmp_path / "second.pdf")
    assert (tmp_path / "second.pdf").read_bytes() == pdf.read_bytes()


@pytest.mark.parametrize("make", [binary_results, survival_results])
def test_results_in_memory_and_from_the_file_give_the_same_report(make, tmp_path):
    results = make()
    write_report(results, tmp_path / "memory.pdf")
    again = store.from_json(store.to_json(results), source="results.json")
    write_report(again, tmp_path / "file.pdf")
    assert (tmp_path / "file.pdf").read_bytes() == (tmp_path / "memory.pdf").read_bytes()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"models": ("RS", "مرحبا")}, "model"),
        ({"centers": ("A", "\U00020000")}, "centre"),
        ({"title": "bell \x07"}, "title"),
    ],
)
def test_a_character_that_no_font_draws_is_an_error_and_leaves_no_file(change, place, tmp_path):
    with pytest.raises(ReportError, match=f"(?m)^{place} ") as raised:
        write_report(binary_results(**change), tmp_path / "x.pdf")
    assert "U+" in str(raised.value)
    assert not (tmp_path / "x.pdf").exists()


def test_a_time_to_event_has_curves_with_numbers_at_risk(tmp_path):
    write_report(survival_results(), tmp_path / "x.pdf")
    text = "\n".join(page.extract_text() for page in PdfReader(tmp_path / "x.pdf").pages)
    assert "Kaplan-Meier curve of all patients" in text
    assert "14 (3)" in text
    assert "Time (years)" in text
    assert "淋巴结 nodal" in text


def test_twenty_centres_and_eight_models_with_long_names(tmp_path):
    models = tuple(f"model_{i}_with_a_rather_long_name_of_forty" for i in range(8))
    centers = tuple(f"University Hospital of Somewhere {i:02d} 医院" for i in range(20))
    write_report(binary_results(models=models, centers=centers, points=5), tmp_path / "x.pdf")
    reader = PdfReader(tmp_path / "x.pdf")
    text = [page.extract_text() for page in reader.pages]
    assert 20 < len(text) < 80
    heads = [page for page in text if re.search(r"Table \d+, continued", page)]
    assert len(heads) > 5
    assert all("Model" in page or "Comparison" in page or "Metric" in page for page in heads)


def test_a_study_with_one_of_everything(tmp_path):
    write_report(binary_results(models=("only",), centers=("A",)), tmp_path / "x.pdf")
    text = "\n".join(page.extract_text() for page in PdfReader(tmp_path / "x.pdf").pages)
    assert "Each cohort has one centre" in text


def test_curves_that_are_empty_or_absent_are_left_out_with_a_sentence(tmp_path):
    results = binary_results()
    write_report(replace(results, curves={}), tmp_path / "x.pdf")
    empty = {kind: {name: [] for name in table} for kind, table in results.curves.items()}
    write_report(replace(results, curves=empty), tmp_path / "y.pdf")
    for name in ("x.pdf", "y.pdf"):
        text = "\n".join(page.extract_text() for page in PdfReader(tmp_path / name).pages)
        assert "There is no ROC curve" in text
        assert "There is no decision curve" in text


def test_cautions_push_the_optional_figures_off_the_first_page(tmp_path):
    cautions = tuple(f"Caution number {i} is here." for i in range(24))
    write_report(binary_results(cautions=cautions), tmp_path / "x.pdf")
    first = PdfReader(tmp_path / "x.pdf").pages[0].extract_text()
    assert all(caution in first for caution in cautions)
    assert "Not estimable: in single centres" in first
    assert "AUC by centre" not in first
