"""`manage.py rescore`: the same from a terminal."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from competition.submissions.models import Rescoring
from tests.competition.organizing.rescoring.conftest import STRICTER, corrected_solution

pytestmark = pytest.mark.django_db


def test_it_scores_tells_and_publishes_when_asked(typhoons, entries, organizer, tmp_path, capsys):
    metric = tmp_path / "metric.json"
    metric.write_text(json.dumps(STRICTER))
    arguments = ("rescore", "typhoons", "--reason", "The floor was wrong.", "--metric", str(metric))
    call_command(*arguments, "--by", "organizer", "--publish")
    told = capsys.readouterr().out
    assert "3 entries scored" in told
    assert "Team Dave" in told
    rescoring = Rescoring.objects.get()
    assert (rescoring.state, rescoring.started_by) == (Rescoring.State.PUBLISHED, organizer)
    typhoons.refresh_from_db()
    assert typhoons.metric["recall_floor"] == 0.95


def test_unasked_it_publishes_nothing(typhoons, entries, release, tmp_path):
    solution = tmp_path / "solution.parquet"
    solution.write_bytes(corrected_solution(release).read())
    call_command("rescore", "typhoons", "--reason", "Labels.", "--solution", str(solution))
    assert Rescoring.objects.get().state == Rescoring.State.READY
    assert release.solution is None


def test_failures_are_named_and_not_published_without_consent(typhoons, entries, capsys):
    Path(entries[0].file.path).unlink()
    entries[0].team.name = "Team [/bold] Alice"  # no markup of the terminal
    entries[0].team.save()
    with pytest.raises(CommandError, match="could not be scored"):
        call_command("rescore", "typhoons", "--reason", "Again.", "--publish")
    assert "Team [/bold] Alice" in capsys.readouterr().out
    assert Rescoring.objects.get().state == Rescoring.State.READY


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nowhere", "--reason", "x"), "no competition 'nowhere'. There are: typhoons"),
        (("typhoons", "--reason", " "), "Say why"),
        (("typhoons", "--reason", "x", "--by", "nobody"), "nobody called 'nobody'"),
        (("typhoons", "--reason", "x", "--metric", "/does/not/exist"), "metric cannot be read"),
        (("typhoons", "--reason", "x", "--solution", "/does/not/exist"), "solution cannot be read"),
    ],
)
def test_what_cannot_be_is_said(typhoons, entries, arguments, told):
    with pytest.raises(CommandError, match=told):
        call_command("rescore", *arguments)
    assert not Rescoring.objects.exists()
