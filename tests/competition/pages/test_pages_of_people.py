"""Signing up, settings, tokens, the public page."""

import re

from django.core import mail

from competition.accounts.models import ApiToken, User
from competition.accounts.tokens import authenticate_token, create_token
from tests.competition.conftest import signed_in
from tests.competition.pages.sane_html import page_of, text_of

PASSWORD = "a-typhoon-before-it-is-one"


def test_a_stranger_signs_up_and_confirms_the_address(client, db):
    person = {"username": "mio", "email": "mio@example.org", "password1": PASSWORD, "password2": PASSWORD}
    assert "Verify Your Email Address" in text_of(client.post("/accounts/signup/", person, follow=True))
    link = re.search(r"https?://\S+(/accounts/confirm-email/\S+/)", mail.outbox[0].body)[1]
    page = page_of(client.get(link))
    assert "mio@example.org" in page.get_text()
    client.post(link)
    client.login(username="mio", password=PASSWORD)
    assert "Profile" in text_of(client.get("/settings/"))


def test_what_was_typed_stays_and_errors_stand_beside_their_fields(client, db):
    response = client.post("/accounts/signup/", {"username": "mio", "email": "nonsense", "password1": "1"})
    page = page_of(response)
    assert page.select_one("[name=username]")["value"] == "mio"
    field = page.select_one("[name=email]")
    assert (field["value"], field["aria-invalid"]) == ("nonsense", "true")
    summary = page.select_one("[role=alert]")
    assert summary.select_one(f'a[href="#{field["id"]}"]')


def test_a_profile_is_edited(alice, carol):
    client = signed_in(alice)
    client.post("/settings/", {"display_name": "Alice A.", "affiliation": "Typhoon Lab"})
    words = text_of(signed_in(carol).get("/people/ALICE/"))
    assert "Alice A." in words
    assert "Typhoon Lab" in words
    too_long = client.post("/settings/", {"display_name": "x" * 81, "affiliation": ""})
    assert too_long.status_code == 422
    assert User.objects.get(username="alice").display_name == "Alice A."


def test_a_token_is_shown_once(alice):
    client = signed_in(alice)
    made = client.post("/settings/tokens/", {"name": "notebook", "lifetime": "30"})
    assert made.status_code == 201
    assert "no-store" in made["Cache-Control"]
    secret = page_of(made).select_one("#secret")["value"]
    assert authenticate_token(secret) == alice
    later = client.get("/settings/tokens/")
    assert secret not in later.content.decode()
    assert secret[:12] in text_of(later)


def test_a_token_without_a_name_is_refused(alice):
    response = signed_in(alice).post("/settings/tokens/", {"name": "  ", "lifetime": ""})
    assert response.status_code == 422
    assert page_of(response).select_one("[name=name][aria-invalid=true]")
    assert not ApiToken.objects.exists()


def test_a_token_is_revoked_by_its_owner_alone(alice, bob):
    token, secret = create_token(user=alice, name="cluster")
    address = f"/settings/tokens/{token.pk}/revoke/"
    assert signed_in(bob).post(address).status_code == 404
    assert signed_in(alice).get(address).status_code == 405
    assert "“cluster” is revoked" in text_of(signed_in(alice).post(address, follow=True))
    assert authenticate_token(secret) is None


def test_a_deactivated_person_has_no_page(alice, client):
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert client.get("/people/alice/").status_code == 404


def test_drafts_do_not_show_on_a_persons_page(typhoons, team, client):
    typhoons.published_at = None
    typhoons.save()
    assert "Find the typhoons" not in text_of(client.get("/people/alice/"))
