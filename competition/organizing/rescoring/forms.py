"""What an organizer types to have all entries scored again; the metric has a form of its own."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from competition.submissions.models import Rescoring


class RescoringForm(forms.ModelForm):
    solution = forms.FileField(
        label=_("Corrected solution"),
        required=False,
        help_text=_(
            "A solution.parquet for the very same test images: labels, splits and columns may differ. It is"
            " never served. Leave it out where the solution stays."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".parquet"}),
    )

    class Meta:
        model = Rescoring
        fields = ("reason", "reason_ja")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = _("One sentence. Participants read it once it is published.")
        self.fields["reason"].widget.attrs["autocomplete"] = "off"


class PublicationForm(forms.Form):
    accept_failures = forms.BooleanField(required=False)
