"""A person's public page, settings, and API tokens."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from competition.accounts.forms import ProfileForm, TokenForm
from competition.accounts.models import User
from competition.accounts.requests import SignedInRequest
from competition.accounts.tokens import create_token, revoke_token
from competition.refusal import Refusal


@require_safe
def person(request: HttpRequest, username: str) -> HttpResponse:
    """Name, affiliation, and the published competitions someone takes part in; never the e-mail address."""
    someone = get_object_or_404(User, username__iexact=username, is_active=True)
    participations = (
        someone.participations.filter(competition__published_at__lte=timezone.now())
        .select_related("competition", "team")
        .order_by("-joined_at")
    )
    return render(request, "accounts/person.html", {"person": someone, "participations": participations})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: SignedInRequest) -> HttpResponse:
    # A row of its own: what was typed must not show in the header before it is accepted.
    user = User.objects.get(pk=request.user.pk)
    form = ProfileForm(request.POST if request.method == "POST" else None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("accounts:profile")
    return render(
        request,
        "accounts/profile.html",
        {"form": form, "section": "profile"},
        status=422 if form.errors else 200,
    )


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: SignedInRequest) -> HttpResponse:
    """The list, and a new token: its secret is in the answer to the form and nowhere else, ever."""
    form = TokenForm(request.POST if request.method == "POST" else None)
    token, secret, status = None, "", 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                token, secret = create_token(
                    user=request.user, name=form.cleaned_data["name"], expires_at=form.expires_at()
                )
            except Refusal as refusal:
                form.add_error("name", refusal.message)
                status = refusal.status
            else:
                form, status = TokenForm(), 201
    return render(
        request,
        "accounts/tokens.html",
        {
            "form": form,
            "new_token": token,
            "secret": secret,
            "tokens": request.user.api_tokens.all(),
            "now": timezone.now(),
            "section": "tokens",
        },
        status=status,
    )


@login_required
@require_POST
def revoke(request: SignedInRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(request.user.api_tokens, pk=pk)
    revoke_token(user=request.user, token=token)
    messages.success(
        request, _("“%(name)s” is revoked: from now on it opens nothing.") % {"name": token.name}
    )
    return redirect("accounts:tokens")
