from django import template

from competition.contests.models import Competition
from competition.organizing.fairness import advice
from scoring.disclosure import DigitsAdvice

register = template.Library()


@register.simple_tag
def open_signs(competition: Competition) -> int:
    """How many signs of probing nobody has dismissed."""
    return competition.probing_signs.filter(dismissed_at__isnull=True).count()


@register.simple_tag
def digits_advice(competition: Competition) -> DigitsAdvice | None:
    return advice.digits_advice(competition)


@register.simple_tag
def sharing_the_data(competition: Competition) -> list[Competition]:
    return list(advice.sharing_the_data(competition))
