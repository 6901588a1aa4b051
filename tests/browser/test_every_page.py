"""What holds on every page as Chromium lays it out: width, names, targets, contrast, motion, paper."""

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import DESKTOP, PHONE, C, screenshot, sign_in
from tests.competition.pages.test_contrast import contrast

pytestmark = pytest.mark.browser

PUBLIC = ["/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/people/mio/"]
OF_A_COMPETITION = ["", "evaluation/", "timeline/", "prizes/", "rules/", "data/", "leaderboard/"]
OF_A_MEMBER = [
    *(f"{C}{page}" for page in ("submit/", "submissions/", "team/")),
    *("/settings/", "/settings/tokens/", "/accounts/email/", "/accounts/password/change/", "/accounts/2fa/"),
]
PAGES = [*PUBLIC, *(f"{C}{page}" for page in OF_A_COMPETITION), *OF_A_MEMBER]

# Interactive elements in sight without an accessible name, or smaller than WCAG 2.2's 24 pixels (links in
# running text are excepted there).
FAULTS = """() => {
  const faults = [];
  const controls = "a[href], button, input:not([type=hidden]), select, textarea, summary";
  for (const element of document.querySelectorAll(controls)) {
    if (!element.checkVisibility({checkVisibilityCSS: true}) || element.closest(".skip-link")) continue;
    const where = element.outerHTML.slice(0, 120);
    const labels = [...(element.labels ?? [])].map((label) => label.textContent.trim());
    if (!(element.getAttribute("aria-label") || element.textContent.trim() || labels.join(""))) {
      faults.push(`no name: ${where}`);
    }
    const {width, height} = element.getBoundingClientRect();
    const excepted = getComputedStyle(element).display === "inline"
      || element.matches("[type=checkbox], [type=radio]");
    if (!excepted && width && Math.min(width, height) < 24) faults.push(`small: ${width}×${height} ${where}`);
  }
  return faults;
}"""

# Each text's colour and the ground it lies on, where that ground is one plain colour.
TEXTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const hex = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return a === 255 ? "#" + [r, g, b].map((c) => c.toString(16).padStart(2, "0")).join("") : null;
  };
  const found = {};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
    const elsewhere = "svg, .banner, .hero, script, style, [disabled], .skip-link, .chart-canvas";
    if (!text || element.closest(elsewhere)) continue;
    if (!element.checkVisibility({checkVisibilityCSS: true})) continue;
    let ground = null;
    for (let behind = element; behind && !ground; behind = behind.parentElement) {
      ground = hex(getComputedStyle(behind).backgroundColor);
    }
    const ink = hex(getComputedStyle(element).color);
    if (ink && ground) found[`${ink} ${ground}`] = text.slice(0, 60);
  }
  return found;
}"""


def address(page: Page, path: str) -> None:
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == 200, path


@pytest.fixture(params=["en-GB", "ja-JP"])
def language(request) -> str:
    return request.param


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_no_page_scrolls_sideways(open_browser, member, language, size):
    page = sign_in(open_browser(viewport=size), member)
    page.set_extra_http_headers({"Accept-Language": language})
    for path in PAGES:
        address(page, path)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= size["width"], path
        screenshot(page, f"{path.strip('/').replace('/', '-') or 'home'}-{size['width']}-{language[:2]}")


def test_what_can_be_used_has_a_name_and_a_size(open_browser, member, language):
    page = sign_in(open_browser(viewport=PHONE), member)
    page.set_extra_http_headers({"Accept-Language": language})
    for path in PAGES:
        address(page, path)
        assert page.evaluate(FAULTS) == [], path


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_as_it_is_laid_out(open_browser, member, theme):
    page = sign_in(open_browser(color_scheme=theme), member)
    for path in PAGES:
        address(page, path)
        for pair, text in page.evaluate(TEXTS).items():
            assert contrast(*pair.split()) >= 4.5, (path, pair, text)


def test_nothing_moves_for_who_asked_for_less_motion(open_browser, site):
    page = open_browser(reduced_motion="reduce")
    page.goto("/")
    durations = page.evaluate(
        "[...document.querySelectorAll('*')].map((e) => parseFloat(getComputedStyle(e).transitionDuration))"
    )
    assert max(durations) < 0.001


def test_printing_leaves_out_what_paper_cannot_do(open_browser, site):
    page = open_browser(color_scheme="dark")
    page.goto(f"{C}rules/")
    page.emulate_media(media="print")
    assert not page.locator(".site-header").is_visible()
    assert not page.locator(".tabs").is_visible()
    assert page.get_by_role("heading", name="Rules").is_visible()
