"""A site with a competition, run as an operator runs it, and people with Chromium."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.site_process import PASSWORD, Site, Visitor, running_site
from tests.steps import build_a_release, open_a_competition, organizer

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
C = "/competitions/typhoons/"
TEST_IMAGES = 8192  # with storms enough for intervals


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Iterator[Site]:
    """Site, worker and beat as processes, without any server; an open competition with a small release."""
    folder = tmp_path_factory.mktemp("site")
    with running_site(folder) as running:
        build_a_release(running, folder / "data" / "releases" / "typhoons", test=TEST_IMAGES)
        open_a_competition(organizer(running))
        yield running


@pytest.fixture(scope="session")
def release(site: Site) -> Path:
    return Path(site.environment["DATA_DIR"]) / "releases" / "typhoons"


@pytest.fixture
def open_browser(chromium: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """A page in a browser of its own: nobody is signed in. A complaint in its console fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def fresh(**options) -> Page:
        settings = {"viewport": DESKTOP, "locale": "en-GB", "timezone_id": "Asia/Tokyo", "base_url": site.url}
        context = chromium.new_context(**(settings | options))
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on(
            "console",
            lambda said: complaints.append(f"{page.url}: {said.text}") if said.type == "error" else None,
        )
        page.on(
            "request",
            lambda asked: (
                None
                if asked.url.startswith((site.url, "data:", "blob:"))
                else complaints.append(f"{page.url} asked {asked.url}")
            ),
        )
        return page

    yield fresh
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture(scope="session")
def member(site: Site) -> str:
    """The user name of someone who has joined, with one scored submission."""
    mio = Visitor(site).sign_up("mio")
    mio.fill_in(f"{C}join/", accept="on")
    return "mio"


def sign_in(page: Page, username: str) -> Page:
    page.goto("/accounts/login/")
    page.get_by_label("Login").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign In").click()
    page.wait_for_url(re.compile(r"/$"))
    return page


def predictions(folder: Path, release: Path, *, noise: float = 0.6, name: str = "predictions.csv") -> Path:
    """A submission file whose scores follow the truth, blurred."""
    import numpy as np

    solution = pl.read_parquet(release / "solution.parquet")
    scores = solution["label"].to_numpy() + np.random.default_rng(4).normal(0, noise, len(solution))
    pl.DataFrame({"image_id": solution["image_id"], "score": scores}).write_csv(folder / name)
    return folder / name


def screenshot(page: Page, name: str) -> None:
    """Keep a picture of the page where SCREENSHOTS names a folder, for people to look at."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
