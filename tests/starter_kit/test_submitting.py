"""Submitting: checked here, uploaded once, waited for; every refusal in a clear sentence."""

import json
import re

import polars as pl
import pytest

from scoring import MetricConfig, Solution, grade
from starter_kit.site.client import Client
from tests.starter_kit.local_site import METRIC, TOKEN, LocalSite, problem


@pytest.fixture
def site(release, tmp_path):
    (tmp_path / "uploads").mkdir()
    solution = Solution.load(release.solution_path)
    with LocalSite(solution=solution, uploads=tmp_path / "uploads") as site:
        yield site


@pytest.fixture
def typed(site, shell, monkeypatch):
    monkeypatch.setenv("TAMAGO_URL", site.url)
    monkeypatch.setenv("TAMAGO_TOKEN", TOKEN)
    monkeypatch.setitem(Client.__init__.__kwdefaults__, "pause", 0.0)
    return shell


@pytest.fixture
def submission(release, tmp_path):
    """Mean grey as the score: valid, and poor."""
    file = tmp_path / "submission.csv"
    scores = release.test_images[:].mean(axis=(1, 2))
    pl.DataFrame({"image_id": release.test_ids(), "score": scores}).write_csv(file)
    return file


@pytest.fixture
def broken(release, tmp_path):
    """Two scores are no numbers, one id is missing."""
    file = tmp_path / "broken.csv"
    rows = [f"{image},0.5" for image in release.test_ids()[1:]]
    rows[3:5] = [rows[3].replace("0.5", "nan"), rows[4].replace("0.5", "much")]
    file.write_text("image_id,score\n" + "\n".join(rows) + "\n")
    return file


def test_submit_uploads_the_file_with_its_message(site, typed, submission):
    ended = typed("submit", "typhoons", submission, "-m", "first try")
    assert ended.status == 0, ended.err
    assert "received" in ended.out
    assert site.received["0"].read_bytes() == submission.read_bytes()
    assert site.messages == ["first try"]


def test_wait_stays_until_the_score_is_there(release, typed, submission):
    ended = typed("submit", "typhoons", submission, "--wait", "--json")
    assert ended.status == 0, ended.err
    answer = json.loads(ended.out)
    config = MetricConfig.model_validate(METRIC)
    expected = grade(submission, Solution.load(release.solution_path), config).public
    assert (answer["state"], answer["public"]["score"]) == ("scored", expected.score)


def test_wait_prints_the_public_result(typed, submission):
    ended = typed("submit", "typhoons", submission, "--wait")
    assert "scored: http" in ended.out
    assert "Public score 0.0" in ended.out
    assert re.search(r"95 % interval 0\.\d{3}–0\.\d{3}", ended.out)
    assert re.search(r"(about|fewer than) \d+ in \d+ draws of images", " ".join(ended.out.split()))


def test_a_score_that_the_ladder_holds_back_is_said_to_be(site, typed, submission):
    site.ladder = True
    ended = typed("submit", "typhoons", submission, "--wait")
    assert ended.status == 0, ended.err
    assert "not clearly better" in ended.out
    assert "recall" not in ended.out


@pytest.mark.parametrize(("state", "status"), [("invalid", 2), ("failed", 1), ("cancelled", 1)])
def test_wait_ends_with_every_final_state(site, typed, submission, state, status):
    site.faults.states = ["queued", state]
    ended = typed("submit", "typhoons", submission, "--wait")
    assert ended.status == status
    assert state in ended.out
    assert ("row 2: NaN" in ended.err) == (state == "invalid")


def test_wait_outlives_a_site_that_is_away_for_a_moment(site, typed, submission, monkeypatch):
    site.faults.states = ["queued"]
    site.faults.answers_after_upload = [problem(503, "restarting", "Back soon.")] * 9
    ended = typed("submit", "typhoons", submission, "--wait")
    assert ended.status == 0, ended.err
    assert "Public score" in ended.out


