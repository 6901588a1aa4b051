"""A corrected solution: other labels, splits or columns for the very same images.

The folder of the release stays as it is, and so do its checksums: what participants hold has not changed.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import structlog
from django.core.files import File
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from competition.accounts.models import User
from competition.datasets.models import Release, SolutionVersion
from competition.datasets.uploaded_table import UnreadableTableError, read_uploaded_table
from competition.refusal import Refusal
from competition.uploaded_files import sha256_of
from scoring import Solution, SolutionError
from scoring.solution import REQUIRED_COLUMNS, SPLITS

log = structlog.get_logger(__name__)

NAMES_SHOWN = 5


def correct_solution(*, user: User | None, release: Release, file: File) -> SolutionVersion:
    """Store a corrected solution of the release, not yet in force.

    Raises Refusal that says what is wrong: no Parquet file, not a solution, images missing or unknown (how
    many, and the first of them), or nothing that differs from the solution in force.
    """
    present = pq.read_table(release.solution_path)
    corrected = _read(file, images=len(present))
    places = _places(corrected, present)
    changes = _changes(corrected.take(places), present)
    if not any(changes.values()):
        raise Refusal(
            _("This solution does not differ from the one in force."), code="same_solution", status=422
        )
    version = SolutionVersion(
        release=release, size=file.size, sha256=sha256_of(file), changes=changes, uploaded_by=user
    )
    version.file.save("solution.parquet", file, save=False)
    try:
        version.save()
    except BaseException:
        version.file.delete(save=False)
        raise
    log.info(
        "solution.corrected", release=release.pk, version=version.pk, sha256=version.sha256, changes=changes
    )
    return version


def _read(file: File, images: int) -> pa.Table:
    name = Path(file.name or "solution.parquet").name
    file.seek(0)
    content = pa.py_buffer(file.read())
    file.seek(0)
    try:
        table = read_uploaded_table(content, images=images)
    except UnreadableTableError as error:
        raise Refusal(
            _("%(name)s is not a Parquet file that can be read: %(error)s") % {"name": name, "error": error},
            code="solution_unreadable",
            status=422,
        ) from error
    try:
        solution = Solution.from_table(table, name=name)
    except SolutionError as error:
        raise Refusal(str(error), code="solution_invalid", status=422) from error
    for split, negatives in zip(SPLITS, np.diff(solution.bounds)[1::2], strict=True):
        if not negatives:
            raise Refusal(
                _("%(name)s has no negative image in the %(split)s split: every entry would be right.")
                % {"name": name, "split": split},
                code="solution_invalid",
                status=422,
            )
    return table


def _places(corrected: pa.Table, present: pa.Table) -> pa.Array:
    """For each image of the solution in force its row in the corrected one. Both have each id once."""
    old, new = (table["image_id"].cast(pa.string()).combine_chunks() for table in (present, corrected))
    places = pc.index_in(old, value_set=new)
    unknown = new.filter(pc.invert(pc.is_in(new, value_set=old)))
    missing = old.filter(pc.is_null(places))
    problems = []
    if len(missing):
        problems.append(
            ngettext(
                "%(count)s image of the test is missing (%(names)s).",
                "%(count)s images of the test are missing (%(names)s).",
                len(missing),
            )
            % {"count": f"{len(missing):,}", "names": _first(missing)}
        )
    if len(unknown):
        problems.append(
            ngettext(
                "%(count)s image is not one of the test's (%(names)s).",
                "%(count)s images are not among the test's (%(names)s).",
                len(unknown),
            )
            % {"count": f"{len(unknown):,}", "names": _first(unknown)}
        )
    if problems:
        raise Refusal(
            " ".join([_("A corrected solution has the very same images."), *problems]),
            code="other_images",
            status=422,
        )
    return places


def _first(names: pa.Array) -> str:
    shown = sorted(names.to_pylist())[:NAMES_SHOWN]
    return ", ".join(shown) + (", …" if len(names) > NAMES_SHOWN else "")


def _changes(corrected: pa.Table, present: pa.Table) -> dict[str, Any]:
    """How many labels and splits differ, and which other columns. Both tables in the same order."""
    old, new = (
        {name for name in table.column_names if name not in REQUIRED_COLUMNS}
        for table in (present, corrected)
    )
    shared = sorted(old & new)
    return {
        "labels": int(np.sum(_numbers(corrected) != _numbers(present))),
        "splits": sum(a != b for a, b in zip(_texts(corrected), _texts(present), strict=True)),
        "columns_changed": [name for name in shared if not _same(corrected[name], present[name])],
        "columns_added": sorted(new - old),
        "columns_removed": sorted(old - new),
    }


def _numbers(table: pa.Table) -> np.ndarray:
    return table["label"].cast(pa.float64()).to_numpy()


def _texts(table: pa.Table) -> list[str]:
    return table["split"].cast(pa.string()).to_pylist()


def _same(new: pa.ChunkedArray, old: pa.ChunkedArray) -> bool:
    try:
        return new.cast(old.type).equals(old)
    except pa.ArrowException:
        return False
