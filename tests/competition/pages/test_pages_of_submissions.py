"""Handing in a file, watching what becomes of it, and choosing what counts."""

import io

import numpy as np
import polars as pl
import pytest

from competition.submissions.models import State, Submission
from competition.submissions.receive import next_reset
from competition.submissions.templatetags.problems import KIND_NAMES
from scoring.problems import KINDS
from tests.competition.conftest import signed_in
from tests.competition.pages.conftest import entry, scored
from tests.competition.pages.sane_html import page_of, text_of

SUBMIT = "/competitions/typhoons/submit/"
LIST = "/competitions/typhoons/submissions/"


def file_for(release, *, broken: bool = False, name: str = "predictions.csv") -> io.BytesIO:
    ids = pl.read_csv(release.directory / "test.csv")["image_id"]
    scores = np.linspace(0, 1, len(ids))
    table = pl.DataFrame({"image_id": ids, "score": scores}).head(len(ids) - 2 if broken else len(ids))
    file = io.BytesIO(table.write_csv().encode())
    file.name = name
    return file


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    """Nobody listens to the doorbell here."""
    monkeypatch.setattr("competition.submissions.receive.enqueue", lambda identity: None)


def test_a_plain_form_submits_and_leads_to_the_submission(release, team, alice):
    client = signed_in(alice)
    page_of(client.get(SUBMIT))
    response = client.post(SUBMIT, {"file": file_for(release), "message": "a straight line"})
    submission = Submission.objects.get()
    assert response.status_code == 302
    assert response["Location"] == f"/submissions/{submission.pk}/"
    assert (submission.state, submission.message, submission.filename) == (
        State.QUEUED,
        "a straight line",
        "predictions.csv",
    )
    words = text_of(client.get(response["Location"]))
    assert "waits for a worker" in words
    assert "a straight line" in words


def test_a_script_gets_the_address_to_go_to(release, team, alice):
    response = signed_in(alice).post(
        SUBMIT, {"file": file_for(release)}, headers={"Accept": "application/json"}
    )
    assert response.status_code == 201
    assert response.json() == {"location": Submission.objects.get().get_absolute_url()}


def test_a_broken_file_leads_to_its_problems(release, team, alice):
    client = signed_in(alice)
    response = client.post(SUBMIT, {"file": file_for(release, broken=True)}, follow=True)
    words = text_of(response)
    assert "cannot be scored" in words
    assert "not counted" in words
    assert Submission.objects.get().problems[0]["message"] in words


def test_a_missing_file_is_asked_for_and_the_message_is_kept(release, team, alice):
    client = signed_in(alice)
    response = client.post(SUBMIT, {"message": "typed with care"})
    assert response.status_code == 422
    page = page_of(response)
    assert page.select_one("[name=message]")["value"] == "typed with care"
    field = page.select_one("[name=file]")
    assert field["aria-invalid"] == "true"
    assert "Choose a file first." in page.select_one(f"#{field['aria-describedby'].split()[-1]}").get_text()
    asked = client.post(SUBMIT, {}, headers={"Accept": "application/json"})
    assert (asked.status_code, asked.json()["detail"]) == (422, "Choose a file first.")


def test_a_refusal_is_a_notice_with_its_status(release, team, alice, typhoons):
    typhoons.daily_limit = 1
    typhoons.save()
    client = signed_in(alice)
    client.post(SUBMIT, {"file": file_for(release)})
    assert "used today’s submissions" in text_of(client.get(SUBMIT))
    response = client.post(SUBMIT, {"file": file_for(release)})
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0
    words = page_of(response).select_one("[role=alert]").get_text(strip=True)
    assert words.startswith("Your team has made")
    assert words.endswith(f"possible from {next_reset():%Y-%m-%d} 00:00 UTC.")  # a date nobody misreads
    asked = client.post(SUBMIT, {"file": file_for(release)}, headers={"Accept": "application/json"})
    assert asked.status_code == 429
    assert asked["Retry-After"]


def test_new_rules_are_accepted_before_the_next_submission(release, team, alice, typhoons):
    typhoons.rules_versions.create(number=2, body="Be fairer.")
    words = text_of(signed_in(alice).get(SUBMIT))
    assert "The rules have changed" in words
    assert signed_in(alice).post(SUBMIT, {"file": file_for(release)}).status_code in {403, 409}


def test_a_closed_competition_has_no_form(season, alice):
    season.close()
    page = page_of(signed_in(alice).get(SUBMIT))
    assert "closed: no more submissions" in page.get_text()
    assert "From a program" not in page.get_text()
    assert not page.select("input[type=file]")


@pytest.mark.parametrize(
    ("state", "words"),
    {
        "scored": "0.61803 passes the gate",
        "below": "its recall has to reach 0.79",
        "invalid": "Images that are missing 3",
        "failed": "Something went wrong on our side.",
        "cancelled": "Cancelled before scoring",
        "queued": "waits for a worker",
    }.items(),
)
def test_each_state_says_what_it_means(season, alice, state, words):
    assert words in text_of(signed_in(alice).get(season.submissions[state].get_absolute_url()))


def test_a_result_is_told_in_words_for_newcomers(season, alice):
    season.close()  # until then counts and thresholds would tell labels
    words = text_of(signed_in(alice).get(season.submissions["scored"].get_absolute_url()))
    for told in (
        "typhoons found TP 79",
        "typhoons missed FN 21",
        "false alarms FP 121",
        "TN 12,345",
        "0.4375",
    ):
        assert told in words
    assert words.index("Private score 0.42424") < words.index("Public score 0.61803")
    assert "0.0100 above the gate" in words
    assert (
        "asks for 79 of the 100 typhoons, and this entry finds 79: it could not miss a single one more"
        in words
    )


