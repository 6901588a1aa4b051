"""Final submissions: those that the private standings look at."""

import structlog
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from competition.accounts.models import User
from competition.contests.models import Competition, Team
from competition.contests.teams import lock_team_of
from competition.refusal import Refusal
from competition.submissions.cancel import refuse_strangers
from competition.submissions.models import State, Submission
from competition.submissions.results import best_first, counting_scores, metric_of

log = structlog.get_logger(__name__)


@transaction.atomic
def choose_final(*, user: User, submission: Submission, final: bool) -> Submission:
    """Choose a scored submission as final, or no longer: at most `max_finals` of a team, until the close."""
    refuse_strangers(user, submission)
    team = lock_team_of(user, submission.competition)
    submission = Submission.objects.select_related("competition", "team").get(pk=submission.pk)
    competition = submission.competition
    if team is None or submission.team_id != team.pk:
        raise Refusal(_("Your team has just changed. Please try again."), code="team_changed")
    if competition.state != Competition.State.OPEN:
        raise Refusal(
            _("Final submissions are chosen while the competition is open."), code="not_open", status=403
        )
    if submission.state != State.SCORED:
        raise Refusal(_("Only a scored submission can be final."), code="not_scored")
    others = team.submissions.filter(is_final=True).exclude(pk=submission.pk).count()
    if final and others >= competition.max_finals:
        raise Refusal(
            ngettext(
                "A team has %(most)d final submission. Take another one back first.",
                "A team has %(most)d final submissions. Take another one back first.",
                competition.max_finals,
            )
            % {"most": competition.max_finals},
            code="too_many_finals",
        )
    submission.is_final = final
    submission.save(update_fields=["is_final"])
    log.info("submission.final", id=str(submission.pk), final=final, user=user.pk)
    return submission


def effective_finals(team: Team) -> list[Submission]:
    """What counts in the private standings: the chosen ones, or else the `max_finals` best public ones."""
    chosen = team.submissions.filter(is_final=True, state=State.SCORED)
    if finals := list(chosen.order_by("received_at")):
        return finals
    competition = team.competition
    scores = counting_scores(competition).filter(submission__team=team).select_related("submission")
    best = scores.order_by(*best_first(metric_of(competition)))[: competition.max_finals]
    return [score.submission for score in best]
