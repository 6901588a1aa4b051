from django import template

from competition.accounts.models import User
from competition.leaderboards.standings import private_result
from competition.refusal import Refusal
from competition.submissions.models import Submission

register = template.Library()


@register.simple_tag
def private_result_of(submission: Submission, user: User) -> object | None:
    """The private result where `user` may see it, after the close; else None."""
    if not submission.competition.is_closed:
        return None
    try:
        return private_result(submission, user)
    except Refusal:
        return None
