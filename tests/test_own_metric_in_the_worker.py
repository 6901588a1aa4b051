"""An organizer's own metric on a running site: the real worker tries it, scores with it, and survives it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import pytest

from tests.services import wait_until
from tests.site_process import Site, Visitor, running_site
from tests.steps import api, api_token, build_a_release, open_a_competition, organizer

pytestmark = pytest.mark.slow

# Behaves while it is tried, where no score is above 1. A submission's largest score then says what it does.
TWO_FACED = """
import os
from tamago_metric import ParticipantVisibleError

def score(solution, submission):
    asked = round(submission["score"].max())
    if asked == 10:
        while True:
            pass
    if asked == 11:
        return len(bytearray(10**12))
    if asked == 12:
        for _ in range(1000):
            print("x" * 10**6)
    if asked == 13:
        return os.fork()
    if asked == 14:
        raise ValueError(open(f"/proc/{os.getppid()}/environ").read() + repr(solution))
    if asked == 15:
        raise ParticipantVisibleError("Scores of 15 are not accepted.")
    if asked == 16:
        return float("nan")
    if asked == 17:
        os._exit(0)
    return (solution["label"] * submission["score"]).mean()
"""
ENDS = {
    10: ("failed", "took longer than 3 s"),
    11: ("failed", "MemoryError"),
    12: ("failed", "printed more than"),
    13: ("failed", "PermissionError"),
    14: ("failed", "PermissionError"),
    15: ("invalid", "Scores of 15 are not accepted."),
    16: ("failed", "nan: a score must be finite"),
    17: ("failed", "ended with status 0"),
    1: ("scored", ""),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    environment = {"METRIC_SECONDS": "3", "LEASE_SECONDS": "2", "TMPDIR": str(folder)}
    with running_site(folder, **environment) as site:
        build_a_release(site, folder / "data" / "releases" / "typhoons")
        yield site


@pytest.fixture(scope="module")
def olga(site: Site) -> Visitor:
    olga = organizer(site)
    open_a_competition(olga)
    return olga


@pytest.fixture(scope="module")
def alice(site: Site, olga: Visitor) -> httpx.Client:
    """With a token, in a competition that is scored by the metric above."""
    page = olga.fill_in(
        "/organize/typhoons/metric/own/",
        files={"file": ("two-faced.py", TWO_FACED.encode())},
        name="Mean of the hits",
    )
    address = str(page.select("table a[href*='/metric/own/']")[0]["href"]) if page.select("table a") else ""
    address = address or "/organize/typhoons/metric/own/1/"

    def usable() -> bool:
        shown = olga.open(address).get_text(" ", strip=True)
        assert "not usable" not in shown, shown
        return "Put into force" in shown

    wait_until(usable, what="the test run", seconds=90, every=0.5)
    olga.fill_in(address, to="/adopt/")
    visitor = Visitor(site).sign_up("alice")
    visitor.fill_in("/competitions/typhoons/join/", accept="on")
    return api(site, api_token(visitor))


@pytest.fixture(scope="module")
def send(site: Site, alice: httpx.Client) -> Callable[[int], str]:
    """Submit predictions whose largest score is `highest`; the submission's id."""
    solution = pl.read_parquet(site.folder.parent / "data/releases/typhoons/solution.parquet")

    def submit(highest: int) -> str:
        scores = np.linspace(0, highest, len(solution))
        content = pl.DataFrame({"image_id": solution["image_id"], "score": scores}).write_csv().encode()
        answer = alice.post("/competitions/typhoons/submissions", files={"file": ("p.csv", content)})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    return submit


@pytest.mark.parametrize("asked", ENDS)
def test_the_worker_brings_each_to_its_end(asked, send, alice, olga, site):
    submission = send(asked)

    def now() -> dict:
        return alice.get(f"/submissions/{submission}").json()

    wait_until(lambda: now()["state"] not in ("queued", "scoring"), what="an end", seconds=60, every=0.2)
    state, told = ENDS[asked]
    answer = alice.get(f"/submissions/{submission}")
    assert answer.json()["state"] == state, answer.text
    console = olga.open("/organize/typhoons/submissions/").get_text(" ", strip=True)
    assert told in console
    if state == "invalid":
        assert told in answer.text
    elif told:
        assert told not in answer.text
    for page in (console, answer.text):
        assert "SECRET_KEY" not in page
        assert "for-this-test" not in page
    assert not processes_of_metrics(site)
    assert not scratch_folders(site)


def test_what_a_killed_worker_left_is_ended_and_removed(send, alice, site):
    submission = send(10)
    wait_until(lambda: processes_of_metrics(site), what="the metric's process")
    wait_until(lambda: scratch_folders(site), what="its folder")
    site.kill("worker")
    wait_until(lambda: not processes_of_metrics(site), what="the end of the metric's process", seconds=5)
    assert scratch_folders(site)
    site.start(
        "worker", ["celery", "--app", "competition", "worker", "--pool", "threads", "--concurrency", "1"]
    )
    wait_until(
        lambda: alice.get(f"/submissions/{submission}").json()["state"] == "failed",
        what="the other worker to finish it",
        seconds=60,
        every=0.5,
    )
    assert not processes_of_metrics(site)
    assert not scratch_folders(site)


def processes_of_metrics(site: Site) -> list[int]:
    """Those that work in a folder of this site."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            folder = (process / "cwd").readlink()
        except OSError:
            continue
        if b"tamago_metric.child" in command and folder.is_relative_to(site.folder.parent):
            found.append(int(process.name))
    return found


def scratch_folders(site: Site) -> list[Path]:
    return list(site.folder.parent.glob("tamago-metric-*/*"))
