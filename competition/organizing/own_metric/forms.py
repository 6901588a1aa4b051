"""What an organizer types beside the file of an own metric."""

from django import forms
from django.utils.translation import gettext_lazy as _


class OwnMetricForm(forms.Form):
    file = forms.FileField(
        label=_("File"),
        allow_empty_file=True,  # which the rule refuses in its own words
        widget=forms.ClearableFileInput(attrs={"accept": ".py,text/x-python"}),
        help_text=_("Python, UTF-8, with a function score(solution, submission)."),
    )
    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        help_text=_("What people read above the score."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    better = forms.ChoiceField(
        label=_("Better is"), choices=[("higher", _("the higher score")), ("lower", _("the lower score"))]
    )
    prediction = forms.ChoiceField(
        label=_("Prediction"),
        choices=[
            ("score", _("score: any number")),
            ("probability", _("probability: a number from 0 to 1")),
            ("label", _("label: 0 or 1")),
        ],
    )
    digits = forms.IntegerField(label=_("Digits shown"), min_value=1, max_value=15, initial=5)


class AdoptionForm(forms.Form):
    """The reason is asked for where entries have been scored, and so are scored again."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=300,
        help_text=_("One sentence. Participants read it once it is published."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
