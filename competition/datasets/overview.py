"""What the data page shows of a release: made once, when it is registered, and kept as JSON.

A page then reads neither a million rows nor gigabytes of images. All of it comes from the training data.
"""

import numpy as np
import polars as pl
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cloud_images import Release
from cloud_images.scale import BLACK_OLR, WHITE_OLR, grey_to_olr

NEGATIVE = "negative"
# Groups of positives by lead time in hours, each from just above its lower end to its upper.
LEAD_TIMES: dict[str, tuple[float, float]] = {
    "cyclone": (-np.inf, 0),
    "1-day": (0, 24),
    "2-days": (24, 48),
    "3-days": (48, 72),
    "4-5-days": (72, 120),
    "6-7-days": (120, np.inf),
}
GROUP_NAMES: dict[str, Promise] = {
    "cyclone": _("Cyclone now"),
    "1-day": _("Up to 1 day before"),
    "2-days": _("1–2 days before"),
    "3-days": _("2–3 days before"),
    "4-5-days": _("3–5 days before"),
    "6-7-days": _("More than 5 days before"),
    NEGATIVE: _("No cyclone"),
}
GALLERY_ROWS = 96  # of each group
MEASURED_ROWS = 20_000  # of each class, to learn how mean OLR is distributed
LEAD_STEP = 12  # hours


def make_overview(release: Release) -> dict:
    """{"groups": {group: rows}, "gallery": {group: [image]}, "olr": histograms, "lead_times": histogram}.

    image: {"n", "time", "latitude", "longitude", "basin", "lead_time_hours"}, n the position in the shards.
    olr: {"edges": W m⁻² (K+1), "positive": counts (K), "negative": counts (K)} of the mean OLR of images, of
    at most MEASURED_ROWS per class. lead_times: {"edges": hours (K+1), "counts": (K)}. The choice of rows is
    a function of the release alone.
    """
    table = release.train_table().with_row_index("n")
    rng = np.random.default_rng(0)
    groups = {key: rows["n"].to_numpy() for key, rows in _grouped(table).items()}
    gallery = {key: _some(rows, GALLERY_ROWS, rng) for key, rows in groups.items()}
    positive = table["label"].to_numpy() == 1
    edges = np.arange(WHITE_OLR, BLACK_OLR + 1)
    olr = {"edges": edges.tolist()}
    for name, rows in (("positive", np.flatnonzero(positive)), ("negative", np.flatnonzero(~positive))):
        measured = _mean_olr(release, np.sort(_some(rows, MEASURED_ROWS, rng)))
        olr[name] = np.histogram(measured, edges)[0].tolist()
    return {
        "groups": {key: len(rows) for key, rows in groups.items()},
        "gallery": {key: _images(table, rows) for key, rows in gallery.items()},
        "olr": olr,
        "lead_times": _lead_times(table["lead_time_hours"].drop_nulls().to_numpy()),
    }


def precision_of_coldest(overview: dict, *, positives: int, negatives: int, recall: float) -> float:
    """The precision of "typhoon where the mean OLR is low", with the threshold that finds `recall` of them.

    From the histograms, hence to 1 W m⁻²: the first threshold whose recall is high enough.
    """
    hit = np.cumsum(overview["olr"]["positive"]) / np.sum(overview["olr"]["positive"])
    false_alarm = np.cumsum(overview["olr"]["negative"]) / np.sum(overview["olr"]["negative"])
    at = int(np.argmax(hit >= recall))
    found, wrong = hit[at] * positives, false_alarm[at] * negatives
    return float(found / (found + wrong))


def _grouped(table: pl.DataFrame) -> dict[str, pl.DataFrame]:
    lead = pl.col("lead_time_hours")
    groups = {
        key: table.filter((pl.col("label") == 1) & (lead > lower) & (lead <= upper))
        for key, (lower, upper) in LEAD_TIMES.items()
    }
    groups[NEGATIVE] = table.filter(pl.col("label") == 0)
    return {key: rows for key, rows in groups.items() if len(rows)}


def _some(rows: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(rows)[:most]


def _images(table: pl.DataFrame, rows: np.ndarray) -> list[dict]:
    columns = ("n", "time", "latitude", "longitude", "basin", "lead_time_hours")
    chosen = table[rows].select(columns).with_columns(pl.col("time").dt.strftime("%Y-%m-%dT%H:%MZ"))
    return chosen.with_columns(pl.col("latitude", "longitude").round(1)).to_dicts()


def _mean_olr(release: Release, rows: np.ndarray) -> np.ndarray:
    """rows: (N,) positions in the training shards. Returns (N,) means in W m⁻²."""
    means = np.empty(len(rows))
    for start in range(0, len(rows), 1024):
        grey = release.train_images[rows[start : start + 1024]]  # (B, 64, 64)
        # The scale is linear: the mean of the OLR is the OLR of the mean.
        means[start : start + 1024] = grey_to_olr(grey.mean(axis=(1, 2)))
    return means


def _lead_times(hours: np.ndarray) -> dict:
    first = int(np.floor(hours.min() / LEAD_STEP)) * LEAD_STEP
    edges = np.arange(first, max(hours.max(), first) + LEAD_STEP + 1, LEAD_STEP)
    return {"edges": edges.tolist(), "counts": np.histogram(hours, edges)[0].tolist()}
