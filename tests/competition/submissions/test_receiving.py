from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from competition.contests.models import RulesVersion
from competition.refusal import Refusal
from competition.submissions.models import State, Submission
from competition.submissions.receive import next_reset, receive_submission, remaining_today
from tests.competition.submissions.conftest import submission_file, submit


def refused(code: str, status: int):
    return pytest.raises(Refusal, check=lambda refusal: (refusal.code, refusal.status) == (code, status))


@pytest.fixture(autouse=True)
def nothing_is_left_of_what_was_refused(db, media):
    yield
    stored = {str(path.relative_to(media)) for path in media.rglob("*") if path.is_file()}
    assert stored == {submission.file.name for submission in Submission.objects.all()}


def test_a_valid_submission_is_stored_and_queued(alice, team, release):
    file = submission_file(release, name="best of\n all.csv")
    submission = receive_submission(user=alice, competition=team.competition, file=file, message=" first ")
    assert submission.state == State.QUEUED
    assert (submission.team, submission.user, submission.release) == (team, alice, release)
    assert (submission.filename, submission.message) == ("best of all.csv", "first")
    assert submission.size == file.size
    file.seek(0)
    assert submission.file.read() == file.read()
    assert remaining_today(team) == 4


def test_names_and_descriptions_hold_nothing_that_a_database_refuses(alice, team, release):
    file = submission_file(release, name=" \0 ")
    message = " first\0try\n\tof mine "
    submission = receive_submission(user=alice, competition=team.competition, file=file, message=message)
    assert (submission.filename, submission.message) == ("submission", "first try of mine")


def test_its_hash_is_that_of_the_file(alice, team, release):
    file = SimpleUploadedFile("empty.csv", b"")
    submission = receive_submission(user=alice, competition=team.competition, file=file)
    assert submission.sha256 == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_an_invalid_file_is_kept_with_its_problems_and_does_not_count(alice, team, release):
    file = SimpleUploadedFile("try.csv", b"image_id,score\ntest_0000000,much\ntest_0000000,1\n")
    submission = receive_submission(user=alice, competition=team.competition, file=file)
    assert submission.state == State.INVALID
    assert {"text_value", "duplicate_id", "missing_id"} <= {p["kind"] for p in submission.problems}
    assert submission.finished_at
    assert remaining_today(team) == 5


def test_compressed_files_are_told_by_their_content(alice, team, release):
    import gzip

    file = submission_file(release)
    packed = SimpleUploadedFile("try.csv.gz", gzip.compress(file.read()))
    submission = receive_submission(user=alice, competition=team.competition, file=packed)
    assert submission.state == State.QUEUED


def test_warnings_are_kept(alice, team, release):
    file = submission_file(release)
    lines = file.read().decode().splitlines()
    wide = "\n".join([lines[0] + ",note", *(line + ",x" for line in lines[1:])])
    submission = receive_submission(
        user=alice, competition=team.competition, file=SimpleUploadedFile("wide.csv", wide.encode())
    )
    assert submission.state == State.QUEUED
    assert "note" in submission.warnings[0]


def test_the_day_begins_at_midnight_utc(alice, team, release):
    for _ in range(5):
        submit(alice, team.competition)
    with refused("daily_limit", 429) as refusal:
        submit(alice, team.competition)
    assert next_reset().astimezone(UTC).time() == datetime.min.time()
    assert refusal.value.retry_after == pytest.approx((next_reset() - timezone.now()).total_seconds(), abs=2)
    Submission.objects.update(received_at=next_reset() - timedelta(days=1, seconds=1))
    assert remaining_today(team) == 5
    submit(alice, team.competition)


@pytest.mark.usefixtures("other_team", "release")
def test_the_limit_is_the_teams(alice, bob, dave, team):
    team.competition.daily_limit = 1
    team.competition.save()
    submit(alice, team.competition)
    with refused("daily_limit", 429):
        submit(bob, team.competition)
    submit(dave, team.competition)


def test_failed_and_cancelled_submissions_are_refunded_and_scored_ones_are_not(alice, team, release):
    for state, counted in [
        (State.FAILED, 0),
        (State.CANCELLED, 0),
        (State.INVALID, 0),
        (State.SCORED, 1),
        (State.SCORING, 2),
    ]:
        submission = submit(alice, team.competition)
        Submission.objects.filter(pk=submission.pk).update(state=state)
        assert remaining_today(team) == 5 - counted


def test_who_takes_no_part_cannot_submit(carol, typhoons, release):
    with refused("not_joined", 403):
        submit(carol, typhoons)


def test_a_deactivated_account_cannot_submit(alice, team, release):
    alice.is_active = False
    with refused("inactive", 403):
        submit(alice, team.competition)


def test_changed_rules_are_to_be_accepted_first(alice, team, release):
    RulesVersion.objects.create(competition=team.competition, number=2, body="Be fairer.")
    with refused("rules_changed", 403):
        submit(alice, team.competition)


@pytest.mark.parametrize(
    ("change", "code", "status"),
    [
        ({"published_at": None}, "not_published", 404),
        ({"opens_at": timedelta(days=1)}, "not_open", 403),
        ({"closes_at": timedelta(seconds=-1)}, "closed", 403),
    ],
)
@pytest.mark.usefixtures("release")
def test_only_an_open_competition_takes_submissions(alice, team, change, code, status):
    competition = team.competition
    for name, value in change.items():
        setattr(competition, name, value and timezone.now() + value)
    competition.save()
    with refused(code, status):
        submit(alice, competition)


def test_the_deadline_counts_when_the_file_is_there(alice, team, release, typhoons):
    # The page was loaded while the competition was open; meanwhile an organizer has closed it.
    stale = type(typhoons).objects.get(pk=typhoons.pk)
    typhoons.closes_at = timezone.now() - timedelta(seconds=1)
    typhoons.save()
    with refused("closed", 403):
        submit(alice, stale)


def test_without_data_there_is_nothing_to_submit_to(alice, team, release):
    release.is_current = False
    release.save()
    with refused("no_release", 409):
        receive_submission(user=alice, competition=team.competition, file=submission_file(release))


@pytest.mark.parametrize("limit", ["competition", "site"])
def test_a_file_over_the_limit_is_refused(alice, team, release, limit, settings):
    if limit == "site":
        settings.MAX_UPLOAD_BYTES = 100
    else:
        team.competition.max_upload_bytes = 100
    with refused("too_large", 413):
        submit(alice, team.competition)


def test_no_file_is_refused(alice, team, release):
    with refused("no_file", 422):
        receive_submission(user=alice, competition=team.competition, file=None)


def test_a_very_long_description_is_refused(alice, team, release):
    with refused("long_message", 422):
        receive_submission(
            user=alice, competition=team.competition, file=submission_file(release), message="x" * 201
        )


def test_a_release_that_cannot_be_understood_is_the_workers_to_report(alice, team, release):
    release.manifest = {}
    release.save()
    assert submit(alice, team.competition).state == State.QUEUED
