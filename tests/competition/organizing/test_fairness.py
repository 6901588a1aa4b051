"""The console's page about a leaderboard that resists guessing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from competition.datasets.registration import register_release
from competition.organizing.fairness.advice import digits_advice, sharing_the_data
from competition.submissions.models import ProbingSign, Score, State
from tests.competition.cast import add_scores, copy_of, submit
from tests.competition.conftest import signed_in, take_part

PAGE = "/organize/typhoons/fairness/"


@pytest.fixture
def browser(typhoons, organizer):
    return signed_in(organizer)


@pytest.fixture
def data(typhoons, release_folder):
    return register_release(competition=typhoons, folder=release_folder.name, verify=False)


@pytest.fixture
def scored(typhoons, data, team, alice):
    submission = submit(typhoons, team, alice, state=State.SCORED)
    add_scores(submission)
    return submission


@pytest.fixture
def sign(typhoons, scored, team) -> ProbingSign:
    sign = ProbingSign.objects.create(
        competition=typhoons,
        team=team,
        kind=ProbingSign.Kind.SMALL_CHANGES,
        strength=7,
        evidence={"count": 7, "images": 3, "of": 640},
    )
    sign.submissions.add(scored)
    return sign


def text(response) -> str:
    return response.content.decode()


def test_the_ladder_is_switched_before_the_first_submission(browser, typhoons):
    assert b"Save" in browser.get(PAGE).content
    assert "The Ladder is on" in text(browser.post(PAGE, {"ladder": "on"}, follow=True))
    typhoons.refresh_from_db()
    assert typhoons.ladder
    assert "Nothing has changed" in text(browser.post(PAGE, {"ladder": "on"}, follow=True))
    assert "The Ladder is off" in text(browser.post(PAGE, {}, follow=True))
    typhoons.refresh_from_db()
    assert not typhoons.ladder


def test_once_there_are_submissions_the_ladder_stays(browser, typhoons, scored):
    assert "There are submissions" in text(browser.get(PAGE))
    response = browser.post(PAGE, {"ladder": "on"})
    assert response.status_code == 409
    assert "stays until the close" in text(response)
    typhoons.refresh_from_db()
    assert not typhoons.ladder


def test_after_the_close_it_is_refused(browser, typhoons):
    typhoons.closes_at = timezone.now() - timedelta(seconds=1)
    typhoons.save()
    assert browser.post(PAGE, {"ladder": "on"}).status_code == 409


def test_participants_read_the_rule_where_entries_are_explained(client, typhoons):
    address = "/competitions/typhoons/evaluation/"
    assert "The Ladder" not in text(client.get(address))
    assert "5 decimals, without counts" in text(client.get(address))
    typhoons.ladder = True
    typhoons.save()
    assert "only if it beats your team’s best by more than the noise" in text(client.get(address))


def test_digits_are_compared_with_the_noise(browser, typhoons, scored):
    assert digits_advice(typhoons) is None
    assert "it is told here once" in text(browser.get(PAGE))
    score = Score.objects.get()
    score.result |= {"uncertainty": {"standard_error": 0.012}, "tp": 800, "fp": 199, "precision": 0.8}
    score.save()
    advice = digits_advice(typhoons)
    assert (advice.digits, advice.recommended, advice.is_fine, advice.names_single_images) == (
        5,
        2,
        False,
        True,
    )
    assert advice.one_image == pytest.approx(0.8 / 1000)
    page = text(browser.get(PAGE))
    assert "at most 2 decimals" in page
    assert "a single image shows in the score" in page
    typhoons.metric["digits"] = 2
    typhoons.save()
    assert "These are coarse enough" in text(browser.get(PAGE))


def test_a_sign_is_shown_with_its_evidence_and_submissions(browser, sign, scored):
    page = text(browser.get(PAGE))
    assert "7 submissions change only about 3 of 640 images" in page
    assert scored.get_absolute_url() in page
    assert "look at the signs" in text(browser.get("/organize/typhoons/")).lower()


def test_an_organizer_dismisses_a_sign_with_a_note(browser, sign, organizer):
    address = f"{PAGE}signs/{sign.pk}/dismiss/"
    assert "Dismissed" in text(browser.post(address, {"note": "They mended a bug."}, follow=True))
    sign.refresh_from_db()
    assert (sign.dismissed_by, sign.note) == (organizer, "They mended a bug.")
    page = text(browser.get(PAGE))
    assert "They mended a bug." in page
    assert "No sign of probing" in page
    assert browser.post(address, {"note": "again"}).status_code == 404


def test_a_note_has_300_characters(browser, sign):
    response = browser.post(f"{PAGE}signs/{sign.pk}/dismiss/", {"note": "x" * 301}, follow=True)
    assert "300" in text(response)
    sign.refresh_from_db()
    assert sign.dismissed_at is None


def test_participants_see_no_sign(sign, alice, dave, typhoons):
    take_part(typhoons, dave, name="Team Dave")
    for user in (alice, dave):
        browser = signed_in(user)
        assert browser.get(PAGE).status_code == 404
        for address in ("/competitions/typhoons/submissions/", sign.submissions.get().get_absolute_url()):
            assert "probing" not in text(browser.get(address))


def test_two_competitions_on_one_release_are_told_of(browser, typhoons, data, release_folder, organizer):
    assert not sharing_the_data(typhoons)
    again = copy_of(typhoons, slug="again", title="Once more")
    again.organizers.add(organizer)
    register_release(competition=again, folder=release_folder.name, verify=False)
    assert list(sharing_the_data(typhoons)) == [again]
    assert list(sharing_the_data(again)) == [typhoons]
    for address in (PAGE, "/organize/typhoons/"):
        assert "“Once more” runs on the very same data" in text(browser.get(address))
    again.closes_at = timezone.now() - timedelta(seconds=1)
    again.save()
    assert not sharing_the_data(typhoons)
