"""A competition begins: as a draft that only its organizers see."""

import structlog
from django.db import IntegrityError, transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from competition.accounts.models import User
from competition.contests.models import Competition, RulesVersion
from competition.datasets.registration import register_release
from competition.organizing.metric import refuse_missing_columns, refuse_untried
from competition.organizing.starting_texts import evaluation_texts
from competition.refusal import Refusal

log = structlog.get_logger(__name__)

RESERVED_SLUGS = frozenset({"new"})  # /organize/new/ is the page that creates one


def create_competition(
    *, user: User, draft: Competition, folder: str, rules: str, rules_ja: str = ""
) -> Competition:
    """Save `draft` with its first rules and its data, organized by `user` and not yet published.

    draft: an unsaved Competition, its fields validated.
    An empty text on the evaluation is written from the metric.
    folder: a release below RELEASES_DIR, as `available_folders` names it; every byte of it is verified.
    Raises Refusal where the user may not create competitions, the address is taken, or the release is
    damaged; nothing remains then.
    """
    if not user.may_create_competitions:
        raise Refusal(
            _("Your account may not create competitions. Ask the site's staff for the permission."),
            code="may_not_create",
            status=403,
        )
    if draft.slug in RESERVED_SLUGS:
        raise Refusal(
            _("The address “%(slug)s” is reserved. Choose another one.") % {"slug": draft.slug},
            code="slug_reserved",
        )
    refuse_untried(draft, draft.metric)
    if not (draft.evaluation.strip() or draft.evaluation_ja.strip()):
        for name, text in evaluation_texts(draft.metric).items():
            setattr(draft, name, text)
    try:
        with transaction.atomic():
            draft.published_at = None
            draft.save(force_insert=True)
            draft.organizers.add(user)
            RulesVersion.objects.create(competition=draft, number=1, body=rules, body_ja=rules_ja)
    except IntegrityError:
        if not Competition.objects.filter(slug=draft.slug).exists():
            raise
        raise Refusal(
            _("Another competition has the address “%(slug)s”. Choose another one.") % {"slug": draft.slug},
            code="slug_taken",
        ) from None
    # Reading gigabytes takes a while, so it is done outside the transaction.
    try:
        release = register_release(competition=draft, folder=folder)
        refuse_missing_columns(draft.metric, release.solution_path)
    except BaseException:
        draft.delete()
        raise
    log.info("competition.created", competition=draft.slug, user=user.username, folder=folder)
    return draft


def suggest_slug(title: str) -> str:
    """An address made of the title that no other competition has; empty where it has no Latin letters."""
    stem = slugify(title)[:50].strip("-")
    if not stem:
        return ""
    taken = set(Competition.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    candidates = [stem, *(f"{stem}-{number}" for number in range(2, len(taken) + 4))]
    return next(slug for slug in candidates if slug not in taken | RESERVED_SLUGS)
