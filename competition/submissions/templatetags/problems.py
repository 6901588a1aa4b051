"""An invalid file's problems, kind by kind, each kind named in the reader's language."""

from dataclasses import dataclass

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

register = template.Library()

# scoring.problems names the same kinds for programs and speaks English only: it knows no Django.
KIND_NAMES: dict[str, str | Promise] = {
    "binary": _("The file holds binary data"),
    "columns": _("Wrong columns"),
    "damaged": _("The file is damaged"),
    "delimiter": _("Wrong delimiter"),
    "duplicate_id": _("Images that appear more than once"),
    "empty_file": _("The file is empty"),
    "empty_value": _("Empty values"),
    "encoding": _("Rows that are not UTF-8"),
    "fields": _("Rows with a wrong number of fields"),
    "format": _("The file has another format"),
    "infinite_value": _("Infinite values"),
    "label_value": _("Labels other than 0 and 1"),
    "long_line": _("Lines that are too long"),
    "missing_id": _("Images that are missing"),
    "nan_value": _("Values that are NaN"),
    "probability_value": _("Probabilities outside 0 to 1"),
    "quotes": _("Quotation marks that are never closed"),
    "refused_by_metric": _("What the metric says"),
    "text_value": _("Values that are not numbers"),
    "too_large": _("The file is too large"),
    "too_many_rows": _("More rows than there are images"),
    "unknown_id": _("Images that do not exist"),
}


@dataclass
class Kind:
    """All that is wrong in one way: the first of it in words (English), and how many there are."""

    name: str | Promise
    total: int
    messages: list[str]

    @property
    def unlisted(self) -> int:
        return self.total - len(self.messages)


@register.filter
def by_kind(problems: list[dict]) -> list[Kind]:
    """`Submission.problems` grouped, in the order in which the kinds were met."""
    kinds: dict[str, Kind] = {}
    for problem in problems:
        code = problem["kind"]
        kind = kinds.setdefault(code, Kind(KIND_NAMES.get(code, code), problem["total"], []))
        kind.messages.append(problem["message"])
    return list(kinds.values())
