"""One command measures what each method brings, by the number that is scored."""

import polars as pl
import pytest
from PIL import Image

from cloud_images import open_release
from cloud_images.synthetic import oracle_scores
from scoring import MetricConfig, evaluate
from starter_kit.ablation.report import markdown, summarised
from starter_kit.ablation.study import Measured, read_plan, recipe_of, run_ablation
from starter_kit.configuration.sections import Config
from starter_kit.errors import StarterKitError

SCALES = ["tiny", "small", "overnight", "full"]


def measured(row: str, *precisions: float) -> list[Measured]:
    return [
        Measured(
            row=row, seed=seed, precision=precision, recall=0.79, standard_error=0.02,
            seconds=1.0, processor_seconds=2.0,
        )
        for seed, precision in enumerate(precisions)
    ]  # fmt: skip


@pytest.mark.parametrize("scale", SCALES)
def test_every_row_is_a_recipe_that_can_be_read(scale):
    plan = read_plan()
    for row in plan.rows_at(scale):
        trainings = recipe_of(row, scale, plan.scales[scale], seed=1).trainings()
        assert all(config.train.seed >= 100 for config in trainings.values()), row.name
    assert {row.name for row in plan.rows_at("full")} >= {
        "conventional",
        "baseline",
        "strong",
        "winner",
    }


def test_a_row_changes_one_thing_of_the_baseline():
    plan = read_plan()
    knobs = plan.scales["overnight"]
    baseline = next(row for row in plan.rows if row.name == "baseline")
    plain = next(iter(recipe_of(baseline, "overnight", knobs, 0).trainings().values())).model_dump()
    below = plan.rows[[row.name for row in plan.rows].index("hard negatives") :]
    for row in below:
        if row.config != "baseline":
            continue
        config = next(iter(recipe_of(row, "overnight", knobs, 0).trainings().values())).model_dump()
        changed = [
            f"{section}.{knob}"
            for section in plain
            for knob in plain[section]
            if plain[section][knob] != config[section][knob]
        ]
        assert sorted(changed) == sorted(setting.partition("=")[0] for setting in row.set), row.name
        assert changed, row.name


def test_every_method_of_the_kit_has_a_row():
    """Losses, samplers and the switches of augmentation, weights and network, each away from its default."""
    touched = {}
    for row in read_plan().rows:
        for setting in row.set:
            knob, _, value = setting.partition("=")
            touched.setdefault(knob, set()).add(value)
    losses = set(Config.model_fields["loss"].annotation.model_fields["name"].annotation.__args__)
    samplers = set(Config.model_fields["sampler"].annotation.model_fields["name"].annotation.__args__)
    assert touched["loss.name"] == losses - {"bce"}
    assert touched["sampler.name"] >= samplers - {"balanced"}
    assert set(touched) >= {
        "augment.flips", "augment.east_west", "augment.rotations", "augment.rotate_degrees",
        "augment.shift_pixels", "augment.brightness", "augment.cutout_pixels", "augment.mixup",
        "augment.cutmix",
        "loss.label_smoothing", "sampler.per_storm", "model.activation", "model.keep_places",
        "train.ema_decay", "ensemble.tta",
    }  # fmt: skip


def test_recipes_of_the_gpu_have_kin_for_two_cores():
    plan = read_plan()
    rows = {row.name: row for row in plan.rows}
    for name, members in (("strong", 1), ("winner", 4)):
        small = recipe_of(rows[name], "small", plan.scales["small"], 0)
        assert {config.model.name for config in small.members.values()} == {"small_cnn"}
        assert len(small.members) == members
        assert "small_cnn" not in {
            config.model.name
            for config in recipe_of(rows[name], "full", plan.scales["full"], 0).members.values()
        }


