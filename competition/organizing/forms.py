"""Forms of the organizer's console: they read what was typed; the rules decide."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.core.validators import MaxValueValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from competition.contests.models import Competition, RulesVersion
from competition.datasets.registration import available_folders, unreadable_folders
from competition.organizing.amend import TEXTS
from competition.organizing.create import suggest_slug
from competition.organizing.starting_texts import STARTING_TEXTS
from competition.submissions.models import State

MIB = 1024**2


class MomentField(forms.DateTimeField):
    """A moment in UTC, typed with the browser's own calendar."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(**{"widget": widget, "help_text": _("In UTC."), **kwargs})


class TimelineForm(forms.Form):
    opens_at = MomentField(label=_("Opens"))
    closes_at = MomentField(
        label=_("Closes"),
        help_text=_("In UTC. The private standings are out from this moment on, and it cannot open again."),
    )

    def __init__(self, data: Any = None, *, competition: Competition | None = None) -> None:
        tomorrow = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        initial = (
            {"opens_at": competition.opens_at, "closes_at": competition.closes_at}
            if competition
            else {"opens_at": tomorrow, "closes_at": tomorrow + timedelta(weeks=8)}
        )
        super().__init__(data, initial=initial)
        if competition and competition.published_at and competition.opens_at <= timezone.now():
            self.fields["opens_at"].disabled = True
            self.fields["opens_at"].help_text = _("In UTC. It has happened and stays.")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        # The browser knows minutes: a moment that was not touched keeps its seconds.
        for name, stored in self.initial.items():
            if cleaned.get(name) and self.to_minute(cleaned[name]) == self.to_minute(stored):
                cleaned[name] = stored
        opens, closes = cleaned.get("opens_at"), cleaned.get("closes_at")
        if opens and closes and closes <= opens:
            self.add_error("closes_at", _("The competition must close after it opens."))
        return cleaned

    @staticmethod
    def to_minute(moment: datetime) -> datetime:
        return moment.replace(second=0, microsecond=0)


class LimitsForm(forms.ModelForm):
    max_upload_mib = forms.IntegerField(
        label=_("Largest submission in MiB"), min_value=1, help_text=_("Compressed files count compressed.")
    )

    class Meta:
        model = Competition
        fields: ClassVar = ["daily_limit", "max_team_size", "max_finals"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        allowed = settings.MAX_UPLOAD_BYTES // MIB
        size = self.fields["max_upload_mib"]
        size.initial = min(self.instance.max_upload_bytes // MIB, allowed)
        size.max_value = allowed  # type: ignore[attr-defined]
        size.widget.attrs["max"] = allowed
        size.validators.append(MaxValueValidator(allowed))

    def limits(self) -> dict[str, int]:
        return {
            **{name: self.cleaned_data[name] for name in self.Meta.fields},
            "max_upload_bytes": self.cleaned_data["max_upload_mib"] * MIB,
        }


class TextsForm(forms.ModelForm):
    class Meta:
        model = Competition
        fields: ClassVar = list(TEXTS)
        widgets: ClassVar = {
            name: forms.Textarea(attrs={"rows": 14 if "overview" in name else 8})
            for name in TEXTS
            if not name.startswith(("title", "tagline"))
        }
        help_texts: ClassVar = {
            "tagline": _("One sentence under the title."),
            "overview": _("In Markdown."),
            "data_notes": _("In Markdown. Shown above the files, beside what the release says about itself."),
        }


class NewTextsForm(TextsForm):
    """The texts of a new competition, whose metric is chosen beside them."""

    class Meta(TextsForm.Meta):
        help_texts: ClassVar = {
            **TextsForm.Meta.help_texts,
            "evaluation": _("In Markdown. Leave it empty to start from a description of the metric."),
        }


class AddressForm(forms.ModelForm):
    """The slug of a new competition; left empty, it is made from the title."""

    slug = forms.SlugField(
        label=_("Address"),
        max_length=60,
        required=False,
        help_text=_("The last part of the competition's URL. Leave it empty to have it made from the title."),
    )

    class Meta:
        model = Competition
        fields: ClassVar = ["slug"]

    def clean_slug(self) -> str:
        title = self.data.get("title", "")
        slug = self.cleaned_data["slug"] or suggest_slug(title)
        if title and not slug:
            raise forms.ValidationError(
                _("No address can be made from this title. Type one: Latin letters, digits and hyphens.")
            )
        return slug


class ReleaseForm(forms.Form):
    """A choice among the releases below RELEASES_DIR; the template shows `available` as a table."""

    folder = forms.ChoiceField(
        label=_("Release folder"), error_messages={"required": _("Choose the data of the competition.")}
    )

    def __init__(self, data: Any = None, *, current: str = "") -> None:
        super().__init__(data, initial={"folder": current})
        self.available = available_folders()
        self.unreadable = unreadable_folders()
        self.fields["folder"].choices = [(release.folder, release.title) for release in self.available]  # type: ignore[attr-defined]

    @property
    def chosen(self) -> str:
        return self["folder"].value() or (self.available[0].folder if len(self.available) == 1 else "")


class RulesForm(forms.Form):
    body = forms.CharField(
        label=_("Rules"), widget=forms.Textarea(attrs={"rows": 12}), help_text=_("In Markdown.")
    )
    body_ja = forms.CharField(
        label=_("Rules (Japanese)"), widget=forms.Textarea(attrs={"rows": 12}), required=False
    )

    def __init__(self, data: Any = None, *, rules: RulesVersion | None = None) -> None:
        initial = (
            {"body": rules.body, "body_ja": rules.body_ja}
            if rules
            else {"body": STARTING_TEXTS["rules"], "body_ja": STARTING_TEXTS["rules_ja"]}
        )
        super().__init__(data, initial=initial)

    # A textarea sends CRLF: unchanged rules must compare equal to the stored ones.
    def clean_body(self) -> str:
        return self.cleaned_data["body"].replace("\r\n", "\n")

    def clean_body_ja(self) -> str:
        return self.cleaned_data["body_ja"].replace("\r\n", "\n")


class OrganizerForm(forms.Form):
    username = forms.CharField(
        label=_("User name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )


class ConfirmationForm(forms.Form):
    confirmation = forms.CharField(
        label=_("The competition's address"),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class StateForm(forms.Form):
    """The filter of the submissions table; what is no state filters nothing."""

    state = forms.ChoiceField(
        label=_("State"), required=False, choices=[("", _("all")), ("pending", _("pending")), *State.choices]
    )
