"""The report as people use it: in a real Chromium, from a file, without a network."""

from typing import TYPE_CHECKING

from browser import Browser, Visit
from written_report import HOSTILE, WrittenReport

if TYPE_CHECKING:
    from playwright.sync_api import Locator


def names(visit: Visit) -> list[str]:
    return visit.page.locator("#columns tbody tr:visible td:nth-child(2)").all_inner_texts()


def height(picture: "Locator") -> float:
    box = picture.bounding_box()
    return box["height"] if box else 0.0


def test_a_report_is_sorted_filtered_and_opened(browser: Browser, report: WrittenReport) -> None:
    with browser.visit() as visit:
        page = visit.page
        page.goto(report.page.as_uri())
        visit.screenshot("report", whole=True)
        assert names(visit)[:3] == ["amount", "gain", "day"]

        heading = page.get_by_role("columnheader", name="modes")
        heading.get_by_role("button").click()
        counts = [
            int(text)
            for text in page.locator("#columns tbody tr td:nth-child(5)").all_inner_texts()
            if text != "–"
        ]
        assert heading.get_attribute("aria-sort") == "descending"
        assert counts == sorted(counts, reverse=True)
        assert names(visit)[-1] == "lists"

        page.get_by_role("columnheader", name="column").get_by_role("button").press("Enter")
        assert names(visit) == sorted(names(visit), key=lambda name: (name[0].isalpha(), name))

        page.get_by_role("searchbox").fill("gain")
        assert names(visit) == ["gain"]
        assert page.get_by_role("status").inner_text() == "1 of 7 columns"
        page.get_by_role("searchbox").fill("")

        picture = page.get_by_role("img", name="gain: histogram")
        assert not picture.is_visible()
        page.get_by_role("link", name="gain", exact=True).click()
        picture.wait_for()
        assert height(picture) > 200
        assert picture.locator("path").count() > 5
        visit.screenshot("report_column")

        assert [
            request for request in visit.requests if request != page.url.partition("#")[0]
        ] == []
        assert visit.errors == []


def test_a_report_is_legible_in_the_dark_on_paper_and_on_a_telephone(
    browser: Browser, report: WrittenReport
) -> None:
    with browser.visit(width=390, height=800) as visit:
        page = visit.page
        page.emulate_media(color_scheme="dark")
        page.goto(report.page.as_uri() + "#c1")
        body = page.locator("body")
        colours = body.evaluate(
            "body => [getComputedStyle(body).backgroundColor, getComputedStyle(body).color]"
        )
        assert colours == ["rgb(20, 24, 29)", "rgb(230, 234, 238)"]
        picture = page.get_by_role("img", name="amount: histogram")
        ground = picture.locator("rect").first.evaluate("node => getComputedStyle(node).fill")
        assert ground == "rgb(24, 28, 33)"
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert height(picture) > 50
        visit.screenshot("report_telephone")

        page.emulate_media(media="print")
        assert page.locator("details:visible").count() == 1
        assert not page.get_by_role("searchbox").is_visible()
        assert visit.errors == []


def test_a_hostile_name_runs_nothing(browser: Browser, report: WrittenReport) -> None:
    with browser.visit() as visit:
        dialogs: list[str] = []
        visit.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        visit.page.goto(report.page.as_uri())
        visit.page.get_by_role("button", name="Open all").click()

        assert visit.page.locator("details[open]").count() == 7
        assert HOSTILE in names(visit)
        assert height(visit.page.get_by_role("img", name=f"{HOSTILE}: histogram")) > 200
        assert dialogs == []
        assert visit.errors == []
