"""A contact sheet: what the images of a release look like, storms by lead time beside everything else."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image, ImageDraw, ImageFont

from cloud_images.errors import ReleaseError
from cloud_images.release import Release
from cloud_images.shards import IMAGE_SIZE, ShardedImages

COLUMNS = 6
ZOOM = 2
_TILE = IMAGE_SIZE * ZOOM
_GAP, _MARGIN, _CAPTION, _ROW_LABEL, _TITLE = 6, 20, 18, 116, 44
_ROW = _TILE + _CAPTION + _GAP
_BLOCK = _ROW_LABEL + COLUMNS * (_TILE + _GAP)
_PAPER, _INK, _FAINT, _EMPTY = "#ffffff", "#14202b", "#4a5a68", "#eef1f4"

_HOURS, _LATITUDE = pl.col("lead_time_hours"), pl.col("latitude").abs()
STORM_ROWS = {
    "5 days before\nor earlier": _HOURS >= 120,
    "3 to 5 days\nbefore": _HOURS.is_between(72, 120, closed="left"),
    "1 to 3 days\nbefore": _HOURS.is_between(24, 72, closed="left"),
    "the day before\ngenesis": _HOURS.is_between(0, 24, closed="none"),
    "the day after\ngenesis": _HOURS.is_between(-24, 0),
    "1 to 4 days\nafter": _HOURS.is_between(-96, -24, closed="left"),
    "more than\n4 days after": _HOURS < -96,
}
OTHER_ROWS = {
    "0° to 6°": _LATITUDE < 6,
    "6° to 10°": _LATITUDE.is_between(6, 10, closed="left"),
    "10° to 14°": _LATITUDE.is_between(10, 14, closed="left"),
    "14° to 20°": _LATITUDE.is_between(14, 20, closed="left"),
    "20° to 30°": _LATITUDE.is_between(20, 30, closed="left"),
    "30° to 40°": _LATITUDE.is_between(30, 40, closed="left"),
    "40° and more": _LATITUDE >= 40,
}


@dataclass(frozen=True)
class _Side:
    title: str
    images: ShardedImages
    table: pl.DataFrame

    def rows(self, chosen: pl.Expr, rng: np.random.Generator) -> np.ndarray:
        """Some rows for one row of the sheet, at random."""
        found = self.table.select(chosen.arg_true()).to_series().to_numpy()
        return rng.permutation(found)[:COLUMNS]


def draw_contact_sheet(release: Release, path: str | Path, *, seed: int = 0) -> Path:
    """Draw a PNG: storms by hours to genesis on the left, other clouds by latitude on the right.

    Shows the training images and, where the solution lies beside them, the test images too. Which images
    are shown is a pure function of the release and the seed. Raises ReleaseError where the file cannot be
    written.
    """
    path = Path(path)
    sides = [_Side("Training images", release.train_images, release.train_table())]
    if release.has_solution:
        sides.append(_Side("Test images", release.test_images, release.solution_table()))
    height = _TITLE + _CAPTION + len(STORM_ROWS) * _ROW
    sheet = Image.new("RGB", (3 * _MARGIN + 2 * _BLOCK, _MARGIN + len(sides) * (height + _MARGIN)), _PAPER)
    for index, side in enumerate(sides):
        top = _MARGIN + index * (height + _MARGIN)
        rng = np.random.default_rng(seed)
        is_storm = pl.col("label") == 1
        positives = int(side.table["label"].sum())
        titles = (
            f"{side.title}: {positives:,} of storms, by time to genesis",
            f"{len(side.table) - positives:,} of other clouds, by latitude",
        )
        storms = {label: side.rows(is_storm & chosen, rng) for label, chosen in STORM_ROWS.items()}
        others = {label: side.rows(~is_storm & chosen, rng) for label, chosen in OTHER_ROWS.items()}
        _draw_block(sheet, (_MARGIN, top), titles[0], side, storms)
        _draw_block(sheet, (2 * _MARGIN + _BLOCK, top), titles[1], side, others)
    try:
        sheet.save(path, format="PNG", optimize=True)
    except OSError as error:
        raise ReleaseError(f"{path} cannot be written: {error.strerror or error}.") from None
    return path


def _draw_block(
    sheet: Image.Image, corner: tuple[int, int], title: str, side: _Side, rows: dict[str, np.ndarray]
) -> None:
    left, top = corner
    draw = ImageDraw.Draw(sheet)
    draw.text((left, top), title, _INK, font=ImageFont.load_default(22))
    for index, (label, shown) in enumerate(rows.items()):
        y = top + _TITLE + index * _ROW
        draw.multiline_text((left, y + _TILE // 2 - 16), label, _INK, font=ImageFont.load_default(14))
        for column in range(COLUMNS):
            x = left + _ROW_LABEL + column * (_TILE + _GAP)
            if column >= len(shown):
                draw.rectangle((x, y, x + _TILE - 1, y + _TILE - 1), fill=_EMPTY)
                continue
            row = int(shown[column])
            picture = Image.fromarray(side.images[row]).resize((_TILE, _TILE), Image.Resampling.NEAREST)
            sheet.paste(picture, (x, y))
            caption = _caption(side.table.row(row, named=True))
            draw.text((x, y + _TILE + 1), caption, _FAINT, font=ImageFont.load_default(13))


def _caption(row: dict) -> str:
    """`WNP 14°N  -36 h`: the sign is the storm's age, so hours before genesis are negative."""
    hemisphere = "N" if row["latitude"] >= 0 else "S"
    place = f"{row['basin']} {abs(row['latitude']):.0f}°{hemisphere}"
    if row["label"] == 0:
        return place
    age = 0.0 - row["lead_time_hours"]  # and not -0
    sign = "+" if age > 0 else ""
    return f"{place}  {sign}{age:.0f} h"
