"""From nothing to the final leaderboard, with real parts: processes, brokers, databases, files, training.

The organizer builds a release and opens a competition; alice takes part from the command line, bob in the
browser; the organizer closes it. Once with Redis, once without any server, once with PostgreSQL.
"""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import polars as pl
import pytest
from sklearn.metrics import precision_recall_curve

from tests.services import postgresql_server, redis_server, wait_until
from tests.site_process import Site, Visitor, running_site
from tests.steps import RECALL_FLOOR, api, api_token, build_a_release, open_a_competition, organizer

pytestmark = pytest.mark.slow


@pytest.fixture(
    params=[
        pytest.param("redis", marks=pytest.mark.redis),
        "serverless",
        pytest.param("postgresql", marks=[pytest.mark.redis, pytest.mark.postgresql]),
    ]
)
def site(request, tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as servers:
        environment = {}
        if request.param != "serverless":
            environment["REDIS_URL"] = servers.enter_context(redis_server())
        if request.param == "postgresql":
            environment["DATABASE_URL"] = servers.enter_context(postgresql_server())
        yield servers.enter_context(running_site(tmp_path, **environment))


def test_a_stranger_goes_from_nothing_to_the_final_leaderboard(site: Site, tmp_path: Path) -> None:
    release = tmp_path / "data" / "releases" / "typhoons"
    build_a_release(site, release)
    olga = organizer(site)
    open_a_competition(olga)

    alice = Visitor(site).sign_up("alice")
    alice.fill_in("/competitions/typhoons/join/", accept="on")
    token = api_token(alice)
    program = api(site, token)
    kit = {"TAMAGO_URL": site.url, "TAMAGO_TOKEN": token}

    download_in_two_pieces(program)
    data = tmp_path / "alice"
    site.run("python", "-m", "starter_kit", "download", "typhoons", "--out", data, **kit)
    assert not list(data.rglob("*solution*"))
    predictions = train_and_predict(site, data, tmp_path)
    site.run("python", "-m", "starter_kit", "submit", "typhoons", predictions, "-m", "first", "--wait", **kit)

    bob = Visitor(site).sign_up("bob")
    bob.fill_in("/competitions/typhoons/join/", accept="on")
    submit_in_the_browser(bob, predictions, tmp_path)

    mine = program.get("/competitions/typhoons/submissions").json()["items"]
    assert [entry["state"] for entry in mine] == ["scored"]
    public, private = oracle(predictions, release / "solution.parquet")
    assert mine[0]["public"]["score"] == pytest.approx(public, abs=5e-6)

    def board_now() -> dict:
        return program.get("/competitions/typhoons/leaderboard").json()

    wait_until(lambda: len(board_now()["entries"]) == 2, what="bob on the board", seconds=60)
    board = board_now()
    assert [entry["team"] for entry in board["entries"]] == ["alice", "bob"]
    assert board["entries"][0]["score"] == pytest.approx(public, abs=5e-6)
    shown = site.run("python", "-m", "starter_kit", "leaderboard", "typhoons", **kit)
    assert shown.index("alice") < shown.index("bob")

    refused = program.get("/competitions/typhoons/leaderboard", params={"part": "private"})
    assert refused.status_code in {403, 409}
    assert f"{private:.5f}" not in refused.text

    olga.fill_in("/organize/typhoons/close/", confirmation="typhoons")

    final = program.get("/competitions/typhoons/leaderboard", params={"part": "private"}).json()
    assert final["entries"][0]["team"] == "alice"
    assert final["entries"][0]["score"] == pytest.approx(private, abs=5e-6)
    assert f"{private:.5f}" in alice.open("/competitions/typhoons/leaderboard/?part=private").get_text()
    too_late = site.run(
        "python", "-m", "starter_kit", "submit", "typhoons", predictions, "--wait", status=1, **kit
    )
    assert "Submissions ended" in too_late


def download_in_two_pieces(program: httpx.Client) -> None:
    files = {file["name"]: file for file in program.get("/competitions/typhoons/files").json()["items"]}
    shard = files["train/images-00000.npy"]
    half = shard["size"] // 2
    first = program.get(shard["url"], headers={"Range": f"bytes=0-{half - 1}"})
    rest = {"Range": f"bytes={half}-", "If-Range": first.headers["ETag"]}
    second = program.get(shard["url"], headers=rest)
    assert (first.status_code, second.status_code) == (206, 206)
    assert hashlib.sha256(first.content + second.content).hexdigest() == shard["sha256"]


def train_and_predict(site: Site, data: Path, folder: Path) -> Path:
    kit = ("python", "-m", "starter_kit")
    few_steps = ("--set", "train.epochs=1")
    site.run(*kit, "train", "--data", data, *few_steps, "--out", folder / "run")
    site.run(*kit, "predict", folder / "run", "--data", data, "--out", folder / "predictions.csv")
    site.run(
        *("python", "-m", "scoring", "validate", folder / "predictions.csv"),
        *("--ids", data / "sample_submission.csv"),
    )
    return folder / "predictions.csv"


def submit_in_the_browser(bob: Visitor, predictions: Path, folder: Path) -> None:
    """First a file with a mistake, which costs nothing; then one without, though worse than alice's."""
    table = pl.read_csv(predictions)
    broken = table.with_columns(
        pl.when(pl.int_range(pl.len()) == 4).then(None).otherwise("score").alias("score")
    )
    broken.write_csv(folder / "broken.csv")
    page = bob.fill_in("/competitions/typhoons/submit/", files={"file": (folder / "broken.csv").open("rb")})
    assert "row 6: the score is empty" in page.get_text()
    assert "not counted" in page.get_text()

    table.with_columns(score=-pl.col("score")).write_csv(folder / "upside-down.csv")
    bob.fill_in(
        "/competitions/typhoons/submit/",
        files={"file": (folder / "upside-down.csv").open("rb")},
        message="upside down",
    )


def oracle(predictions: Path, solution: Path) -> tuple[float, float]:
    """Public and private score by scikit-learn."""
    rows = pl.read_parquet(solution).join(pl.read_csv(predictions), on="image_id")
    scores = []
    for part in ("public", "private"):
        of_part = rows.filter(pl.col("split") == part)
        precision, recall, _ = precision_recall_curve(
            of_part["label"].to_numpy(), of_part["score"].to_numpy()
        )
        scores.append(float(precision[:-1][recall[:-1] >= RECALL_FLOOR].max()))
    return scores[0], scores[1]