def test_strong_with_one_thing_off_differs_in_that_alone():
    plan = read_plan()
    knobs = plan.scales["overnight"]
    rows = {row.name: row for row in plan.rows}
    strong = recipe_of(rows["strong"], "overnight", knobs, 0)
    off = {
        "strong, one view": {"ensemble.tta"},
        "strong, ordinary negatives": {"sampler.name"},
        "strong, as photographed": {"augment.flips", "augment.rotations", "augment.shift_pixels"},
        "strong, last weights": {"train.ema_decay"},
    }
    for name, expected in off.items():
        recipe = recipe_of(rows[name], "overnight", knobs, 0)
        differing = set()
        for kind, one, other in (
            ("", strong.members["model"], recipe.members["model"]),
            ("ensemble.", strong.ensemble, recipe.ensemble),
        ):
            flat, wanted = (_flat(each.model_dump()) for each in (one, other))
            differing |= {kind + knob for knob in flat if flat[knob] != wanted[knob]}
        assert differing == expected


def _flat(knobs: dict, before: str = "") -> dict:
    flat = {}
    for name, value in knobs.items():
        flat |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {before + name: value}
    return flat


def test_seeds_do_not_share_the_repeats_of_an_ensemble():
    plan = read_plan()
    row, knobs = plan.rows[0], plan.scales["overnight"]
    seeds = [
        config.train.seed
        for seed in range(3)
        for config in recipe_of(row, "overnight", knobs, seed).trainings().values()
    ]
    assert len(seeds) == len(set(seeds)) == 30


def test_the_false_alarm_ratio_is_set_against_the_conventional_models():
    rows = [*measured("conventional", 0.4, 0.5), *measured("baseline", 0.7, 0.8)]
    conventional, baseline = summarised(rows, read_plan())
    assert conventional["reduction"] == pytest.approx(0)
    assert baseline["precision"] == pytest.approx(0.75)
    assert baseline["false_alarm_ratio"] == pytest.approx(0.25)
    assert baseline["reduction"] == pytest.approx(1 - 0.25 / 0.55)


def test_the_interval_is_students_with_the_spread_of_all_rows():
    rows = [*measured("conventional", 0.4, 0.5), *measured("baseline", 0.7, 0.72)]
    table = summarised(rows, read_plan())
    pooled = (((0.05**2) * 2 + (0.01**2) * 2) / 2) ** 0.5  # two degrees of freedom
    margin = 4.303 * pooled / 2**0.5
    assert table[1]["high"] == pytest.approx(0.71 + margin, abs=1e-3)
    assert table[0]["low"] == pytest.approx(0.45 - margin, abs=1e-3)


def test_with_one_seed_the_interval_is_that_of_the_storms():
    (row,) = summarised(measured("baseline", 0.7), read_plan())
    assert (row["low"], row["high"]) == (
        pytest.approx(0.7 - 1.96 * 0.02, abs=1e-4),
        pytest.approx(0.7392, abs=1e-4),
    )
    assert row["reduction"] is None


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A tiny ablation by the command's own code."""
    out = tmp_path_factory.mktemp("ablation") / "tables"
    run_ablation("tiny", out, seeds=1)
    return out


def test_a_row_is_scored_by_the_platform_on_all_test_images(finished, shell, tmp_path):
    run, file = finished / "runs" / "focal_loss-0", tmp_path / "s.csv"
    assert shell("predict", run / "run", "--data", finished / "world", "--out", file).status == 0
    truth = pl.read_parquet(finished / "world" / "solution.parquet", columns=["image_id", "label"])
    table = pl.read_csv(file).join(truth, on="image_id")
    expected = evaluate(table["label"], table["score"], MetricConfig.model_validate({})).precision
    assert Measured.model_validate_json((run / "measured.json").read_bytes()).precision == expected


def test_the_command_goes_on_where_it_stopped_and_writes_its_tables(finished, shell):
    before = {file: file.stat().st_mtime_ns for file in finished.rglob("measured.json")}
    assert len(before) == 4  # the ceiling is not trained, and so not kept
    ended = shell("ablation", "--scale", "tiny", "--seeds", "1", "--out", finished)
    assert ended.status == 0, ended.err
    assert "epoch 1/1" not in ended.out  # nothing was trained again
    assert before == {file: file.stat().st_mtime_ns for file in finished.rglob("measured.json")}
    table = pl.read_csv(finished / "ablation.csv")
    assert table["method"].to_list() == [
        "conventional", "baseline", "baseline, TTA", "focal loss", "ceiling",
    ]  # fmt: skip
    text = (finished / "ablation.md").read_text()
    for row in table.iter_rows(named=True):
        assert f"| {row['method']} |" in text
        assert f"{row['precision']:.3f}" in text
    with Image.open(finished / "ablation.png") as image:
        assert image.width > 500


