from django import forms
from django.utils.translation import gettext_lazy as _

from competition.submissions.models import Submission


class SubmissionForm(forms.Form):
    """What a person sends. Whether the file is good is `receive_submission`'s business."""

    file = forms.FileField(
        label=_("File"),
        allow_empty_file=True,  # an empty file is answered like any other bad file: with its problems
        max_length=Submission._meta.get_field("filename").max_length,
        error_messages={"required": _("Choose a file first.")},
        widget=forms.FileInput(attrs={"accept": ".csv,.gz,.zst,.parquet,.txt,.tsv"}),
    )
    message = forms.CharField(
        label=_("Message"),
        required=False,
        max_length=Submission._meta.get_field("message").max_length,
        help_text=_("What is new in this one? Only your team and the organizers see it."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
