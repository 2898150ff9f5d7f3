"""A headless Chromium that tests look at pages with, and where they keep pictures of what they
saw.
"""

import os
import pathlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from workplace import PROJECT

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Error, Page, Request

SCREENSHOTS = "GMM_PIPELINE_SCREENSHOTS"
"""The environment variable that names the folder of screenshots; by default `screenshots` in the
project.
"""


@dataclass
class Visit:
    """A fresh page, and what it asked for and complained of since it was opened."""

    page: "Page"
    screenshots: pathlib.Path
    requests: list[str] = field(default_factory=list)
    """Addresses that were asked for, the files that were opened among them; data that pages hold is
    not asked for.
    """
    errors: list[str] = field(default_factory=list)
    """What went wrong in scripts, and errors on the console."""

    def screenshot(self, name: str, *, whole: bool = False) -> pathlib.Path:
        """Keep a picture of what is seen, or of the whole page, as `<name>.png`."""
        path = self.screenshots / f"{name}.png"
        self.page.screenshot(path=path, full_page=whole)
        return path

    def on_request(self, request: "Request") -> None:
        if not request.url.startswith("data:"):
            self.requests.append(request.url)

    def on_console(self, message: "ConsoleMessage") -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def on_error(self, error: "Error") -> None:
        self.errors.append(str(error))


@dataclass(frozen=True)
class Browser:
    """An installed Chromium, started anew for each visit: between visits no event loop stays behind
    in the thread.
    """

    program: str
    screenshots: pathlib.Path

    @classmethod
    def installed(cls) -> "Browser":
        """Find Chromium, or skip the test with what to install."""
        program = (
            shutil.which("chromium")
            or shutil.which("chromium-browser")
            or shutil.which("google-chrome")
        )
        if program is None:
            pytest.skip(
                "no Chromium on the path: install it, on Debian by `apt-get install chromium`"
            )
        screenshots = pathlib.Path(os.environ.get(SCREENSHOTS) or PROJECT / "screenshots")
        screenshots.mkdir(parents=True, exist_ok=True)
        return cls(program, screenshots)

    @contextmanager
    def visit(self, width: int = 1280, height: int = 900) -> Iterator[Visit]:
        """Open a fresh page, with nothing kept from others, in a window of so many pixels."""
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(
                executable_path=self.program, args=["--no-sandbox"]
            )
            try:
                page = chromium.new_page(viewport={"width": width, "height": height})
                visit = Visit(page, self.screenshots)
                page.on("request", visit.on_request)
                page.on("console", visit.on_console)
                page.on("pageerror", visit.on_error)
                yield visit
            finally:
                chromium.close()
