"""Tracks that TempestExtremes found in a model."""

from pathlib import Path

from cloud_images.track_formats.fixes import (
    GALE_KT,
    KT_PER_METRE_PER_SECOND,
    TrackFile,
    fixes_table,
    miscounted,
    number,
    refuse,
    text_lines,
    whole_number,
)


def read_tempestextremes(path: Path) -> TrackFile:
    """TempestExtremes' StitchNodes text: `start N year month day hour`, then N lines of one track.

    A line is i [j] lon lat value … year month day hour (one index on an unstructured grid). The values are
    taken in the order of the program's own guide for cyclones: sea-level pressure, then wind in m s⁻¹; values
    that cannot be these are refused. Without a second value the strength, and so genesis, stays unknown.
    """
    rows: list[tuple] = []
    track, header, promised, found = 0, 0, 0, 0
    for line, text in enumerate(text_lines(path), 1):
        tokens = text.split()
        if not tokens:
            continue
        if tokens[0] == "start":
            if found != promised:
                raise miscounted(path, header, promised, found)
            if len(tokens) < 2:
                raise refuse(path, line, None, "a start line needs the number of fixes")
            promised, found, header, track = whole_number(tokens[1], path, line, "start"), 0, line, track + 1
            continue
        if not header:
            raise refuse(path, line, None, "a fix stands before the first line that begins with 'start'")
        found += 1
        if found > promised:
            raise miscounted(path, header, promised, found)
        indices = 1 if len(tokens) > 1 and "." in tokens[1] else 2
        if len(tokens) < indices + 6:
            raise refuse(path, line, None, f"has {len(tokens)} columns, at least {indices + 6} are needed")
        longitude = number(tokens[indices], path, line, "lon")
        latitude = number(tokens[indices + 1], path, line, "lat")
        values = [number(token, path, line, "value") for token in tokens[indices + 2 : -4]]
        year, month, day, hour = (
            whole_number(token, path, line, column)
            for token, column in zip(tokens[-4:], ("year", "month", "day", "hour"), strict=True)
        )
        strong = _tempest_is_storm(values, path, line)
        storm_id = f"{path.stem}-{track:05d}"
        rows.append(
            (storm_id, line, year, month, day, hour * 3600.0, latitude, longitude, strong, None, False)
        )
    if found != promised:
        raise miscounted(path, header, promised, found)
    return TrackFile(fixes_table(rows))


def _tempest_is_storm(values: list[float], path: Path, line: int) -> bool | None:
    if len(values) < 2:
        return None
    pressure, wind = values[:2]
    if not (800 <= pressure <= 1100 or 80_000 <= pressure <= 110_000) or not 0 <= wind <= 150:
        raise refuse(
            path,
            line,
            None,
            f"the values after lon and lat, {pressure:g} and {wind:g}, are not sea-level pressure and wind "
            "in m s-1; write them in this order (StitchNodes --in_fmt lon,lat,slp,wind,…) or pass a CSV",
        )
    return wind * KT_PER_METRE_PER_SECOND >= GALE_KT
