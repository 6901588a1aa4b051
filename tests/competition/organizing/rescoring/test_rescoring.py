"""All entries scored again: what comes out, and who sees it when."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from competition.leaderboards.standings import board_version, private_standings, public_standings
from competition.organizing.amend import change_metric
from competition.organizing.rescoring.before_after import before_after, changes_by_entry
from competition.organizing.rescoring.progress import progress
from competition.organizing.rescoring.publish import (
    complete_rescoring,
    discard_rescoring,
    publish_rescoring,
)
from competition.organizing.rescoring.rescore import rescore
from competition.refusal import Refusal
from competition.submissions.evaluate import evaluate
from competition.submissions.models import PrivateScore, Rescoring, Score, State, Submission
from scoring import MetricConfig, Solution, grade
from tests.competition.organizing.rescoring.conftest import (
    STRICTER,
    corrected_solution,
    new_scores,
    scored,
    start,
    work,
)
from tests.competition.submissions.conftest import submit

pytestmark = pytest.mark.django_db


def ready(competition, **changes) -> Rescoring:
    rescoring = work(start(competition, **changes))
    assert rescoring.state == Rescoring.State.READY, rescoring.error
    return rescoring


def refusal_of(rule, **arguments) -> Refusal:
    with pytest.raises(Refusal) as refused:
        rule(**arguments)
    return refused.value


def test_scores_are_those_of_scoring_from_scratch(typhoons, entries, release):
    rescoring = ready(typhoons, metric=STRICTER)
    solution = Solution.load(release.solution_path)
    for entry, score in new_scores(rescoring).items():
        expected = grade(entry.file.path, solution, MetricConfig.model_validate(STRICTER), device="cpu")
        assert score.value == expected.public.score
        assert (score.recall, score.precision) == (expected.public.recall, expected.public.precision)
        private = PrivateScore.with_unpublished.get(score=score)
        assert (private.value, private.recall) == (expected.private.score, expected.private.recall)
        assert score.metric["recall_floor"] == 0.95
        assert score.metric_version == 2
    assert len(new_scores(rescoring)) == len(entries)


def test_a_corrected_solution_is_what_entries_are_scored_with(typhoons, entries, release, organizer):
    own = release.solution_path
    rescoring = ready(typhoons, solution=corrected_solution(release), user=organizer)
    corrected = Path(rescoring.solution.file.path)
    assert rescoring.solution.changes["labels"] == 40
    assert rescoring.solution.uploaded_by == organizer
    solution = Solution.load(corrected)
    for entry, score in new_scores(rescoring).items():
        assert score.value == grade(entry.file.path, solution, device="cpu").public.score
        assert score.solution == rescoring.solution
    assert release.solution_path == own, "not in force before it is published"
    publish_rescoring(user=organizer, rescoring=rescoring)
    assert release.solution_path == corrected
    assert own.is_file(), "the release's folder stays as it was handed out"


def test_nobody_sees_a_score_before_it_is_published_and_then_everybody_does(typhoons, entries):
    before = public_standings(typhoons)
    version = board_version(typhoons)
    rescoring = ready(typhoons, metric=STRICTER)
    assert public_standings(typhoons) == before
    assert board_version(typhoons) == version
    assert Score.objects.count() == PrivateScore.objects.count() == 3
    assert all(entry.scores.count() == 1 for entry in entries)
    publish_rescoring(user=None, rescoring=rescoring)
    typhoons.refresh_from_db()
    after = public_standings(typhoons)
    assert [line.value for line in after] != [line.value for line in before]
    assert board_version(typhoons) != version
    assert typhoons.metric["recall_floor"] == 0.95
    assert typhoons.metric_version == 2
    assert all(entry.scores.count() == 2 for entry in entries), "the old score is history"


def test_the_board_is_another_version_also_where_only_the_solution_changed(typhoons, entries, release):
    version = board_version(typhoons)
    publish_rescoring(user=None, rescoring=ready(typhoons, solution=corrected_solution(release)))
    typhoons.refresh_from_db()
    assert typhoons.metric_version == 1
    assert board_version(typhoons) != version


def test_the_preview_is_what_is_published(typhoons, entries):
    rescoring = ready(typhoons, metric=STRICTER)
    preview = public_standings(typhoons, rescoring)
    publish_rescoring(user=None, rescoring=rescoring)
    typhoons.refresh_from_db()
    assert public_standings(typhoons) == preview


def test_before_and_after_are_told_and_stay_told(typhoons, entries):
    old = {line.team: line for line in public_standings(typhoons)}
    rescoring = ready(typhoons, metric=STRICTER)
    effect = before_after(rescoring)
    new = {line.team: line for line in public_standings(typhoons, rescoring)}
    assert effect.entries.scored == 3
    changed = [row for row in changes_by_entry(rescoring) if row.value != row.old_value]
    assert effect.entries.changed == len(changed) > 0
    assert effect.private is None, "nobody sees private standings before the close"
    for line in effect.public.lines:
        assert line.before.value == old[line.team].value
        assert line.after.value == new[line.team].value
        assert line.moved == old[line.team].rank - new[line.team].rank
    publish_rescoring(user=None, rescoring=rescoring)
    rescoring.refresh_from_db()
    assert before_after(rescoring) == effect


def test_crossing_the_gate_is_told(typhoons, entries, release):
    # A floor that half of the predictions of no value cannot reach with `submitted` thresholds.
    metric = STRICTER | {"threshold": "submitted", "recall_floor": 0.9}
    rescoring = ready(typhoons, metric=metric)
    left = [score for score in new_scores(rescoring).values() if not score.passed_gate]
    assert left, "the case is one"
    assert before_after(rescoring).entries.left_gate == len(left)


def test_each_entry_is_told_with_what_it_had(typhoons, entries):
    old = {entry.pk: entry.scores.get().value for entry in entries}
    rescoring = ready(typhoons, metric=STRICTER)
    rows = changes_by_entry(rescoring)
    assert {row.submission_id: row.old_value for row in rows} == old
    publish_rescoring(user=None, rescoring=rescoring)
    again = ready(typhoons, metric=STRICTER | {"recall_floor": 0.5})
    publish_rescoring(user=None, rescoring=again)
    assert {row.submission_id: row.old_value for row in changes_by_entry(rescoring)} == old


def test_progress_counts_what_is_written(typhoons, entries, monkeypatch):
    monkeypatch.setattr("competition.organizing.rescoring.rescore.BATCH_ENTRIES", 2)
    rescoring = start(typhoons)
    assert (progress(rescoring).total, progress(rescoring).done) == (3, 0)
    assert rescore(rescoring.pk, worker="test"), "there is more to do"
    assert (progress(rescoring).done, progress(rescoring).percent) == (2, 66)
    assert not rescore(rescoring.pk, worker="test")
    rescoring.refresh_from_db()
    assert (progress(rescoring).done, rescoring.state) == (3, Rescoring.State.READY)


def test_memory_bounds_how_many_are_scored_at_a_time(typhoons, entries, release, monkeypatch):
    images = release.manifest["counts"]["test"]["images"]
    monkeypatch.setattr("competition.organizing.rescoring.rescore.BATCH_BYTES", images * 8 * 2)
    rescoring = start(typhoons)
    rescore(rescoring.pk, worker="test")
    assert progress(rescoring).done == 2


def test_an_entry_that_arrives_meanwhile_is_scored_as_before_and_included(typhoons, entries, dave):
    rescoring = ready(typhoons, metric=STRICTER)
    late = scored(dave, typhoons, noise=0.2, seed=9)
    assert late.scores.get().metric_version == 1, "the metric in force"
    assert progress(rescoring).remaining == 1
    rescoring = publish_rescoring(user=None, rescoring=rescoring)
    assert rescoring.state == Rescoring.State.PUBLISHING, "a worker scores it first"
    assert late.scores.get().metric_version == 1
    work(rescoring)
    assert rescoring.state == Rescoring.State.PUBLISHED
    assert late.scores.first().metric_version == 2
    assert not Submission.objects.exclude(scores__rescoring=rescoring).exists()


def test_it_can_be_brought_up_to_date_before_it_is_judged(typhoons, entries, dave):
    rescoring = ready(typhoons, metric=STRICTER)
    late = scored(dave, typhoons, noise=0.2, seed=9)
    complete_rescoring(user=None, rescoring=rescoring)
    assert work(rescoring).state == Rescoring.State.READY
    assert late in new_scores(rescoring)
    assert progress(rescoring).remaining == 0


def test_an_entry_scored_while_it_is_published_gets_a_score_of_the_new_kind(
    typhoons, entries, dave, monkeypatch
):
    """Its worker has read the old metric when the new one comes into force, and writes afterwards."""
    from competition.submissions import evaluate as evaluation

    rescoring = ready(typhoons, metric=STRICTER)
    late = submit(dave, typhoons, noise=0.2, seed=9)
    grade_submission = evaluation.grade_submission

    def slow(submission, yardstick):
        graded = grade_submission(submission, yardstick)
        if yardstick.metric_version == 1:
            publish_rescoring(user=None, rescoring=rescoring)
        return graded

    monkeypatch.setattr(evaluation, "grade_submission", slow)
    evaluate(late.pk, worker="test")
    late.refresh_from_db()
    assert late.state == State.SCORED
    score = late.scores.get()
    assert (score.metric_version, score.metric["recall_floor"]) == (2, 0.95)


def test_a_file_that_is_gone_stops_nobody_and_is_named(typhoons, entries):
    gone, *others = entries
    Path(gone.file.path).unlink()
    rescoring = ready(typhoons, metric=STRICTER)
    failure = rescoring.failures.get()
    assert failure.submission == gone
    assert "missing" in failure.error
    assert set(new_scores(rescoring)) == set(others)


def test_publishing_with_failures_needs_consent_and_they_keep_their_score(typhoons, entries):
    gone = entries[0]
    old = gone.scores.get()
    Path(gone.file.path).unlink()
    rescoring = ready(typhoons, metric=STRICTER)
    assert refusal_of(publish_rescoring, user=None, rescoring=rescoring).code == "rescoring_failures"
    publish_rescoring(user=None, rescoring=rescoring, accept_failures=True)
    assert gone.scores.first() == old


def test_a_failure_can_be_tried_again(typhoons, entries):
    file = Path(entries[0].file.path)
    content = file.read_bytes()
    file.unlink()
    rescoring = ready(typhoons, metric=STRICTER)
    file.write_bytes(content)
    complete_rescoring(user=None, rescoring=rescoring)
    work(rescoring)
    assert not rescoring.failures.exists()
    assert len(new_scores(rescoring)) == 3


def test_a_late_entry_that_fails_goes_back_to_the_organizer(typhoons, entries, dave):
    rescoring = ready(typhoons, metric=STRICTER)
    late = scored(dave, typhoons, seed=9)
    publish_rescoring(user=None, rescoring=rescoring)
    Path(late.file.path).unlink()
    assert work(rescoring).state == Rescoring.State.READY
    assert rescoring.failures.get().submission == late
    typhoons.refresh_from_db()
    assert typhoons.metric_version == 1


def test_nothing_scored_is_nothing_to_publish(typhoons, entries):
    for entry in entries:
        Path(entry.file.path).unlink()
    rescoring = ready(typhoons)
    refused = refusal_of(publish_rescoring, user=None, rescoring=rescoring, accept_failures=True)
    assert refused.code == "nothing_scored"


def test_an_entry_that_breaks_the_batch_is_found(typhoons, entries, monkeypatch):
    """What is scored together and fails together is scored one by one."""
    from competition.organizing.rescoring import rescore as worker

    def out_of_memory(*args, **kwargs):
        raise MemoryError("the device is full")

    monkeypatch.setattr(worker, "grade_predictions", out_of_memory)
    rescoring = ready(typhoons, metric=STRICTER)
    assert not rescoring.failures.exists()
    assert len(new_scores(rescoring)) == 3


def test_a_solution_that_cannot_be_read_is_no_entrys_fault(typhoons, entries, release):
    rescoring = start(typhoons, solution=corrected_solution(release))
    Path(rescoring.solution.file.path).unlink()
    for _attempt in range(3):
        rescore(rescoring.pk, worker="test")
        Rescoring.objects.update(not_before=None)
    rescoring.refresh_from_db()
    assert rescoring.state == Rescoring.State.FAILED
    assert "solution" in rescoring.error
    assert not rescoring.failures.exists()
    start(typhoons)  # the next one may begin


def test_discarded_it_leaves_no_trace_but_a_record(typhoons, entries, organizer):
    before = public_standings(typhoons)
    rescoring = ready(typhoons, metric=STRICTER)
    discard_rescoring(user=organizer, rescoring=rescoring)
    rescoring.refresh_from_db()
    assert (rescoring.state, rescoring.finished_by) == (Rescoring.State.DISCARDED, organizer)
    typhoons.refresh_from_db()
    assert typhoons.metric_version == 1
    assert public_standings(typhoons) == before
    assert refusal_of(publish_rescoring, user=None, rescoring=rescoring).code == "rescoring_not_ready"
    assert refusal_of(discard_rescoring, user=None, rescoring=rescoring).code == "rescoring_finished"


def test_discarded_while_a_worker_scores_nothing_is_written(typhoons, entries, monkeypatch):
    from competition.organizing.rescoring import rescore as worker

    rescoring = start(typhoons)
    outcomes = worker._outcomes

    def slow(*args):
        found = outcomes(*args)
        discard_rescoring(user=None, rescoring=rescoring)
        return found

    monkeypatch.setattr(worker, "_outcomes", slow)
    assert not rescore(rescoring.pk, worker="test")
    rescoring.refresh_from_db()
    assert rescoring.state == Rescoring.State.DISCARDED
    assert not new_scores(rescoring)


def test_only_one_at_a_time(typhoons, entries, organizer):
    first = start(typhoons)
    assert refusal_of(start, competition=typhoons).code == "rescoring_under_way"
    work(first)
    assert refusal_of(start, competition=typhoons).code == "rescoring_under_way"
    publish_rescoring(user=organizer, rescoring=first)
    start(typhoons)


def test_the_second_organizer_to_publish_is_told_so(typhoons, entries, organizer):
    rescoring = ready(typhoons, metric=STRICTER)
    stale = Rescoring.objects.get(pk=rescoring.pk)
    publish_rescoring(user=organizer, rescoring=rescoring)
    assert refusal_of(publish_rescoring, user=None, rescoring=stale).code == "rescoring_published"
    typhoons.refresh_from_db()
    assert typhoons.metric_version == 2


def test_after_the_close_it_corrects_the_private_standings_too(typhoons, entries, release):
    typhoons.closes_at = timezone.now() - timedelta(seconds=1)
    typhoons.save()
    before = private_standings(typhoons)
    rescoring = ready(typhoons, solution=corrected_solution(release))
    assert private_standings(typhoons) == before
    effect = before_after(rescoring)
    assert effect.private is not None
    assert [line.after.value for line in effect.private.lines] == [
        line.value for line in private_standings(typhoons, rescoring)
    ]
    publish_rescoring(user=None, rescoring=rescoring)
    assert [line.value for line in private_standings(typhoons)] != [line.value for line in before]


def test_the_metric_of_scored_entries_changes_by_rescoring_alone(typhoons, entries):
    refused = refusal_of(change_metric, competition=typhoons, metric=STRICTER)
    assert refused.code == "rescoring_needed"
    typhoons.refresh_from_db()
    assert typhoons.metric_version == 1


def test_it_needs_a_reason_and_entries(typhoons, release):
    assert refusal_of(start, competition=typhoons, reason=" \n ").code == "no_reason"
    assert refusal_of(start, competition=typhoons).code == "no_entries"


def test_a_metric_that_cannot_be_is_refused_and_so_is_one_for_other_files(typhoons, entries):
    refused = refusal_of(start, competition=typhoons, metric=STRICTER | {"recall_floor": 7})
    assert refused.code == "metric_invalid"
    refused = refusal_of(start, competition=typhoons, metric=STRICTER | {"prediction": "label"})
    assert refused.code == "prediction_is_settled"


def test_the_same_metric_again_is_no_new_version(typhoons, entries):
    rescoring = ready(typhoons, metric=dict(typhoons.metric))
    assert rescoring.metric_version == 1
    publish_rescoring(user=None, rescoring=rescoring)
    assert before_after(rescoring).entries.changed == 0


def test_finals_and_limits_stay(typhoons, entries, alice):
    from competition.submissions.finals import choose_final
    from competition.submissions.receive import remaining_today

    choose_final(user=alice, submission=entries[1], final=True)
    left = remaining_today(entries[0].team)
    publish_rescoring(user=None, rescoring=ready(typhoons, metric=STRICTER))
    entries[1].refresh_from_db()
    assert entries[1].is_final
    assert remaining_today(entries[0].team) == left


def test_ladders_are_climbed_anew_already_in_the_preview(typhoons, entries):
    """The first of Team Alice's entries is clearly better: the second is no rung, and is not shown."""
    typhoons.ladder = True
    typhoons.save()
    rescoring = ready(typhoons, metric=STRICTER)
    rungs = {entry: score.is_rung for entry, score in new_scores(rescoring).items()}
    assert rungs == {entries[0]: True, entries[1]: False, entries[2]: True}
    preview = public_standings(typhoons, rescoring)
    publish_rescoring(user=None, rescoring=rescoring)
    typhoons.refresh_from_db()
    assert public_standings(typhoons) == preview
    assert [entry.scores.first().is_rung for entry in entries] == [True, False, True]
