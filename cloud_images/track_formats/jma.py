"""Best tracks of the Japan Meteorological Agency (RSMC Tokyo)."""

import re
from pathlib import Path

from cloud_images.track_formats.fixes import (
    GALE_KT,
    Area,
    TrackFile,
    fixes_table,
    miscounted,
    number,
    refuse,
    text_lines,
    whole_number,
)

RSMC_TOKYO_AREA = Area(south=0, north=60, west=100, east=180)

# Grades: 2 tropical depression, 3 tropical storm, 4 severe tropical storm, 5 typhoon, 6 extratropical,
# 7 just entering the area of responsibility (then the wind tells), 9 tropical storm or stronger.
JMA_STORM_GRADES = (3, 4, 5, 9)


def _jma_is_storm(grade: int, wind_kt: float) -> bool:
    return grade in JMA_STORM_GRADES or (grade == 7 and wind_kt >= GALE_KT)


def _jma_grade(text: str, path: Path, line: int) -> int:
    grade = whole_number(text, path, line, "grade")
    if grade not in range(1, 10):
        raise refuse(path, line, "grade", f"{grade} is no grade of JMA (1 to 9)")
    return grade


def read_jma(path: Path) -> TrackFile:
    """RSMC Tokyo best track, fixed-width text: a header line `66666 …` for each cyclone, then its fixes.

    The format: https://www.jma.go.jp/jma/jma-eng/jma-center/rsmc-hp-pub-eg/Besttracks/e_format_bst.html.
    Years have two digits there and begin in 1951. A storm's id is its year and number, as `201501`.
    """
    rows: list[tuple] = []
    storm_id, header, promised, found = "", 0, 0, 0
    for line, text in enumerate(text_lines(path), 1):
        if not text.strip():
            continue
        if text.startswith("66666"):
            if found != promised:
                raise miscounted(path, header, promised, found)
            header, found = line, 0
            promised = whole_number(text[12:15], path, line, "number of lines")
            storm_id = _jma_storm_id(text, path, line)
            continue
        if not header:
            raise refuse(path, line, None, "a fix stands before the first header line (66666 …)")
        found += 1
        if found > promised:
            raise miscounted(path, header, promised, found)
        year = _four_digit_year(whole_number(text[0:2], path, line, "time"))
        month, day, hour = (whole_number(text[at : at + 2], path, line, "time") for at in (2, 4, 6))
        grade = _jma_grade(text[13:14], path, line)
        latitude = number(text[15:18], path, line, "latitude") / 10
        longitude = number(text[19:23], path, line, "longitude") / 10
        wind = number(text[33:36] if text[33:36].strip() else "0", path, line, "wind")
        strong = _jma_is_storm(grade, wind)
        rows.append(
            (storm_id, line, year, month, day, hour * 3600.0, latitude, longitude, strong, None, False)
        )
    if found != promised:
        raise miscounted(path, header, promised, found)
    return TrackFile(fixes_table(rows), RSMC_TOKYO_AREA)


def _jma_storm_id(header: str, path: Path, line: int) -> str:
    number = header[6:10].strip() or header[21:25].strip()
    if number:
        return f"{_four_digit_year(whole_number(number[:2], path, line, 'international number'))}{number[2:]}"
    return f"depression-{header[16:20].strip()}-line-{line}"  # a depression has no international number


def _four_digit_year(two_digits: int) -> int:
    return two_digits + (1900 if two_digits >= 51 else 2000)


def read_jma_hourly(path: Path) -> TrackFile:
    """Hourly JMA best track of one cyclone, by tabs: year month day hour class lat lon hPa kt …

    The storm's id is the number that the file's name begins with, else the name without its ending.
    """
    named = re.match(r"\d+", path.stem)
    storm_id = named.group() if named else path.stem
    rows = []
    for line, text in enumerate(text_lines(path), 1):
        if not text.strip():
            continue
        fields = text.split("\t")
        if len(fields) < 9:
            raise refuse(path, line, None, f"has {len(fields)} columns by tabs, at least 9 are needed")
        columns = ("year", "month", "day", "hour")
        year, month, day, hour = (
            whole_number(field, path, line, column) for field, column in zip(fields, columns, strict=False)
        )
        grade = _jma_grade(fields[4], path, line)
        latitude = number(fields[5], path, line, "latitude")
        longitude = number(fields[6], path, line, "longitude")
        strong = _jma_is_storm(grade, number(fields[8], path, line, "wind"))
        rows.append(
            (storm_id, line, year, month, day, hour * 3600.0, latitude, longitude, strong, None, False)
        )
    return TrackFile(fixes_table(rows), RSMC_TOKYO_AREA)
