"""How an entry does on parts of the images: by basin, by days until genesis, by season, by any column.

Each value of a column of the solution is a slice. Recall, precision and, for metrics of counts, the score are
taken at the operating threshold of the whole part, since that is the line that the entry draws; other metrics
are evaluated on the slice alone. Intervals come from the draws of the whole part.

Three columns are derived where the solution has none of that name:

- `lead_time_day`: ⌊`lead_time_hours` / 24⌋; 0 is the day before genesis, −1 the first day after it. Negatives
  have none, so that there is recall alone;
- `season`: of `time` in UTC, the three months DJF, MAM, JJA or SON, in both hemispheres alike;
- `hemisphere`: of `latitude`, north (≥ 0) or south.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scoring.clustering import times_of
from scoring.metrics.configuration import MetricConfig
from scoring.metrics.constrained import CALLED
from scoring.metrics.result import Result
from scoring.resampling import Clusters, Grouping
from scoring.solution import REQUIRED_COLUMNS, STORM, Solution, SolutionError, check_clusters
from scoring.tally import Part
from scoring.uncertainty import interval

Value = str | int | float | bool | None
Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MAX_VALUES = 50
# name: the column that it is derived from
DERIVED = {"lead_time_day": "lead_time_hours", "season": "time", "hemisphere": "latitude"}
SEASONS = ("DJF", "MAM", "JJA", "SON")


@dataclass(frozen=True, eq=False)
class Slicing:
    """One column on one part. values: in order, None (images without a value) last. positives: (P,) the
    place of each one's value; negatives: (N,) likewise, or None where no negative has a value, as of a lead
    time."""

    column: str
    values: list[Value]
    positives: Codes
    negatives: Codes | None


def slice_values(table: pa.Table, column: str) -> pa.ChunkedArray:
    """A column of the solution, or a derived one. Raises SolutionError where there is none."""
    names = table.column_names
    if column in names:
        return table[column]
    source = DERIVED.get(column)
    if source in names:
        try:
            return _derive(column, table[source])
        except (ValueError, pa.ArrowException) as error:
            raise SolutionError(f"slice {column}: column {source} of the solution: {error}") from error
    if source is not None:
        raise SolutionError(f"slice {column} is derived from the column {source}, which the solution lacks")
    derived = ", ".join(name for name, source in DERIVED.items() if source in names)
    raise SolutionError(
        f"slice {column}: the solution has no such column; it has {', '.join(names) or 'none'}"
        + (f", and {derived} can be derived" if derived else "")
    )


def check_columns(config: MetricConfig, path: str | Path) -> None:
    """Raises SolutionError where ``solution.parquet`` lacks a column that the configuration names, or a slice
    cannot be made of it. Only the columns in question are read."""
    if not config.slices and config.cluster_by in {None, STORM}:
        return
    try:
        names = [name for name in pq.read_schema(path).names if name not in REQUIRED_COLUMNS]
        check_clusters(config.cluster_by, names)
        empty = pq.read_schema(path).empty_table().select(names)
        for column in config.slices:
            slice_values(empty, column)  # refuses what is missing
            source = column if column in names else DERIVED[column]
            _slicings(pq.read_table(path, columns=[source]), column, ())
    except pa.ArrowException as error:
        raise SolutionError(f"{path} is not a Parquet file that can be read: {error}") from error


def slicings(config: MetricConfig, solution: Solution) -> tuple[list[Slicing], list[Slicing]]:
    """Of the public and the private part, made once and kept with the solution. Raises SolutionError where
    there is no such column, or it has too many values."""
    for column in config.slices:
        if column not in solution.slicings:
            solution.slicings[column] = _slicings(solution.columns, column, solution.bounds)
    public, private = ([solution.slicings[column][part] for column in config.slices] for part in (0, 1))
    return public, private


def _slicings(table: pa.Table, column: str, bounds: Sequence[int]) -> list[Slicing]:
    """The slicing of every part of a table whose rows are [positives | negatives] of each part in turn, with
    bounds (2 · parts + 1,)."""
    whole = slice_values(table, column)
    if not _has_plain_values(whole.type):
        raise SolutionError(f"slice {column}: must hold text, numbers or dates, its type is {whole.type}")
    encoded = pc.dictionary_encode(whole.combine_chunks())
    values = encoded.dictionary
    if len(values) > MAX_VALUES + 1:  # one may stand for "no value"
        raise SolutionError(
            f"slice {column}: the column has {len(values):,} values; a slice is for at most {MAX_VALUES},"
            " such as those of basin"
        )
    plain = [_plain(value) for value in values.to_pylist()]
    order = [place for place in pc.sort_indices(values).to_pylist() if plain[place] is not None]
    if len(order) > MAX_VALUES:
        raise SolutionError(
            f"slice {column}: the column has {len(order)} values; at most {MAX_VALUES} can be"
        )
    rank = np.full(len(values) + 1, len(order))  # images without a value come last
    rank[order] = np.arange(len(order))
    codes = rank[encoded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)]
    names: list[Value] = [*(plain[place] for place in order), None]
    found = []
    for first in range(0, len(bounds) - 1, 2):
        positives, negatives = (codes[bounds[i] : bounds[i + 1]] for i in (first, first + 1))
        without_value = not len(negatives) or bool((negatives == len(order)).all())
        found.append(Slicing(column, names, positives, None if without_value else negatives))
    return found


def slice_results(
    config: MetricConfig, part: Part, result: Result, slicings: Iterable[Slicing]
) -> dict[str, list[dict[str, Any]]]:
    """``Result.slices``: for each column a list with an entry for each value that has images:

    ``value``; ``positives``, ``negatives``: how many images, None where no negative has a value there;
    ``tp``, ``fp``, ``recall``, ``precision``: at the operating threshold of the whole part; ``score``: the
    metric's; ``interval``: of the score, ``recall_interval``: of the recall, 95 %. None for what is not
    defined: recall without positives, precision where nothing is called, an interval of one cluster alone.
    """
    return {each.column: _slices(config, part, result, each) for each in slicings}


def _slices(config: MetricConfig, part: Part, result: Result, by: Slicing) -> list[dict[str, Any]]:
    count = len(by.values)
    positives = np.bincount(by.positives, minlength=count)
    negatives = None if by.negatives is None else np.bincount(by.negatives, minlength=count)
    images = positives if negatives is None else positives + negatives
    held = [int(place) for place in np.flatnonzero(images)]
    entries: list[dict[str, Any]] = [
        {
            "value": by.values[place],
            "positives": int(positives[place]),
            "negatives": None if negatives is None else int(negatives[place]),
            **dict.fromkeys(("tp", "fp", "recall", "precision", "score", "interval", "recall_interval")),
        }
        for place in held
    ]
    if result.tp is not None:
        _count(config, part, result, by, dict(zip(held, entries, strict=True)))
    elif by.negatives is not None:
        for place, entry in zip(held, entries, strict=True):
            entry.update(_evaluated(config, part.take(by.positives == place, by.negatives == place)))
    return entries


def _count(
    config: MetricConfig, part: Part, result: Result, by: Slicing, entries: dict[int, dict[str, Any]]
) -> None:
    """Fills the entries of a metric of counts at the threshold of the whole part."""
    threshold = CALLED if result.threshold is None else result.threshold
    called = [_on_host(group >= threshold) for group in (part.positives, part.negatives)]
    count = len(by.values)
    tp = np.bincount(by.positives[called[0]], minlength=count)
    fp = None if by.negatives is None else np.bincount(by.negatives[called[1]], minlength=count)
    drawn = _drawn(config, part.clusters, by, called)
    for place, entry in entries.items():
        p, n = entry["positives"], entry["negatives"]
        entry["tp"], entry["fp"] = int(tp[place]), None if fp is None else int(fp[place])
        entry["recall"] = entry["tp"] / p if p else None
        if fp is not None:
            calls = entry["tp"] + entry["fp"]
            entry["precision"] = entry["tp"] / calls if calls else None
            entry["score"] = _defined(config.scores(entry["tp"], entry["fp"], p, n))
        entry.update({name: values[place] for name, values in drawn.items()})


def _drawn(
    config: MetricConfig, clusters: Clusters | None, by: Slicing, called: list[npt.NDArray[np.bool_]]
) -> dict[str, list[tuple[float, float] | None]]:
    """The intervals of recall and score of all values."""
    if clusters is None or not clusters.can_vary:
        return {}
    count = len(by.values)
    p, tp, several = _weighted(clusters.positives, clusters.positive_weights, by.positives, called[0], count)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = tp / p
    found = {"recall_interval": [interval(recall[:, v]) if several[v] else None for v in range(count)]}
    if by.negatives is not None:
        n, fp, vary = _weighted(clusters.negatives, clusters.negative_weights, by.negatives, called[1], count)
        scores = config.scores(tp, fp, p, n)
        found["interval"] = [interval(scores[:, v]) if several[v] and vary[v] else None for v in range(count)]
    return found


def _weighted(
    grouping: Grouping, weights: Any, codes: Codes, called: npt.NDArray[np.bool_], count: int
) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """((R, count) images, (R, count) called ones, (count,) whether several clusters hold them) of all values
    in all draws."""
    cells = grouping.cluster.astype(np.int64) * count + codes
    shape = grouping.count, count
    images, hits = (
        np.bincount(chosen, minlength=grouping.count * count).reshape(shape)
        for chosen in (cells, cells[called])
    )
    drawn_images, drawn_hits = (
        (weights @ each.astype(weights.dtype)).astype(np.float64) for each in (images, hits)
    )
    return drawn_images, drawn_hits, np.count_nonzero(images, axis=0) != 1


def _evaluated(config: MetricConfig, part: Part) -> dict[str, Any]:
    """Score and interval of the slice alone; nothing where the metric is not defined on it."""
    try:
        result = config.evaluate(part)
    except ValueError:  # a class is missing
        return {}
    told: dict[str, Any] = {"score": result.score}
    clusters = part.clusters
    if clusters is not None and _several(clusters.positives) and _several(clusters.negatives):
        drawn = config.replicate(part, result)
        told["interval"] = None if drawn is None else interval(drawn.values)
    return told


def _several(grouping: Grouping) -> bool:
    """Whether images are of several clusters, or there are none."""
    return len(np.unique(grouping.cluster)) != 1


def _derive(column: str, source: pa.ChunkedArray) -> pa.ChunkedArray:
    if column == "lead_time_day":
        hours = source.cast(pa.float64())
        hours = pc.if_else(pc.is_finite(hours), hours, None)
        return pc.floor(pc.divide(hours, 24.0)).cast(pa.int64())
    if column == "hemisphere":
        return pc.if_else(pc.greater_equal(source.cast(pa.float64()), 0.0), "north", "south")
    month = pc.month(times_of(source))
    place = pc.floor(pc.divide(month.cast(pa.float64()), 3.0)).cast(pa.int32())  # December is 4
    return pa.chunked_array(
        [pa.array(SEASONS).take(pc.if_else(pc.equal(chunk, 4), 0, chunk)) for chunk in place.chunks],
        pa.string(),
    )


def _has_plain_values(kind: pa.DataType) -> bool:
    """Whether `_plain` knows the values of an Arrow type."""
    kinds = pa.types
    if kinds.is_dictionary(kind):
        return _has_plain_values(kind.value_type)
    is_number = kinds.is_boolean(kind) or kinds.is_integer(kind) or kinds.is_floating(kind)
    is_text = kinds.is_string(kind) or kinds.is_large_string(kind)
    is_moment = kinds.is_date(kind) or kinds.is_timestamp(kind)
    return is_number or is_text or is_moment or kinds.is_decimal(kind) or kinds.is_null(kind)


def _plain(value: Any) -> Value:
    """As JSON knows it, which has no infinity; None for what stands for no value."""
    if value is None or str(value) in {"", "nan"}:
        return None
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, str | int | bool):
        return value
    return float(value) if math.isfinite(value) else str(value)


def _on_host(values: Any) -> npt.NDArray[np.bool_]:
    return values if isinstance(values, np.ndarray) else values.cpu().numpy()


def _defined(score: Floats | None) -> float | None:
    return None if score is None or np.isnan(score) else float(score)
