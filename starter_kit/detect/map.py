"""A map of one time: the clouds themselves, what was detected, and the best tracks on top."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MultipleLocator
from numpy.typing import NDArray

from cloud_images.grid import Grid
from cloud_images.scale import BLACK_OLR, WHITE_OLR
from cloud_images.tracks import Tracks
from starter_kit.atomic_file import written_whole
from starter_kit.detect.sliding import Hits
from starter_kit.detect.verification import Fix

MISSING, DETECTED, TRACK, MISSED = "#44505c", "#ffb000", "#35c2ff", "#ff4d4d"
OUTLINE = [withStroke(linewidth=2.5, foreground="#00000099")]
Degrees = TypeVar("Degrees", float, NDArray[np.float64])
MAX_POINTS = 1600  # along a side of the picture: a global field has more than anyone sees


def draw_map(
    path: Path,
    olr: NDArray[np.floating],
    grid: Grid,
    hits: Hits,
    *,
    title: str,
    radius_km: float,
    tracks: Tracks | None = None,
    seconds: float = 0.0,
    fixes: Sequence[Fix] = (),
    false_alarms: Sequence[bool] = (),
) -> None:
    """Write a PNG: OLR (rows, columns) in the grey of the images, a graticule, a circle of `radius_km` with
    its score around each detection, dashed where it is known for a false alarm; with tracks, those of the
    storms that exist at `seconds` (their whole track thin, what is past thick), and a cross at each judged
    fix, red where it was missed.

    Coast lines would have to be downloaded, and are left out. Raises StarterKitError where the file cannot be
    written.
    """
    north_south, west_east = grid.spacing
    west, east = grid.longitude[0] - west_east / 2, grid.longitude[-1] + west_east / 2
    south, north = grid.latitude[-1] - north_south / 2, grid.latitude[0] + north_south / 2
    ratio = (north - south) / (east - west)
    width = float(np.clip(9 / ratio, 8, 15))
    # Beside the map stands the scale, above it the title, below it longitudes and legend.
    figure = Figure(figsize=(width, (width - 1.8) * ratio + 1.4), layout="constrained")
    axes = figure.add_subplot()
    thin = max(1, -(-max(grid.shape) // MAX_POINTS))
    picture = np.ma.masked_invalid(olr[::thin, ::thin])
    shown = axes.imshow(
        picture, cmap="gray_r", vmin=WHITE_OLR, vmax=BLACK_OLR, extent=(west, east, south, north),
        interpolation="nearest", aspect="equal",
    )  # fmt: skip
    axes.set_facecolor(MISSING)
    _graticule(axes, east - west)
    if tracks is not None:
        _draw_tracks(axes, tracks, seconds, west)
    for fix in fixes:
        colour = TRACK if fix.is_hit else MISSED
        axes.plot(
            _from(west, fix.longitude), fix.latitude, "x", color=colour, markersize=10, markeredgewidth=2.5,
            path_effects=OUTLINE,
        )  # fmt: skip
    wrong = false_alarms or [False] * len(hits)
    for latitude, longitude, score, is_wrong in zip(
        hits.latitude, hits.longitude, hits.score, wrong, strict=True
    ):
        _circle(axes, latitude, _from(west, longitude), radius_km, "--" if is_wrong else "-")
        axes.annotate(
            f"{score:.2f}", (_from(west, longitude), latitude), color=DETECTED, fontsize=9, ha="center",
            va="center", path_effects=OUTLINE, annotation_clip=True, clip_on=True,
        )  # fmt: skip
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    axes.set_title(title, loc="left", fontsize=11)
    _legend(axes, with_tracks=tracks is not None)
    bar = figure.colorbar(shown, ax=axes, shrink=0.7, pad=0.015)
    bar.set_label("OLR (W m⁻²)")
    bar.ax.invert_yaxis()  # high, cold clouds on top
    with written_whole(path) as draft:
        FigureCanvasAgg(figure).print_png(str(draft))


def _graticule(axes: Axes, width: float) -> None:
    step = next(step for step in (5, 10, 20, 30, 60) if width / step <= 12 or step == 60)
    for axis, names in ((axes.xaxis, "EW"), (axes.yaxis, "NS")):
        axis.set_major_locator(MultipleLocator(step))
        axis.set_major_formatter(FuncFormatter(lambda value, _, names=names: _degrees(value, names)))
    axes.grid(color="#ffffff", alpha=0.28, linewidth=0.6)


def _degrees(value: float, names: str) -> str:
    """`120° E`; on the date line and the equator without a letter."""
    turned = (value + 180) % 360 - 180 if names == "EW" else value
    if turned in (0, -180):
        return f"{abs(turned):g}°"
    return f"{abs(turned):g}° {names[0] if turned > 0 else names[1]}"


def _draw_tracks(axes: Axes, tracks: Tracks, seconds: float, west: float) -> None:
    for storm in tracks.storms:
        if not storm.seconds[0] <= seconds <= storm.seconds[-1]:
            continue
        # Unwrapped, so that no line runs back across the map where the track crosses its edge.
        longitude = np.unwrap(_from(west, storm.longitude), period=360)
        past = storm.seconds <= seconds
        for turn in (-360, 0, 360):
            axes.plot(longitude + turn, storm.latitude, color=TRACK, linewidth=0.9, alpha=0.8)
            axes.plot(longitude[past] + turn, storm.latitude[past], color=TRACK, linewidth=2.2)


def _circle(axes: Axes, latitude: float, longitude: float, radius_km: float, style: str) -> None:
    """A circle on the sphere, which a map of latitude and longitude widens towards the poles."""
    reach, bearing = radius_km / 6371.0088, np.linspace(0, 2 * np.pi, 73)
    phi = np.radians(latitude)
    around = np.arcsin(np.sin(phi) * np.cos(reach) + np.cos(phi) * np.sin(reach) * np.cos(bearing))
    east = np.arctan2(
        np.sin(bearing) * np.sin(reach) * np.cos(phi), np.cos(reach) - np.sin(phi) * np.sin(around)
    )
    for turn in (-360, 0, 360):
        axes.plot(
            longitude + np.degrees(east) + turn, np.degrees(around), style, color=DETECTED, linewidth=1.6
        )


def _from(west: float, longitude: Degrees) -> Degrees:
    """Longitudes as the map counts them, from its western edge."""
    return west + (longitude - west) % 360


def _legend(axes: Axes, *, with_tracks: bool) -> None:
    axes.plot([], [], "o", markerfacecolor="none", color=DETECTED, markersize=9, label="detected, with score")
    if with_tracks:
        axes.plot([], [], "--", color=DETECTED, label="false alarm")
        axes.plot([], [], color=TRACK, linewidth=2.2, label="best track (thick: so far)")
        axes.plot([], [], "x", color=TRACK, markeredgewidth=2.5, label="storm, found")
        axes.plot([], [], "x", color=MISSED, markeredgewidth=2.5, label="storm, missed")
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.07), ncols=5, frameon=False, fontsize=9, handlelength=1.6
    )
