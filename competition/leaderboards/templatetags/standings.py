from django import template

from competition.accounts.models import User
from competition.leaderboards.standings import private_result
from competition.refusal import Refusal
from competition.submissions.models import Submission
from competition.submissions.report import Report, report

register = template.Library()


@register.simple_tag
def private_report_of(submission: Submission, user: User) -> Report | None:
    """The private result as a page tells it where `user` may see it, after the close; else None."""
    if not submission.competition.is_closed:
        return None
    try:
        private = private_result(submission, user)
    except Refusal:
        return None
    if private is None:
        return None
    return report(private.result, metric=private.score.metric, part="private", is_exact=True)
