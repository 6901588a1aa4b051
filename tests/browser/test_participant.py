"""What a participant does, up to the leaderboard: by mouse, by keyboard, and without JavaScript."""

import hashlib
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import C, predictions, screenshot, sign_in
from tests.services import wait_until
from tests.site_process import PASSWORD

pytestmark = pytest.mark.browser

SUBMISSION = re.compile(r"/submissions/[0-9a-f-]{36}/$")
SLOWLY = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 100_000}


def sign_up(page: Page, site, username: str) -> Page:
    page.goto("/")
    page.get_by_role("banner").get_by_role("link", name="Sign up").click()
    page.get_by_label("Username").fill(username)
    page.get_by_label("Email").fill(f"{username}@example.org")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password (again)").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign Up").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Verify"))
    page.goto(site.confirmation_path(f"{username}@example.org"))
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url(lambda url: "confirm-email" not in url)
    return page


def join(page: Page) -> None:
    page.goto(C)
    page.get_by_role("link", name="Join").click()
    page.get_by_label("I have read the rules").check()
    page.get_by_role("main").get_by_role("button", name="Join").click()
    expect(page.get_by_text("You take part now.")).to_be_visible()


def drop(page: Page, file: Path) -> None:
    """Let a file fall on the drop zone, as a desktop does."""
    transfer = page.evaluate_handle(
        """([name, text]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([text], name, {type: "text/csv"}));
          return transfer;
        }""",
        [file.name, file.read_text()],
    )
    for kind in ("dragenter", "dragover", "drop"):
        page.dispatch_event("[data-dropzone]", kind, {"dataTransfer": transfer})


def test_from_signing_up_to_the_leaderboard(open_browser, site, release, tmp_path):
    page = sign_up(open_browser(), site, "haruka")

    page.goto(C)
    expect(page.locator("time[data-local]").first).to_contain_text("GMT+9")  # Tokyo, where she is
    expect(page.locator("[data-countdown]").first).to_contain_text(re.compile(r"\d+ days"))

    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(map(int, re.findall(r"\d+", background))) < 150

    page.get_by_role("button", name="日本語").click()
    expect(page.get_by_role("link", name="順位表")).to_be_visible()
    page.get_by_role("button", name="English").click()

    join(page)
    with page.expect_download() as started:
        page.get_by_role("row", name="sample_submission.csv").get_by_role("link", name="Download").click()
    received = Path(started.value.path()).read_bytes()
    told = page.get_by_role("row", name="sample_submission.csv").locator("code").get_attribute("title")
    assert hashlib.sha256(received).hexdigest() == told

    page.get_by_role("link", name="Submit").click()
    expect(page.get_by_text("Left today")).to_be_visible()
    drop(page, predictions(tmp_path, release))
    expect(page.locator("[data-chosen]")).to_contain_text("predictions.csv")
    page.get_by_label("Message").fill("a first try")
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", SLOWLY)
    page.get_by_role("main").get_by_role("button", name="Submit").click()
    expect(page.locator("[data-progress-text]")).to_have_text("Sending…")
    wait_until(
        lambda: 0 < page.locator("[data-progress] progress").evaluate("bar => bar.value") < 100, what="bytes"
    )
    screenshot(page, "uploading")
    page.wait_for_url(SUBMISSION)
    network.send("Network.emulateNetworkConditions", SLOWLY | {"uploadThroughput": -1})

    expect(page.locator(".result-score")).to_have_text(re.compile(r"^0\.\d{5}$"), timeout=60_000)
    assert page.locator(".steps li.done").count() == 5
    score = page.locator(".result-score").inner_text()
    screenshot(page, "scored")

    page.get_by_role("button", name="Use as final").click()
    expect(page.get_by_text("Chosen as a final submission.")).to_be_visible()
    page.get_by_role("link", name="My submissions").first.click()
    expect(page.get_by_role("button", name="Final predictions.csv")).to_have_attribute("aria-pressed", "true")

    page.get_by_role("link", name="Leaderboard").click()
    row = page.get_by_role("row", name="haruka")
    expect(row).to_contain_text(score)
    expect(row.get_by_text("You", exact=True)).to_be_visible()
    screenshot(page, "leaderboard")


