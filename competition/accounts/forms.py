from datetime import timedelta

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from competition.accounts.models import ApiToken, User


class ProfileForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ("display_name", "affiliation")
        help_texts = {  # noqa: RUF012 - Django's Meta
            "display_name": _("Shown on leaderboards and your public page instead of your user name."),
            "affiliation": _("School, company, or nothing at all."),
        }


class TokenForm(forms.Form):
    LIFETIMES = (("30", _("30 days")), ("90", _("90 days")), ("365", _("one year")), ("", _("no end")))

    name = forms.CharField(
        label=_("Name"),
        max_length=ApiToken._meta.get_field("name").max_length,
        help_text=_("What will use it, such as “notebook” or “cluster”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    lifetime = forms.ChoiceField(label=_("Valid for"), choices=LIFETIMES, initial="90", required=False)

    def expires_at(self):
        days = self.cleaned_data["lifetime"]
        return timezone.now() + timedelta(days=int(days)) if days else None
