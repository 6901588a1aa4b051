"""What metrics are called on pages; `scoring` speaks English only: it knows no Django."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

METRIC_NAMES: dict[str, str | Promise] = {
    "recall_constrained_precision": _("Precision at a recall floor"),
    "precision_constrained_recall": _("Recall at a precision floor"),
    "average_precision": _("Average precision (AP)"),
    "partial_auc": _("Partial area above a recall"),
    "roc_auc": _("Area under the ROC curve (ROC AUC)"),
    "f_beta": _("F-beta"),
    "mcc": _("Matthews correlation coefficient (MCC)"),
    "pod": _("Probability of detection (POD)"),
    "far": _("False alarm ratio (FAR)"),
    "csi": _("Critical success index (CSI)"),
    "ets": _("Equitable threat score (ETS)"),
    "hss": _("Heidke skill score (HSS)"),
    "brier": _("Brier score"),
    "log_loss": _("Log loss"),
    "own": _("An organizer's own metric"),
}
FAMILY_NAMES: dict[str, str | Promise] = {
    "With a gate": _("With a gate"),
    "Order of the scores": _("Order of the scores"),
    "Right and wrong calls": _("Right and wrong calls"),
    "Probabilities": _("Probabilities"),
    "Others": _("Others"),
}
DIRECTIONS: dict[bool | None, str | Promise] = {
    True: _("higher is better"),
    False: _("lower is better"),
    None: _("as configured"),
}
PARAMETER_NAMES: dict[str, str | Promise] = {
    "threshold": _("Threshold"),
    "recall_floor": _("Recall floor"),
    "precision_floor": _("Precision floor"),
    "recall_above": _("Above which recall"),
    "curve": _("Curve"),
    "beta": _("Weight of recall (β)"),
    "bins": _("Bins of the reliability curve"),
}
CHOICE_NAMES: dict[str, str | Promise] = {
    "per_split": _("per_split: the best one for the public and for the private part"),
    "from_public": _("from_public: the public part's best one is applied to the private part"),
    "submitted": _("submitted: what the submission itself decided"),
    "precision_recall": _("precision_recall: precision over recall"),
    "roc": _("roc: recall over the share of negatives that are called"),
}
