"""`gmm-pipeline report`: what the page says, and when none is written."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import polars as pl
import pytest
from workplace import Workplace, flip_a_byte, states
from written_report import HOSTILE, ROWS, WrittenReport


class Outline(HTMLParser):
    """The elements of a page, and the text of each column's section by its heading."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.sections: dict[str, str] = {}
        self._open: list[str] = []
        self._section: list[str] | None = None
        self._heading = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag == "details":
            self._section, self._heading = [], ""

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass
        if tag == "details" and self._section is not None:
            self.sections[self._heading] = " ".join(" ".join(self._section).split())
            self._section = None

    def handle_data(self, data: str) -> None:
        if self._section is None:
            return
        if self._open[-1] == "summary" and not self._heading:
            self._heading = data.strip()
        self._section.append(data)


def outline(page: str) -> Outline:
    found = Outline()
    found.feed(page)
    return found


def test_the_report_has_a_section_and_a_row_for_every_column(report: WrittenReport) -> None:
    found = outline(report.text)

    assert list(found.sections) == ["amount", "gain", "day", "colour", "nothing", HOSTILE, "lists"]
    assert sum("data-section" in attributes for _, attributes in found.elements) == 7
    assert f"{ROWS:,}" in report.text


def test_a_section_tells_of_kind_settings_round_trip_and_modes(report: WrittenReport) -> None:
    sections = outline(report.text).sections

    assert "max_modes = 4" in sections["amount"]
    assert "come back exactly, the other" in sections["amount"]
    assert "converged after" in sections["amount"]
    assert "nats per row" in sections["amount"]
    assert "settings the defaults" in sections["gain"]
    assert "mixed, because" in sections["gain"]
    assert "0: 90" in sections["gain"]
    assert "date32[day]" in sections["day"]
    assert "all 4,000 rows come back exactly" in sections["day"]


def test_a_column_that_failed_says_why(report: WrittenReport) -> None:
    section = outline(report.text).sections["lists"]

    assert section.startswith("lists not fitted failed No picture. It is not fitted.")
    assert "type list<element: int64> cannot be encoded" in section
    assert "Leave the column out" in section


def test_the_page_asks_for_nothing_else_and_hostile_names_stay_text(report: WrittenReport) -> None:
    elements = outline(report.text).elements
    tags = {tag for tag, _ in elements}
    links = [attributes["href"] or "" for _, attributes in elements if "href" in attributes]

    assert not tags & {"img", "link", "iframe", "object", "embed", "base", "image", "use"}
    assert all(link.startswith("#") for link in links)
    assert not any("src" in attributes or "style" in attributes for _, attributes in elements)
    assert not any(name.startswith("on") for _, attributes in elements for name in attributes)
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", report.text) == []
    assert [tag for tag, _ in elements].count("script") == 1


@pytest.fixture(scope="module")
def troubled(new_workplace: Callable[[], Workplace]) -> dict[str, str]:
    """The sections of a fit with a changed setting and a damaged file."""
    workplace = new_workplace()
    columns = {"changed": [1.5, 2.5, 3.5], "damaged": [1.5, 2.5, 3.5], "whole": ["a", "b", None]}
    pl.DataFrame(columns).write_parquet(workplace.path / "t.parquet")
    workplace.call("run", "t.parquet")
    spec = workplace.store / "t" / "fit.json"
    content = json.loads(spec.read_text())
    content["settings"]["columns"] = {"changed": {"seed": 7}}
    spec.write_text(json.dumps(content))
    (damaged,) = (workplace.store / "t" / "damaged" / "model").glob("sketch-*.parquet")
    flip_a_byte(damaged)
    assert workplace.call("report", "--fit", "t", "--out", "report.html").status == 0
    return outline((workplace.path / "report.html").read_text()).sections


def test_a_stale_column_says_what_changed(troubled: dict[str, str]) -> None:
    assert "seed: 0 → 7" in troubled["changed"]
    assert "seed = 7" in troubled["changed"]
    assert "stale" not in troubled["whole"]


def test_results_that_cannot_be_read_leave_out_that_picture_alone(troubled: dict[str, str]) -> None:
    assert "No picture. Its results cannot be read" in troubled["damaged"]
    assert "No picture" not in troubled["whole"]


def test_observed_frequencies_are_drawn_where_they_are_known(report: WrittenReport) -> None:
    manifests = report.workplace.store / "t" / "colour" / "manifests"
    (path,) = manifests.glob("transformed-*.json")
    text = path.read_text()
    manifest = json.loads(text)
    manifest["summary"]["frequencies"] = [2000, 1500, 500]
    path.write_text(json.dumps(manifest))
    try:
        report.workplace.call("report", "--fit", "t", "--out", "frequencies.html")
    finally:
        path.write_text(text)
    section = outline((report.workplace.path / "frequencies.html").read_text()).sections["colour"]

    assert "Frequencies: observed against expected" in section
    assert re.search(r"50 % / 3\d(\.\d)? %", section)


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("report.pdf", "report.pdf is neither .html nor .htm"),
        ("missing/report.html", "does not exist. Create it first"),
        ("t.parquet", "is an input of this command"),
    ],
)
def test_a_report_goes_nowhere_but_into_a_page_of_its_own(
    report: WrittenReport, out: str, says: str
) -> None:
    before = states(report.workplace.path)

    finished = report.workplace.call("report", "--fit", "t", "--out", out)

    assert finished.status == 2
    assert says in finished.err
    assert states(report.workplace.path) == before


def test_the_command_says_where_the_report_is(report: WrittenReport) -> None:
    finished = report.workplace.call("report", "--fit", "t", "--out", "again.html")

    assert (finished.status, finished.out) == (0, "")
    assert f"7 columns in {report.workplace.path / 'again.html'}" in finished.err.replace("\n", "")