def test_the_edge_is_drawn_where_the_entry_stands(season, alice):
    page = page_of(signed_in(alice).get(season.submissions["below"].get_absolute_url()))
    here, floor = page.select_one("svg.gauge .here"), page.select_one("svg.gauge .floor")
    assert float(here["cx"]) < float(floor["x1"])
    assert "0.1888 short of the gate" in page.get_text()
    assert page.select_one("svg.gauge")["aria-label"].startswith("Recall 0.6012")


def test_problems_are_grouped_and_the_rest_is_counted(season, alice):
    page = page_of(signed_in(alice).get(season.submissions["invalid"].get_absolute_url()))
    titles = [" ".join(title.get_text(" ").split()) for title in page.select("main h3")]
    assert titles == ["Images that are missing 3", "Values that are NaN 4,321"]
    assert len(page.select(".problems")[1].select("li")) == 20
    assert "and 4,301 more" in page.get_text()


def test_every_kind_of_problem_has_a_name():
    assert set(KIND_NAMES) == set(KINDS)


def test_our_error_is_told_to_organizers_only(season, alice):
    assert (
        b"illegal memory" not in signed_in(alice).get(season.submissions["failed"].get_absolute_url()).content
    )


WHO_SEES = {"alice": 200, "bob": 200, "organizer": 200, "staff": 200, "carol": 404, "dave": 404}


@pytest.mark.parametrize("name", WHO_SEES)
def test_a_submission_is_its_teams_and_the_organizers(season, name, request):
    client = signed_in(request.getfixturevalue(name))
    for submission in season.submissions.values():
        for path in (submission.get_absolute_url(), f"{submission.get_absolute_url()}state/"):
            assert client.get(path).status_code == WHO_SEES[name]
            assert signed_in(None).get(path).status_code == 302


def test_the_page_follows_a_submission_until_its_end(season, alice):
    client = signed_in(alice)
    submission = season.submissions["queued"]
    page = page_of(client.get(submission.get_absolute_url()))
    live = page.select_one("#submission-state")
    assert live["hx-get"] == f"/submissions/{submission.pk}/state/?seen=queued"
    assert page.select_one("noscript meta[http-equiv=refresh]")
    assert client.get(live["hx-get"]).status_code == 204

    Submission.objects.filter(pk=submission.pk).update(state=State.SCORING)
    moved = client.get(live["hx-get"])
    assert moved.status_code == 200
    assert b"seen=scoring" in moved.content

    Submission.objects.filter(pk=submission.pk).update(state=State.FAILED)
    assert b"hx-get" not in client.get(live["hx-get"]).content
    assert "max-age=0" in moved["Cache-Control"]


def test_the_steps_show_how_far_it_came(season, alice):
    def steps(state: str) -> list[str]:
        page = page_of(signed_in(alice).get(season.submissions[state].get_absolute_url()))
        return [" ".join(step["class"]) for step in page.select(".steps li")]

    assert steps("scored") == ["done"] * 5
    assert steps("queued") == ["done", "done", "now", "", ""]
    assert steps("invalid") == ["done", "bad", "", "", ""]
    assert steps("failed") == ["done", "done", "done", "bad", ""]


def test_cancelling_works_until_scoring_begins(season, alice):
    client = signed_in(alice)
    submission = season.submissions["queued"]
    assert "Cancelled." in text_of(client.post(f"/submissions/{submission.pk}/cancel/", follow=True))
    again = text_of(client.post(f"/submissions/{submission.pk}/cancel/", follow=True))
    assert "too late" in again


def test_finals_are_chosen_and_taken_back(season, alice, typhoons):
    client = signed_in(alice)
    submission = season.submissions["scored"]
    address = f"/submissions/{submission.pk}/final/"
    words = text_of(client.post(address, {"final": "true", "next": LIST}, follow=True))
    assert "Chosen as a final submission." in words
    assert "Chosen as final 1 / 2" in words
    assert "one of your final submissions" in text_of(client.get(submission.get_absolute_url()))
    client.post(address, {"final": "false"})
    submission.refresh_from_db()
    assert not submission.is_final

    typhoons.max_finals = 1
    typhoons.save()
    client.post(address, {"final": "true"})
    other = season.submissions["below"]
    refused = client.post(
        f"/submissions/{other.pk}/final/", {"final": "true", "next": "https://evil.example/"}
    )
    assert refused["Location"] == other.get_absolute_url()
    assert "Take another one back first." in text_of(client.get(refused["Location"]))


def test_my_submissions_are_my_teams(season, alice, other_team):
    words = text_of(signed_in(alice).get(LIST))
    assert words.count("scored.csv") == 2  # its name, and once more for the button's ears
    assert "0.61803" in words
    assert "0.41234" not in words


def test_a_long_list_has_pages(season, alice, team):
    for number in range(60):
        scored(team, 0.1, filename=f"one-of-many-{number}.csv")
    client = signed_in(alice)
    first, second = page_of(client.get(LIST)), page_of(client.get(f"{LIST}?page=2"))
    assert (len(first.select("tbody tr")), len(second.select("tbody tr"))) == (50, 16)
    assert first.select_one("a[rel=next]")["href"] == "?page=2"


def test_a_submission_from_elsewhere_shows_no_script(season, team, alice):
    nasty = entry(
        team, State.QUEUED, filename="<script>alert(1)</script>.csv", message="<img src=x onerror=alert(1)>"
    )
    for path in (LIST, nasty.get_absolute_url()):
        page = page_of(signed_in(alice).get(path))
        assert "<script>alert(1)</script>.csv" in page.get_text()
        assert not page.select("img[src=x]")
