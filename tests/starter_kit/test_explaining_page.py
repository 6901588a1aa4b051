"""The report in a browser: choosing errors, on a phone, in the dark, without the network."""

import pytest

from tests.starter_kit.command_line import Shell

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(release, run_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("why")
    words = ("--data", release.directory, "--out", out, "--compare", run_folder, "--worst", 3)
    ended = Shell()("explain", run_folder, *words)
    assert ended.status == 0, ended.err
    return (out / "index.html").as_uri()


@pytest.fixture
def open_report(chromium, report):
    """The page on a screen; anything it asks of the network, or complains of, fails the test."""
    contexts, complaints = [], []

    def opened(**options):
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: request.url.startswith(("file:", "data:")) or complaints.append(request.url),
        )
        page.goto(report)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def shown(page) -> list[dict[str, str]]:
    return page.eval_on_selector_all(
        "#errors .card",
        "cards => cards.filter(card => card.checkVisibility()).map(card => ({...card.dataset}))",
    )


def test_errors_are_chosen_by_kind_basin_and_month(open_report):
    page = open_report()
    everything = shown(page)
    page.select_option("select[name=kind]", "false alarm")
    wrong = shown(page)
    assert {card["kind"] for card in wrong} == {"false alarm"}
    assert wrong == [card for card in everything if card["kind"] == "false alarm"]
    page.select_option("select[name=basin]", wrong[0]["basin"])
    page.select_option("select[name=month]", wrong[0]["month"])
    chosen = shown(page)
    assert chosen == [
        card for card in wrong if (card["basin"], card["month"]) == (wrong[0]["basin"], wrong[0]["month"])
    ]
    assert page.inner_text("#told") == f"{len(chosen)} of {len(everything)} shown."


def test_errors_are_chosen_by_lead_time(open_report):
    page = open_report()
    lead = next(card["lead"] for card in shown(page) if card["lead"])
    page.select_option("select[name=lead]", lead)
    assert {card["lead"] for card in shown(page)} == {lead}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_follows_its_colours(open_report, scheme):
    page = open_report(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(17, 22, 28)")


def test_without_scripts_everything_is_there(open_report):
    page = open_report(java_script_enabled=False)
    assert page.locator("#errors .card").count() == page.locator("#errors .card:visible").count() > 0
    assert not page.locator("#filter").is_visible()


def test_all_pictures_can_be_seen(open_report):
    page = open_report()
    page.eval_on_selector_all("img", "images => images.forEach(image => { image.loading = 'eager' })")
    page.wait_for_function("[...document.images].every(image => image.complete)")
    assert page.evaluate("[...document.images].every(image => image.naturalWidth === 64)")
    assert page.locator("svg").count() >= 6
