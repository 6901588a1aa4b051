"""An organizer's own metric, from the upload to a score on the board."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from competition.contests.models import Competition, OwnMetric
from competition.organizing.amend import change_metric
from competition.organizing.own_metric.trial import try_uploaded
from competition.organizing.own_metric.upload import MOST_TESTING, upload_metric
from competition.organizing.rescoring.rescore import rescore
from competition.organizing.rescoring.start import start_rescoring
from competition.refusal import Refusal
from competition.submissions.evaluate import evaluate
from competition.submissions.models import PrivateScore, Score, State
from competition.submissions.receive import remaining_today
from scoring import MetricConfig
from tests.competition.conftest import signed_in
from tests.competition.submissions.conftest import submit

pytestmark = pytest.mark.django_db

HITS = """
from tamago_metric import ParticipantVisibleError

def score(solution, submission):
    if submission["score"].nunique() < 2:
        raise ParticipantVisibleError("All scores are equal: nothing can be ranked.")
    order = submission["score"].to_numpy().argsort(kind="stable")[::-1]
    positives = int(solution["label"].sum())
    hits = solution["label"].to_numpy()[order][:positives].sum()
    return {"score": hits / positives, "recall": hits / positives, "hits": hits}
"""


@pytest.fixture(autouse=True)
def quick(settings):
    settings.METRIC_SECONDS = 2
    settings.SCORING_DEVICE = "cpu"


def upload(user, competition, source: str, **fields) -> OwnMetric:
    file = SimpleUploadedFile("hits.py", source.encode())
    return upload_metric(user=user, competition=competition, file=file, **{"name": "Hits"} | fields)


def tried(uploaded: OwnMetric) -> OwnMetric:
    try_uploaded(uploaded.pk, worker="test")
    uploaded.refresh_from_db()
    return uploaded


def in_force(user, competition: Competition, source: str, **fields) -> OwnMetric:
    """Without a test run, as if the metric had behaved then."""
    uploaded = upload(user, competition, source, **fields)
    OwnMetric.objects.filter(pk=uploaded.pk).update(state=OwnMetric.State.USABLE)
    change_metric(competition=competition, metric=uploaded.metric)
    return uploaded


def scored(submission):
    evaluate(submission.pk, worker="test")
    submission.refresh_from_db()
    return submission


def test_a_file_is_tried_put_into_force_and_scores_entries(organizer, typhoons, release, alice, team):
    uploaded = tried(upload(organizer, typhoons, HITS, digits=3))
    assert uploaded.state == OwnMetric.State.USABLE, uploaded.error or uploaded.report
    tries = {(each["answer"], each["part"]): each for each in uploaded.report["tries"]}
    assert tries["perfect", "private"]["result"]["score"] == 1
    assert tries["constant", "public"]["outcome"] == "refused"
    assert change_metric(competition=typhoons, metric=uploaded.metric)
    submission = scored(submit(alice, typhoons, noise=0.3))
    assert submission.state == State.SCORED, submission.error
    score = Score.objects.get()
    assert 0 < score.value <= 1
    assert (score.metric["metric"], score.metric["sha256"], score.metric_version) == (
        "own",
        uploaded.sha256,
        2,
    )
    assert score.recall == score.value
    # What the private call told is in the private result alone.
    private = PrivateScore.objects.get()
    assert private.result["details"]["hits"] != score.result["details"]["hits"]
    assert str(private.result["details"]["hits"]) not in json.dumps(score.result["details"])


def test_a_participant_visible_error_makes_the_entry_invalid_and_counts_nothing(
    organizer,
    typhoons,
    release,
    alice,
    team,
):
    raising = 'from tamago_metric import *\ndef score(a, b):\n    raise ParticipantVisibleError("Too flat.")'
    in_force(organizer, typhoons, raising)
    before = remaining_today(team)
    submission = scored(submit(alice, typhoons))
    assert submission.state == State.INVALID
    assert [each["message"] for each in submission.problems] == ["Too flat."]
    assert remaining_today(team) == before
    page = signed_in(alice).get(submission.get_absolute_url()).content.decode()
    assert "Too flat." in page


def test_what_the_metric_says_of_the_private_part_is_for_organizers_alone(
    organizer,
    typhoons,
    release,
    alice,
    team,
):
    raising = """
