from django import forms
from django.utils.translation import gettext_lazy as _

from competition.contests.models import Team


class AcceptRulesForm(forms.Form):
    accept = forms.BooleanField(
        label=_("I have read the rules and accept them."),
        error_messages={"required": _("Please accept the rules to take part.")},
    )


class TeamNameForm(forms.Form):
    name = forms.CharField(label=_("Team name"), max_length=Team._meta.get_field("name").max_length)