def test_a_broken_file_is_explained_and_not_counted(open_browser, release, member, tmp_path):
    lines = predictions(tmp_path, release).read_text().splitlines()
    lines[5] = lines[5].split(",")[0] + ",nan"
    lines[9] = lines[8]
    broken = tmp_path / "broken.csv"
    broken.write_text("\n".join(lines))

    page = sign_in(open_browser(), member)
    page.goto(f"{C}submit/")
    before = page.locator("aside .result-score").inner_text()
    drop(page, broken)
    page.get_by_role("main").get_by_role("button", name="Submit").click()
    page.wait_for_url(SUBMISSION)
    expect(page.get_by_text("The file cannot be scored")).to_be_visible()
    expect(page.get_by_role("heading", name="Values that are NaN")).to_be_visible()
    expect(page.get_by_role("heading", name="more than once")).to_be_visible()
    screenshot(page, "invalid")
    page.get_by_role("link", name="Submit again").click()
    assert page.locator("aside .result-score").inner_text() == before


def test_a_refusal_comes_back_to_the_form(open_browser, member):
    page = sign_in(open_browser(), member)
    page.goto(f"{C}submit/")
    page.get_by_role("main").get_by_role("button", name="Submit").click()
    alert = page.locator("[data-upload-error]")
    expect(alert).to_be_visible()
    expect(alert).to_contain_text("Choose a file first.")
    expect(alert).to_be_focused()


def test_a_submission_needs_no_mouse(open_browser, release, member, tmp_path):
    file = predictions(tmp_path, release, name="keyboard.csv")
    page = sign_in(open_browser(), member)
    # Listening from the start: Chromium needs a moment before it hands over its file dialog.
    page.on("filechooser", lambda chooser: chooser.set_files(file))
    page.goto(C)
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    focus_on(page, "Submit")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("submit/$"))

    focus_on(page, "", inside="input[type=file]")
    page.keyboard.press("Enter")
    expect(page.locator("[data-chosen]")).to_contain_text("keyboard.csv")
    page.keyboard.press("Tab")
    page.keyboard.type("by keyboard")
    page.keyboard.press("Enter")
    page.wait_for_url(SUBMISSION)
    expect(page.get_by_text("by keyboard")).to_be_visible()
    expect(page.locator(".result-score")).to_be_visible(timeout=60_000)


def focus_on(page: Page, text: str, inside: str = "a, button") -> None:
    """Press Tab until the element is reached; on the way, each stop shows that it has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            """(wanted) => {
              const element = document.activeElement, style = getComputedStyle(element);
              return {
                fits: element.matches(wanted), text: element.textContent.trim(),
                seen: parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== "none",
                where: element.outerHTML.slice(0, 120),
              };
            }""",
            inside,
        )
        assert focused["seen"], focused["where"]
        if focused["fits"] and focused["text"] == text:
            return
    raise AssertionError(f"Tab never reached {text or inside}")


def test_it_all_works_without_javascript(open_browser, site, release, tmp_path):
    page = sign_up(open_browser(java_script_enabled=False), site, "kiko")
    join(page)
    page.goto(f"{C}timeline/")
    expect(page.locator("time[data-local]").first).to_contain_text("UTC")
    page.goto(f"{C}submit/")
    page.locator("input[type=file]").set_input_files(predictions(tmp_path, release, name="plain.csv"))
    page.get_by_role("main").get_by_role("button", name="Submit").click()
    page.wait_for_url(SUBMISSION)
    # The page reloads itself until the end, by <meta http-equiv="refresh">.
    expect(page.locator(".result-score")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Use as final").click()
    expect(page.get_by_text("Chosen as a final submission.")).to_be_visible()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_token_is_copied_once(open_browser, member):
    page = sign_in(open_browser(permissions=["clipboard-read", "clipboard-write"]), member)
    page.goto("/settings/tokens/")
    page.get_by_label("Name").fill("notebook")
    page.get_by_role("button", name="Make a token").click()
    secret = page.get_by_role("textbox", name="Token", exact=True).input_value()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    page.get_by_text("Revoke…").click()
    page.get_by_role("button", name="Revoke notebook").click()
    expect(page.get_by_text("opens nothing")).to_be_visible()