from tamago_metric import ParticipantVisibleError
def score(solution, submission):
    if len(solution) > 320:  # the private part is the larger one
        raise ParticipantVisibleError("test_0000001 is a typhoon")
    return 0.5"""
    in_force(organizer, typhoons, raising)
    submission = scored(submit(alice, typhoons))
    assert submission.state == State.INVALID
    assert "test_0000001" not in json.dumps(submission.problems)
    assert "test_0000001 is a typhoon" in submission.error
    for user, told in ((alice, False), (organizer, True)):
        page = signed_in(user).get(submission.get_absolute_url()).content.decode()
        console = (
            signed_in(user).get(reverse("organizing:submissions", args=[typhoons.slug])).content.decode()
        )
        assert ("is a typhoon" in page + console) is told


def test_a_failing_metric_is_told_to_organizers_and_costs_participants_nothing(
    organizer,
    typhoons,
    release,
    alice,
    team,
):
    in_force(organizer, typhoons, "def score(solution, submission):\n    return solution['lable'].sum()")
    before = remaining_today(team)
    submission = scored(submit(alice, typhoons))
    assert (submission.state, submission.attempts) == (State.FAILED, 1)
    assert remaining_today(team) == before
    assert "KeyError: 'lable'" in submission.error
    assert "line 2, in score" in submission.error
    page = signed_in(alice).get(submission.get_absolute_url()).content.decode()
    assert "lable" not in page
    console = (
        signed_in(organizer).get(reverse("organizing:submissions", args=[typhoons.slug])).content.decode()
    )
    assert "lable" in console


@pytest.mark.usefixtures("release")
def test_the_lease_lives_while_a_metric_runs(organizer, typhoons, alice, team, settings):
    settings.LEASE_SECONDS = 0.6
    in_force(organizer, typhoons, "import time\ndef score(a, b):\n    time.sleep(1)\n    return 0.5")
    assert scored(submit(alice, typhoons)).state == State.SCORED


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (b"def score(solution):\n    return 1", "line 1: `score` must take two arguments"),
        (b"x = 1\ndef score(a, b, c):\n    return 1", "line 2: `score` must take two arguments"),
        (b"x = 1\n", "defines no function `score`"),
        (b"def score(a, b):\n  return (\n", "line 2"),
        (b"", "empty"),
        (b"x = 1\n\xff", "line 2: the file must be UTF-8"),
        (b"async def score(a, b): pass", "asynchronous"),
        (b"class score: pass", "a class"),
        (b"def score(a, b): yield 1", "generator"),
        (b"if True:\n    def score(a, b): return 1", "line 2 is not at the top level"),
        (b"#" * 200_001, "200001 bytes"),
        (b"\0", "zero byte"),
        (b"(" * 5000 + b")" * 5000, "line 1"),
        (b"-" * 100_000 + b"1", "cannot compile"),
    ],
)
def test_a_file_that_cannot_be_a_metric_is_refused_with_the_line(organizer, typhoons, source, told):
    with pytest.raises(Refusal) as refused:
        upload_metric(user=organizer, competition=typhoons, file=SimpleUploadedFile("m.py", source), name="M")
    assert told in refused.value.message
    assert not OwnMetric.objects.exists()


@pytest.mark.parametrize(
    "call", ["def score(a, b, c=1)", "def score(*tables)", "def score(a, b, *, c=1, **d)"]
)
def test_other_signatures_that_take_two_tables_are_welcome(organizer, typhoons, call):
    assert upload(organizer, typhoons, f"{call}:\n    return 1").pk


def test_a_metric_that_fails_its_test_run_cannot_be_used(organizer, typhoons, release):
    uploaded = tried(upload(organizer, typhoons, "def score(solution, submission):\n    return 'good'"))
    assert uploaded.state == OwnMetric.State.UNUSABLE
    assert "which is no number" in uploaded.report["problems"][0]
    with pytest.raises(Refusal, match="test run"):
        change_metric(competition=typhoons, metric=uploaded.metric)


def test_a_metric_in_the_wrong_direction_is_remarked_upon(organizer, typhoons, release):
    uploaded = tried(upload(organizer, typhoons, HITS.replace("[::-1]", "")))
    assert uploaded.state == OwnMetric.State.USABLE
    assert any("as good as the perfect one" in remark for remark in uploaded.report["remarks"])


def test_a_file_of_another_competition_or_none_cannot_be_named(organizer, typhoons):
    with pytest.raises(Refusal, match="Upload the file"):
        change_metric(competition=typhoons, metric={"metric": "own", "name": "Hits", "sha256": "0" * 64})


def test_only_a_few_files_wait_for_their_test_run(organizer, typhoons):
    for number in range(MOST_TESTING):
        upload(organizer, typhoons, f"def score(a, b):\n    return {number}")
    with pytest.raises(Refusal, match="wait for their test run"):
        upload(organizer, typhoons, "def score(a, b):\n    return 9")


def test_versions_are_kept_and_scores_name_theirs(organizer, typhoons, release):
    first = in_force(organizer, typhoons, "def score(a, b):\n    return 1")
    second = in_force(organizer, typhoons, "def score(a, b):\n    return 2")
    typhoons.refresh_from_db()
    assert typhoons.metric_version == 3
    assert [each.pk for each in typhoons.own_metrics.all()] == [second.pk, first.pk]
    assert [each.is_in_force for each in OwnMetric.objects.all()] == [True, False]


def test_the_pages_take_the_file_show_the_report_and_put_it_into_force(organizer, typhoons, release):
    browser = signed_in(organizer)
    listed = reverse("organizing:own_metrics", args=[typhoons.slug])
    assert browser.get(listed).status_code == 200
    wrong = {"file": SimpleUploadedFile("hits.py", b"x ="), "name": "Hits", "better": "higher"}
    answer = browser.post(listed, wrong | {"prediction": "score", "digits": 4})
    assert answer.status_code == 422
    assert "line 1: invalid syntax" in answer.content.decode()
    right = wrong | {"file": SimpleUploadedFile("hits.py", HITS.encode()), "prediction": "score", "digits": 4}
    page = browser.post(listed, right, follow=True)
    uploaded = OwnMetric.objects.get()
    assert page.redirect_chain[-1][0] == uploaded.get_absolute_url()
    assert "http-equiv" in page.content.decode()  # it looks again
    tried(uploaded)
    shown = browser.get(uploaded.get_absolute_url()).content.decode()
    assert "Put into force" in shown
    assert "ParticipantVisibleError" in shown
    assert "http-equiv" not in shown
    file = browser.get(reverse("organizing:own_metric_file", args=[typhoons.slug, uploaded.pk]))
    assert file.content.decode() == HITS
    assert file["Content-Disposition"].startswith("attachment")
    adopted = browser.post(
        reverse("organizing:adopt_own_metric", args=[typhoons.slug, uploaded.pk]), follow=True
    )
    assert "in force" in adopted.content.decode()
    typhoons.refresh_from_db()
    assert typhoons.metric["sha256"] == uploaded.sha256
    for name in ("metric", "console", "submissions", "own_metrics"):
        assert browser.get(reverse(f"organizing:{name}", args=[typhoons.slug])).status_code == 200
    for name in ("overview", "evaluation"):
        assert browser.get(reverse(f"contests:{name}", args=[typhoons.slug])).status_code == 200


def test_once_entries_are_scored_a_new_file_means_a_rescoring(organizer, typhoons, release, alice, team):
    scored(submit(alice, typhoons))
    uploaded = upload(organizer, typhoons, HITS)
    OwnMetric.objects.update(state=OwnMetric.State.USABLE)
    browser = signed_in(organizer)
    address = reverse("organizing:adopt_own_metric", args=[typhoons.slug, uploaded.pk])
    assert browser.post(address, {}).status_code == 422
    assert browser.post(address, {"reason": "Hits count."}).status_code == 302
    rescoring = typhoons.rescorings.get()
    assert rescoring.metric == uploaded.metric
    while rescore(rescoring.pk, worker="test"):
        pass
    rescoring.refresh_from_db()
    assert rescoring.state == rescoring.State.READY, rescoring.error
    score = Score.with_unpublished.get(rescoring=rescoring)
    assert score.metric["sha256"] == uploaded.sha256
    assert score.result["details"]["hits"] > 0
    assert browser.get(rescoring.get_absolute_url()).status_code == 200


def test_the_form_of_a_rescoring_leaves_an_own_metric_as_it_is(organizer, typhoons, release, alice, team):
    uploaded = in_force(organizer, typhoons, HITS)
    scored(submit(alice, typhoons))
    browser = signed_in(organizer)
    address = reverse("organizing:rescore", args=[typhoons.slug])
    form = browser.get(address).context["metric_form"]
    assert form.initial["metric"] == "own"
    typed = {name: value for name, value in form.initial.items() if value is not None}
    typed |= {"more": json.dumps(form.initial["more"]), "reason": "A storm was labelled wrongly."}
    answer = browser.post(address, typed)
    assert answer.status_code == 302, answer.content.decode()
    assert typhoons.rescorings.get().metric == uploaded.metric


def test_the_form_of_a_rescoring_goes_back_to_the_platform_s_metrics(
    organizer, typhoons, release, alice, team
):
    """What described the file is not typed away by hand, and its lack of draws does not stay behind."""
    in_force(organizer, typhoons, HITS)
    scored(submit(alice, typhoons))
    browser = signed_in(organizer)
    address = reverse("organizing:rescore", args=[typhoons.slug])
    form = browser.get(address).context["metric_form"]
    typed = {name: value for name, value in form.initial.items() if value is not None}
    typed |= {"more": json.dumps(form.initial["more"]), "reason": "Simpler.", "metric": "roc_auc"}
    answer = browser.post(address, typed)
    assert answer.status_code == 302, answer.content.decode()
    metric = typhoons.rescorings.get().metric
    assert metric["metric"] == "roc_auc"
    assert metric == MetricConfig.model_validate({"metric": "roc_auc", "digits": 5}).model_dump(mode="json")


def test_a_metric_that_fails_an_entry_of_a_rescoring_is_told_there(organizer, typhoons, release, alice, team):
    scored(submit(alice, typhoons))
    uploaded = upload(organizer, typhoons, "def score(a, b):\n    return 1 / 0")
    OwnMetric.objects.update(state=OwnMetric.State.USABLE)
    rescoring = start_rescoring(
        user=organizer, competition=typhoons, reason="Hits count.", metric=uploaded.metric
    )
    while rescore(rescoring.pk, worker="test"):
        pass
    assert "ZeroDivisionError" in rescoring.failures.get().error


def test_the_ladder_takes_an_own_metric(organizer, typhoons, release, alice, team):
    Competition.objects.update(ladder=True)
    in_force(organizer, typhoons, HITS)
    for noise in (0.6, 0.2):
        submission = scored(submit(alice, typhoons, noise=noise))
        assert submission.state == State.SCORED, submission.error
    board = signed_in(alice).get(f"/competitions/{typhoons.slug}/leaderboard/")
    assert "Team Alice" in board.content.decode()


def test_pages_of_entries_and_boards_show_an_own_metric(organizer, typhoons, release, alice, team):
    in_force(organizer, typhoons, HITS)
    submission = scored(submit(alice, typhoons))
    assert submission.state == State.SCORED, submission.error
    browser = signed_in(alice)
    assert browser.get(submission.get_absolute_url()).status_code == 200
    assert "Team Alice" in browser.get(f"/competitions/{typhoons.slug}/leaderboard/").content.decode()
    assert signed_in(organizer).get(submission.get_absolute_url()).status_code == 200


@pytest.mark.usefixtures("release")
def test_where_metrics_cannot_be_contained_none_runs_and_the_organizer_reads_why(
    organizer,
    typhoons,
    alice,
    team,
    monkeypatch,
):
    from scoring.own_metric import sandbox

    monkeypatch.setattr(sandbox.sys, "platform", "darwin")
    uploaded = tried(upload(organizer, typhoons, HITS))
    assert uploaded.state == OwnMetric.State.UNUSABLE
    assert "runs on Linux alone" in uploaded.error