def test_an_invalid_file_lists_each_problem_on_a_line(typed, broken):
    ended = typed("submit", "typhoons", broken)
    assert ended.status == 2
    lines = ended.err.splitlines()
    assert len(lines) == 4
    assert lines[0] == "Invalid submission: Not valid."
    assert sum("test_0000000" in line for line in lines) == 1


def test_with_the_data_at_hand_nothing_invalid_is_uploaded(site, release, typed, broken):
    ended = typed("submit", "typhoons", broken, "--data", release.directory)
    assert ended.status == 2
    assert len(ended.err.splitlines()) == 4
    assert "Nothing was uploaded" in ended.err
    assert not site.received
    assert ("POST", "/competitions/typhoons/submissions") not in site.requests


def test_with_the_data_at_hand_a_valid_file_goes_through(site, release, typed, submission):
    assert typed("submit", "typhoons", submission, "--data", release.directory).status == 0
    assert len(site.received) == 1


def test_data_without_a_sample_submission_is_said_plainly(typed, submission, tmp_path):
    ended = typed("submit", "typhoons", submission, "--data", tmp_path)
    assert ended.status == 1
    assert "sample_submission.csv" in ended.err


def test_a_file_that_is_not_there_is_said_plainly(typed, tmp_path):
    ended = typed("submit", "typhoons", tmp_path / "nowhere.csv")
    assert ended.status == 1
    assert "There is no file" in ended.err


def test_a_file_beyond_the_limit_is_not_uploaded(site, typed, tmp_path):
    file = tmp_path / "large.csv"
    file.write_bytes(bytes(10_000_001))
    ended = typed("submit", "typhoons", file)
    assert ended.status == 1
    assert "takes at most 10.0 MB" in ended.err
    assert len(site.requests) == 1


REFUSALS = [
    (401, "not_authenticated", {}, "login URL"),
    (403, "not_joined", {}, "join typhoons --accept-rules"),
    (403, "rules_changed", {}, "join typhoons --accept-rules"),
    (403, "closed", {}, "It went wrong."),
    (404, "not_found", {}, "It went wrong."),
    (409, "no_release", {}, "It went wrong."),
    (413, "too_large", {}, "It went wrong."),
    (429, "daily_limit", {"Retry-After": "7384"}, "Try again in 2:03:04 h."),
    (429, "throttled", {}, "It went wrong."),
    (500, "internal", {}, "not your fault"),
    (503, "restarting", {}, "not your fault"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: f"{refusal[0]} {refusal[1]}")
def test_every_refusal_is_a_clear_sentence(site, typed, submission, refusal):
    status, code, headers, said = refusal
    _, _, body = problem(status, code, "It went wrong.")
    site.faults.answers_to_upload = [(status, headers, body)]
    ended = typed("submit", "typhoons", submission)
    assert ended.status == 1
    assert ended.err.startswith("Error: ")
    assert len(ended.err.splitlines()) == 1
    assert "It went wrong." in ended.err
    assert said in ended.err


def test_an_upload_is_never_sent_twice(site, typed, submission):
    site.faults.answers_to_upload = [problem(503, "restarting", "Back soon.")]
    typed("submit", "typhoons", submission)
    assert site.requests.count(("POST", "/competitions/typhoons/submissions")) == 1


def test_reading_is_tried_again_while_the_site_is_busy(site, typed):
    busy = problem(503, "restarting", "Back soon.")
    site.faults.answers = [busy, (429, {"Retry-After": "1"}, {"detail": "Slower."}), busy]
    ended = typed("competitions")
    assert ended.status == 0, ended.err
    assert len(site.requests) == 4


def test_a_site_that_stays_busy_is_said_plainly(site, typed):
    site.faults.answers = [problem(503, "restarting", "Back soon.")] * 9
    ended = typed("competitions")
    assert ended.status == 1
    assert "Back soon. Try again later." in ended.err


def test_an_error_without_problem_json_is_still_a_sentence(site, typed):
    site.faults.answers = [(404, {"Content-Type": "text/html"}, "<html>")]
    ended = typed("competitions")
    assert ended.status == 1
    assert "HTTP 404" in ended.err
