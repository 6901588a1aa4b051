"""A token opens the API for its owner until it is revoked, runs out, or the account is closed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from competition.accounts.models import ApiToken
from competition.accounts.tokens import MAX_TOKENS, authenticate_token, create_token, revoke_token
from competition.refusal import Refusal


def test_a_secret_is_its_owner(alice, bob):
    _, secret = create_token(user=alice, name="laptop")
    assert authenticate_token(secret) == alice
    assert secret.startswith("tmg_")
    assert len(secret) > 40


def test_the_secret_is_kept_nowhere(alice):
    token, secret = create_token(user=alice, name=" laptop ")
    kept = ApiToken.objects.values().get()
    assert secret not in str(kept)
    assert kept["prefix"] == secret[:12]  # 48 of 256 bits: enough to tell tokens apart
    assert token.name == "laptop"


@pytest.mark.parametrize("secret", ["", "tmg_", "tmg_wrong", "x" * 10_000, "tmg_\0", "töken", "\ud800"])
def test_other_secrets_are_nobody(alice, secret):
    create_token(user=alice, name="laptop")
    assert authenticate_token(secret) is None


def test_the_stored_digest_is_no_secret(alice):
    token, _ = create_token(user=alice, name="laptop")
    assert authenticate_token(token.digest) is None
    assert authenticate_token(token.prefix) is None


def test_a_revoked_token_opens_nothing(alice):
    token, secret = create_token(user=alice, name="laptop")
    revoke_token(user=alice, token=token)
    assert authenticate_token(secret) is None


def test_nobody_revokes_the_token_of_somebody_else(alice, bob):
    token, secret = create_token(user=alice, name="laptop")
    with pytest.raises(Refusal):
        revoke_token(user=bob, token=token)
    assert authenticate_token(secret) == alice


def test_a_token_runs_out(alice):
    _, secret = create_token(user=alice, name="laptop", expires_at=timezone.now() + timedelta(days=1))
    assert authenticate_token(secret) == alice
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert authenticate_token(secret) is None


def test_a_closed_account_has_no_tokens_that_work(alice):
    _, secret = create_token(user=alice, name="laptop")
    alice.is_active = False
    alice.save()
    assert authenticate_token(secret) is None
    with pytest.raises(Refusal):
        create_token(user=alice, name="another")


@pytest.mark.parametrize("name", ["", "   ", "x" * 81])
def test_a_token_needs_a_name(alice, name):
    with pytest.raises(Refusal, match="1 to 80"):
        create_token(user=alice, name=name)


def test_a_token_does_not_end_in_the_past(alice):
    with pytest.raises(Refusal, match="past"):
        create_token(user=alice, name="laptop", expires_at=timezone.now())


def test_tokens_do_not_pile_up(alice):
    for number in range(MAX_TOKENS):
        create_token(user=alice, name=str(number))
    with pytest.raises(Refusal, match="revoke one"):
        create_token(user=alice, name="one more")


def test_the_last_use_is_noted_once_a_minute(alice, django_assert_num_queries):
    _, secret = create_token(user=alice, name="laptop")
    with django_assert_num_queries(2):
        authenticate_token(secret)
    noted = ApiToken.objects.get().last_used_at
    assert timezone.now() - noted < timedelta(seconds=10)
    with django_assert_num_queries(1):
        authenticate_token(secret)
    ApiToken.objects.update(last_used_at=noted - timedelta(minutes=2))
    authenticate_token(secret)
    assert ApiToken.objects.get().last_used_at >= noted