def test_one_row_more_joins_the_table_of_the_others(finished, shell):
    methods = pl.read_csv(finished / "ablation.csv")["method"].to_list()
    ended = shell("ablation", "--scale", "tiny", "--seeds", "1", "--row", "baseline", "--out", finished)
    assert ended.status == 0, ended.err
    assert pl.read_csv(finished / "ablation.csv")["method"].to_list() == methods
    assert len(methods) == 5


def test_the_row_with_tta_uses_the_training_of_its_twin(finished):
    assert not (finished / "runs" / "baseline__TTA-0" / "run").exists()
    assert (finished / "runs" / "baseline-0" / "run").exists()


def test_the_ceiling_is_the_oracles_score_by_the_platform(finished, shell):
    *_, ceiling = run_ablation("tiny", finished, seeds=1, only=["ceiling"])
    assert ceiling.row == "ceiling"
    world = open_release(finished / "world")
    labels = world.solution_table()["label"]
    expected = evaluate(labels, oracle_scores(world, 2018), MetricConfig.model_validate({})).precision
    assert ceiling.precision == expected
    assert ceiling.recall >= 0.79
    table = summarised([*measured("conventional", 0.4, 0.5), ceiling], read_plan())
    assert [row["method"] for row in table] == ["conventional", "ceiling"]
    assert table[1]["low"] == table[1]["high"] == expected


def test_the_report_says_how_near_the_best_row_comes_to_the_ceiling():
    rows = [*measured("conventional", 0.2), *measured("baseline", 0.6), *measured("ceiling", 0.9)]
    text = markdown(summarised(rows, read_plan()), "Heading")
    assert "by more than 87.5 %; `baseline` lowers it by 50.0 %." in text


def test_rows_of_two_worlds_scales_or_settings_never_meet_in_one_folder(finished):
    for other in ({"world_seed": 7}, {"world": finished / "world"}, {"settings": ["train.epochs=2"]}):
        with pytest.raises(StarterKitError, match=r"holds an ablation with another .* name a new --out"):
            run_ablation("tiny", finished, **other)
    with pytest.raises(StarterKitError, match=r"another scale \(tiny, not small\)"):
        run_ablation("small", finished)


def test_a_knob_for_all_rows_goes_before_what_a_row_is_about():
    plan = read_plan()
    focal = next(row for row in plan.rows if row.name == "focal loss")
    knobs = ["train.epochs=3", "loss.name=asymmetric"]
    config = recipe_of(focal, "small", plan.scales["small"], 0, settings=knobs).members["model"]
    assert (config.train.epochs, config.loss.name) == (3, "focal")


def test_the_seed_of_another_world_brings_no_ceiling_but_an_error(finished, tmp_path):
    with pytest.raises(StarterKitError, match="no synthetic world of seed 5"):
        run_ablation("tiny", tmp_path / "out", world=finished / "world", world_seed=5)
    assert not (tmp_path / "out" / "runs").exists(), "nothing is trained in vain"


def test_a_world_whose_seed_nobody_tells_has_no_ceiling(finished, tmp_path):
    measured = run_ablation("tiny", tmp_path / "out", world=finished / "world", only=["focal loss"], seeds=1)
    assert [each.row for each in measured] == ["focal loss"]


def test_a_row_that_does_not_exist_is_refused(shell, tmp_path):
    ended = shell("ablation", "--scale", "tiny", "--row", "magic", "--out", tmp_path)
    assert ended.status == 1
    assert "There is no row “magic”" in ended.err


def test_a_world_without_its_solution_is_refused(release, tmp_path):
    world = tmp_path / "world"
    world.mkdir()
    for entry in release.directory.iterdir():
        if entry.name != "solution.parquet":
            (world / entry.name).symlink_to(entry)
    with pytest.raises(StarterKitError, match=r"no solution\.parquet"):
        run_ablation("tiny", tmp_path / "out", world=world)
