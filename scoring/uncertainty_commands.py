"""``python -m scoring advise`` and ``coverage``: what they read and print."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from scoring.advice import Advice, advise, advise_threshold
from scoring.grading import resident_parts
from scoring.labelled_predictions import UnusableLabelsError, read_labelled
from scoring.metrics import MetricConfig, RecallConstrainedPrecision
from scoring.solution import Solution
from scoring.submission_file import validate_submission


def advice_for(
    submission: Path,
    config: MetricConfig,
    *,
    solution: Path | None,
    labels: Path | None,
    max_gate_risk: float,
    replicates: int | None,
) -> tuple[dict[str, Advice], list[str]]:
    """The advice for each part that there are labels of, and what the person should know about it."""
    if not isinstance(config, RecallConstrainedPrecision):
        raise UnusableLabelsError(f"the adviser is for a recall floor: {config.title} has none")
    if (solution is None) == (labels is None):
        raise UnusableLabelsError("give either --solution or --labels")
    try:
        if solution is not None:
            resident = Solution.load(solution)
            read = validate_submission(submission, ids=resident.ids, config=config)
            parts = resident_parts(read.predictions, resident, config, replicates)
            told, warnings = {}, [*read.warnings]
            for name, part in zip(("public", "private"), parts, strict=True):
                if part.clusters is None or part.clusters.can_vary:
                    told[name] = advise(part, config, max_gate_risk)
                else:
                    warnings.append(f"the {name} part has a single storm: there is no advice on it")
            if not told:
                raise UnusableLabelsError(f"{solution}: each part has a single storm")
            return told, warnings
        assert labels is not None
        known = read_labelled(submission, labels, config.cluster_by)
        warnings = []
        if known.clusters is None:
            warnings.append(
                f"{labels} has no column {config.cluster_by}: each image counts as its own storm, and the"
                " risk is larger than it is said to be"
            )
        if known.left_out:
            warnings.append(f"{known.left_out:,} images of {labels} have no prediction and are left out")
        advice = advise_threshold(
            known.labels,
            known.scores,
            clusters=known.clusters,
            times=known.times,
            config=config,
            max_gate_risk=max_gate_risk,
            replicates=replicates,
        )
    except ValueError as error:
        raise UnusableLabelsError(str(error)) from error
    return {"labels": advice}, warnings


def print_advice(told: dict[str, Advice], console: Console) -> None:
    first = next(iter(told.values()))
    table = Table(
        title=f"The threshold that keeps a recall of {first.recall_floor:g} on other storms"
        f" in {1 - first.max_gate_risk:.4g} of all cases",
        title_justify="left",
    )
    table.add_column()
    for name in told:
        table.add_column(name, justify="right")

    def add(name: str, show: Any) -> None:
        table.add_row(name, *(show(advice) for advice in told.values()))

    add("threshold", lambda each: f"[bold]{each.threshold:.6g}[/bold]")
    add("images to call", lambda each: f"{each.called_fraction:.2%}")
    add("precision", lambda each: f"{each.precision:.4f}")
    add("recall", lambda each: f"{each.recall:.4f}")
    add("probability below the gate", lambda each: f"{each.probability_below_gate:.1%}")
    add("without a margin: precision", lambda each: f"{each.best_precision:.4f}")
    add("    probability below the gate", lambda each: f"{each.best_probability_below_gate:.1%}")
    add(
        "cost in precision (95 %)",
        lambda each: f"{each.cost:.4f} ({each.cost_interval[0]:.4f} to {each.cost_interval[1]:.4f})",
    )
    console.print(table)


def to_json(told: dict[str, Advice]) -> dict[str, Any]:
    return {name: asdict(advice) for name, advice in told.items()}
