"""The notebooks run from top to bottom as a newcomer runs them, in a real kernel, against a real site."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests.site_process import Site, Visitor, running_site
from tests.steps import api_token, build_a_release, open_a_competition, organizer

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SMALL = {"TRAIN": 4096, "TEST": 1024}
QUICK = "--set train.epochs=1 --set train.images_per_epoch=256 --set model.width=4"


@dataclass
class Ran:
    """A notebook after its last cell. printed: the text of each cell, by its id; pictures: their number."""

    printed: dict[str, str]
    pictures: int


def run(name: str, settings: dict[str, object], folder: Path, **environment: str) -> Ran:
    """Run a notebook in its folder, where a reader opens it, with other settings after its own."""
    notebook = nbformat.read(FOLDER / name, as_version=4)
    (place,) = (i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ()))
    lines = [f"{key} = {value!r}".replace("PosixPath", "Path") for key, value in settings.items()]
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell("\n".join(lines)))
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("TAMAGO_")}
    own = {
        "XDG_CONFIG_HOME": str(folder / "home"),
        "IPYTHONDIR": str(folder / "ipython"),
        "OMP_NUM_THREADS": "1",
    }
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(FOLDER)}})
    client.execute(env=inherited | own | environment)
    outputs = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    printed = {
        name: "".join(output.get("text", "") for output in of_cell) for name, of_cell in outputs.items()
    }
    pictures = sum(
        "image/png" in output.get("data", {}) for of_cell in outputs.values() for output in of_cell
    )
    return Ran(printed, pictures)


def test_there_are_three_in_an_order():
    assert [path.name[0] for path in NOTEBOOKS] == ["1", "2", "3"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_they_are_kept_without_outputs_so_that_a_change_can_be_read(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    for cell in code:
        assert not cell.outputs
        assert cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_step_is_told_before_it_is_done(path):
    cells = nbformat.read(path, as_version=4).cells
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith("# ")
    assert "parameters" in cells[1].metadata["tags"], "all settings are in the first cell of code"
    told = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert told.count("\n## ") >= 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_link_leads_to_a_page_and_its_heading(path):
    told = "\n".join(c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown")
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", told) if not link.startswith("https://")]
    assert links
    for link in links:
        page, _, heading = link.partition("#")
        assert (FOLDER / page).is_file(), link
        if heading:
            headings = re.findall(r"^#+ (.*)$", (FOLDER / page).read_text(encoding="utf-8"), re.M)
            assert heading in {text.lower().replace(" ", "-") for text in headings}, link


def test_the_first_shows_the_data(tmp_path):
    ran = run("1-look-at-the-data.ipynb", SMALL | {"DATA": tmp_path / "world"}, tmp_path)
    assert "Training: 4,096 images, 128 of them" in ran.printed["open"]
    assert re.search(
        r"Precision 0\.0\d+ \(95 %: 0\.0\d+ to 0\.\d+\) at recall 0\.[78]", ran.printed["coldness"]
    )
    assert ran.pictures == 5


def test_the_second_goes_as_far_as_checking_where_there_is_no_site(tmp_path):
    ran = run(
        "2-your-first-submission.ipynb", SMALL | {"FOLDER": tmp_path / "work", "KNOBS": QUICK}, tmp_path
    )
    assert "No site is known yet" in ran.printed["site"]
    assert "valid, 1,024 predictions" in ran.printed["validate"]
    assert "nothing is submitted" in ran.printed["submit"]
    assert ran.pictures == 1


def test_the_third_measures_every_step_and_keeps_a_margin(tmp_path):
    settings = SMALL | {"FOLDER": tmp_path / "work", "DATA": tmp_path / "world", "KNOBS": QUICK}
    ran = run("3-from-baseline-to-winner.ipynb", settings, tmp_path)
    assert "ensemble, TTA − baseline, TTA:" in ran.printed["steps"]
    assert "better in" in ran.printed["steps"]
    assert "\x1b" not in "".join(ran.printed.values()), "a page cannot move a cursor"
    assert "On new storms the recall floor is missed with probability" in ran.printed["threshold"]
    assert re.search(r"on the test: precision 0\.\d+ at recall [01]\.\d+", ran.printed["answers"])
    assert ran.pictures == 4


def test_a_command_that_fails_stops_the_notebook(tmp_path):
    with pytest.raises(CellExecutionError, match="starter_kit ended with status 1") as stopped:
        run(
            "2-your-first-submission.ipynb",
            SMALL | {"FOLDER": tmp_path / "work", "KNOBS": "--set train.epoch=1"},
            tmp_path,
        )
    assert "Did you mean train.epochs?" in str(stopped.value)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running_site(tmp_path / "site") as site:
        build_a_release(site, tmp_path / "site" / "data" / "releases" / "typhoons", test=6144)
        open_a_competition(organizer(site))
        yield site


@pytest.mark.slow
def test_the_second_submits_to_a_running_site(site, tmp_path):
    alice = Visitor(site).sign_up("alice")
    known = {"TAMAGO_URL": site.url, "TAMAGO_TOKEN": api_token(alice)}
    settings = SMALL | {"FOLDER": tmp_path / "work", "KNOBS": QUICK, "COMPETITION": "typhoons"}
    with pytest.raises(CellExecutionError, match="Read the rules at"):
        run("2-your-first-submission.ipynb", settings, tmp_path, **known)

    ran = run("2-your-first-submission.ipynb", settings | {"ACCEPT_RULES": True}, tmp_path, **known)
    assert f"typhoons on {site.url}" in ran.printed["site"]
    assert "Public score 0." in ran.printed["submit"]
    assert "95 % interval" in ran.printed["submit"]
    assert "\x1b" not in "".join(ran.printed.values()), "a page cannot move a cursor"
    assert "alice" in ran.printed["leaderboard"]
    board = httpx.get(
        f"{site.url}/api/v1/competitions/typhoons/leaderboard",
        headers={"Authorization": f"Bearer {known['TAMAGO_TOKEN']}"},
    ).json()
    assert [entry["team"] for entry in board["entries"]] == ["alice"]
