"""What may leave of a public result while a competition is open: one policy, for pages, API and files alike.

Every number that depends on the labels answers a question about them. With exact ones a participant reads
labels off: a threshold on the precision-recall curve *is* the score of a positive image, and one image more
or less among the counts tells its label. So until the close a result leaves through `disclosed` alone, which
names what is let through; whatever it does not know is left out. `docs/organizers/fair-leaderboard.md` is its
table, `scoring.attacks` measures what is left.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# Estimates of uncertainty and the curve are for eyes: nobody needs more of them.
COARSE_DIGITS = 3
DRAWN_DIGITS = 2
# Between two points of the drawn curve lie at least so many positives; a slice with fewer is left out.
CURVE_GROUP = 25
CURVE_POINTS = 20
SLICE_GROUP = 50
# A public score's last digit should not be finer than this share of its standard error.
UNIT_PER_STANDARD_ERROR = 0.15

RATES = ("score", "precision", "recall")
HIDDEN = ("threshold", "tp", "fp", "fn", "tn")


def disclosed(result: Mapping[str, Any], digits: int) -> dict[str, Any]:
    """A public result (`Result.to_dict`) as it is shown before the close; ``shown`` is True in it.

    score, precision, recall, details: rounded to ``digits`` decimals. Estimates of uncertainty: to 3 at most.
    threshold and counts: None. curve: precision at 2 decimals on a coarse grid of recall, without thresholds,
    and the operating point as it is shown anyway.
    slices: those with enough images, as coarse. What is not named here is None.
    """
    positives = (result.get("tp") or 0) + (result.get("fn") or 0)
    shown = dict.fromkeys(result)
    shown |= {name: rounded(result.get(name), digits) for name in RATES}
    coarse = min(digits, COARSE_DIGITS)
    return shown | {
        "shown": True,
        "passed_gate": result.get("passed_gate"),
        **dict.fromkeys(HIDDEN),
        "interval": rounded(result.get("interval"), coarse),
        "probability_below_gate": rounded(result.get("probability_below_gate"), min(digits, DRAWN_DIGITS)),
        "uncertainty": _uncertainty(result.get("uncertainty"), coarse),
        "details": rounded(result.get("details"), digits),
        "slices": _slices(result.get("slices"), min(digits, DRAWN_DIGITS)),
        "curve": _drawn_curve(
            result.get("curve"),
            positives,
            min(digits, DRAWN_DIGITS),
            operating_point=(shown["recall"], shown["precision"]),
        ),
    }


def withheld(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result of which nothing is told, as one that the Ladder does not show: ``shown`` is False."""
    return dict.fromkeys([*result, *RATES, *HIDDEN, "passed_gate", "interval"]) | {"shown": False}


def rounded(value: Any, digits: int) -> Any:
    """Numbers rounded to ``digits`` decimals, also inside lists and dictionaries; the rest as it is."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return {name: rounded(each, digits) for name, each in value.items()}
    if isinstance(value, Iterable):
        return [rounded(each, digits) for each in value]
    return value if isinstance(value, int) else round(value, digits) + 0.0  # no -0.0


@dataclass(frozen=True)
class DigitsAdvice:
    """unit: the last digit's. one_image: how much one image more or less moves the score. standard_error: of
    the public score over draws of storms. recommended: decimals; ``digits`` beyond them tell of labels only.
    """

    digits: int
    unit: float
    one_image: float | None
    standard_error: float
    recommended: int

    @property
    def is_fine(self) -> bool:
        return self.digits <= self.recommended

    @property
    def names_single_images(self) -> bool:
        """Whether one image more or less shows in the score."""
        return self.one_image is not None and self.unit <= self.one_image


def advise_digits(digits: int, *, standard_error: float, one_image: float | None = None) -> DigitsAdvice:
    """How many decimals a public score needs: its unit need not be finer than a sixth of the standard
    error, since differences below that say nothing about which entry is better."""
    if standard_error > 0:
        recommended = math.floor(-math.log10(UNIT_PER_STANDARD_ERROR * standard_error))
        # The next digit's unit may be nearer to that, and finer: it is not taken.
        recommended = max(1, min(15, recommended))
    else:
        recommended = 1
    return DigitsAdvice(digits, 10.0**-digits, one_image, standard_error, recommended)


def _drawn_curve(
    curve: Mapping[str, Any] | None,
    positives: int,
    digits: int,
    *,
    operating_point: tuple[Any, Any],
) -> dict[str, Any] | None:
    """The precision where a grid of recalls is reached, in descending recall as all curves are."""
    if not curve or not curve.get("recall") or not curve.get("precision"):
        return None
    # From high thresholds to low ones, so that the first point to reach a recall is met first.
    points = sorted(zip(curve["recall"], curve["precision"], strict=True))
    steps = min(CURVE_POINTS, positives // CURVE_GROUP)
    drawn = []
    for step in range(steps, 0, -1):
        reached = next((precision for recall, precision in points if recall >= step / steps - 1e-9), None)
        if reached is not None:
            drawn.append((round(step / steps, 3), rounded(reached, digits)))
    if drawn and None not in operating_point:
        drawn = sorted({*drawn, operating_point}, key=lambda point: (-point[0], point[1]))
    return {
        "precision": [precision for _, precision in drawn],
        "recall": [recall for recall, _ in drawn],
        "threshold": [None] * len(drawn),
    }


def _uncertainty(uncertainty: Mapping[str, Any] | None, digits: int) -> dict[str, Any] | None:
    """Of the clusters only what they are: where they are single images, their number is that of the
    positives."""
    if uncertainty is None:
        return None
    shown = {name: uncertainty[name] for name in ("replicates", "level") if name in uncertainty}
    for name in ("standard_error", "recall", "precision"):
        if name in uncertainty:
            shown[name] = rounded(uncertainty[name], digits)
    if clusters := uncertainty.get("clusters"):
        shown["clusters"] = {name: {"by": kind.get("by")} for name, kind in clusters.items()}
    if cloud := uncertainty.get("cloud"):
        # Sorted, so that no point tells which draw of storms it comes from.
        points = sorted(zip(*(rounded(cloud[name], digits) for name in ("recall", "precision")), strict=True))
        shown["cloud"] = {
            "recall": [recall for recall, _ in points],
            "precision": [precision for _, precision in points],
        }
    return shown


def _slices(slices: Mapping[str, Any] | None, digits: int) -> dict[str, list[dict[str, Any]]] | None:
    """Of each column the groups, without counts; ``suppressed`` is True in one that is too small."""
    if slices is None:
        return None
    return {column: [_slice(entry, digits) for entry in entries] for column, entries in slices.items()}


def _slice(entry: Mapping[str, Any], digits: int) -> dict[str, Any]:
    hidden = dict.fromkeys(entry) | {"value": entry.get("value")}
    counts = [entry.get("positives") or 0, entry.get("negatives")]
    if any(count is not None and count < SLICE_GROUP for count in counts):
        return hidden | {"suppressed": True}
    rates = ("recall", "precision", "score", "interval", "recall_interval")
    return hidden | {name: rounded(entry.get(name), digits) for name in rates} | {"suppressed": False}
