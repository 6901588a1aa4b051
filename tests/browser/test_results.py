"""The drawings of a result as Chromium lays them out: whole on a phone, round dots, legible texts."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, C, predictions, screenshot, sign_in
from tests.competition.pages.test_contrast import contrast

pytestmark = pytest.mark.browser

TEXTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const hex = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data;
    return "#" + [r, g, b].map((c) => c.toString(16).padStart(2, "0")).join("");
  };
  return [...document.querySelectorAll(".plot-area text")].map((text) => {
    const style = getComputedStyle(text), box = text.getBoundingClientRect();
    const card = getComputedStyle(text.closest(".card")).backgroundColor;
    return {text: text.textContent, size: parseFloat(style.fontSize), left: box.left, right: box.right,
            ink: hex(style.fill), ground: hex(card)};
  });
}"""


@pytest.fixture(scope="module")
def result(site, release, member, tmp_path_factory, chromium) -> str:
    """The address of a scored submission of `member`."""
    file: Path = predictions(tmp_path_factory.mktemp("files"), release, noise=0.8, name="drawn.csv")
    context = chromium.new_context(base_url=site.url, locale="en-GB")
    page = sign_in(context.new_page(), member)
    page.goto(f"{C}submit/")
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("main").get_by_role("button", name="Submit").click()
    page.wait_for_url(re.compile(r"/submissions/[0-9a-f-]{36}/$"))
    expect(page.locator(".result-score")).to_be_visible(timeout=60_000)
    address = page.url
    context.close()
    return address


def opened(page: Page, member: str, address: str) -> Page:
    sign_in(page, member)
    page.goto(address)
    return page


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_result_is_drawn_whole_at_every_size(open_browser, member, result, size, theme):
    page = opened(open_browser(viewport=size, color_scheme=theme), member, result)
    expect(page.get_by_role("img", name=re.compile("Precision against recall"))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("A closer look"))).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    for entry in page.locator("circle.entry").all():
        box = entry.bounding_box()
        assert box is not None
        assert box["width"] == pytest.approx(box["height"], abs=0.1)  # the square stretches, the dot does not
        assert box["width"] == pytest.approx(16.5, abs=0.1)  # with its edge
    texts = page.evaluate(TEXTS)
    assert {"precision", "recall", "gate 0.79"} <= {text["text"] for text in texts}
    for text in texts:
        assert text["size"] >= 12, text
        assert text["left"] >= 0, text
        assert text["right"] <= size["width"], text
        assert contrast(text["ink"], text["ground"]) >= 4.5, text
    screenshot(page, f"result-{size['width']}-{theme}")


def test_the_risk_is_told_with_its_dots(open_browser, member, result):
    page = opened(open_browser(), member, result)
    expect(page.locator(".risk-text")).to_contain_text("draws of storms would")
    expect(page.locator(".risk svg.dots")).to_be_visible()
    page.get_by_text("What is a draw?").click()
    expect(page.get_by_text("the same draws for every entry")).to_be_visible()


def test_without_a_script_everything_is_there(open_browser, member, result):
    page = opened(open_browser(java_script_enabled=False), member, result)
    expect(page.locator(".plot-area path.curve").first).to_be_attached()
    page.get_by_text("The curve as a table").click()
    expect(page.locator(".plot-table")).to_be_visible()


def test_the_leaderboard_shows_the_interval(open_browser, member, result):
    page = open_browser(viewport=PHONE)
    page.goto(f"{C}leaderboard/")
    bar = page.get_by_role("row", name="mio").get_by_role("img", name=re.compile(r"from 0\.\d+ to 0\.\d+"))
    box = bar.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= PHONE["width"]
    assert box["width"] > 150
