"""The kit needs what `pip install` of it alone brings: no Django, none of the extras.

A wheel is built of this checkout and installed into a new environment, which holds the distributions that it
asks for, and what those ask for, and nothing else.
"""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PACKAGES = ("starter_kit", "scoring", "cloud_images", "tamago_metric")
NOT_INSTALLED = {".py", ".pyc", ".pyi", ".cpp", ".so"}

IMPORT_EVERYTHING = f"""
import importlib, pkgutil, sys

NEED_AN_EXTRA = {{"xarray", "netCDF4", "zarr", "dask", "cftime", "pandas", "sklearn"}}

for package in {PACKAGES}:
    folder = importlib.import_module(package).__path__
    for module in pkgutil.walk_packages(folder, package + ".", onerror=lambda name: None):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as error:
                # Rooms of the kit that read fields may ask for the extra; what trains and submits must not.
                in_a_room = package != "starter_kit" or module.name.count(".") > 1
                if not in_a_room or error.name not in NEED_AN_EXTRA:
                    raise
print("all imported")
"""
HELP_OF_EVERYTHING = """
import contextlib, importlib, io
import typer

def show_all(group, words):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            show_all(command, [*words, name])
            continue
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
            command(["--help"], prog_name=" ".join([*words, name]))
        assert "Example" in shown.getvalue(), name
        print(*words, name)

for package in ("starter_kit", "scoring", "cloud_images"):
    show_all(typer.main.get_command(importlib.import_module(package + ".__main__").app), [package])
"""
RUN_COMMANDS = """
import runpy, shlex, sys

for line in sys.stdin.read().splitlines():
    package, *words = shlex.split(line)
    sys.argv = [package, *words]
    try:
        runpy.run_module(package, run_name="__main__")
    except SystemExit as ending:
        assert not ending.code, (line, ending.code)
"""
A_FIRST_ENTRY = """
cloud_images synthesize --train 2048 --test 512 --seed 3 --out world
cloud_images verify world
starter_kit configs
starter_kit train --data world --out run --config quick.toml
starter_kit evaluate run --data world --json
starter_kit predict run --data world --out submission.csv.gz
scoring validate submission.csv.gz --ids world/sample_submission.csv
scoring grade submission.csv.gz --solution world/solution.parquet
starter_kit explain run --data world --out why --worst 2
starter_kit ensemble submission.csv.gz submission.csv.gz --out both.parquet
"""
QUICK = "[train]\nepochs = 1\nimages_per_epoch = 256\n[model]\nwidth = 4\n"


@dataclass(frozen=True)
class Environment:
    """A new environment with the kit in it. python: its interpreter; wheel: what was installed."""

    python: Path
    wheel: Path
    brought: set[str]

    def run(self, code: str, folder: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
        return subprocess.run(
            [self.python, "-c", code],
            input=stdin,
            cwd=folder,
            env=kept | {"OMP_NUM_THREADS": "1", "XDG_CONFIG_HOME": str(folder / "home")},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Environment:
    folder = tmp_path_factory.mktemp("alone")
    wheel = build_wheel(folder)
    venv.create(folder / "environment", with_pip=False, symlinks=True)
    python = folder / "environment/bin/python"
    install = (
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
    )
    subprocess.run([*install, str(wheel)], check=True)
    query = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.check_output([python, "-c", query], text=True).strip())
    brought = with_all_they_need(asked_for_by(wheel))
    for each in brought.values():
        for top in {Path(file).parts[0] for file in each.files or () if ".." not in Path(file).parts}:
            if not (site / top).exists() and top != "__pycache__":
                (site / top).symlink_to(each.locate_file(top))
    return Environment(python, wheel, set(brought))


def build_wheel(folder: Path) -> Path:
    """Of a copy, so that nothing is left in the checkout."""
    source = folder / "source"
    unwanted = shutil.ignore_patterns("__pycache__", "*.so")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=unwanted)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    subprocess.run([*build, "--wheel-dir", str(folder), str(source)], check=True)
    (wheel,) = folder.glob("tamago-*.whl")
    return wheel


def asked_for_by(wheel: Path) -> list[Requirement]:
    """What `pip install` of the wheel asks for, without extras."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().splitlines()
    wanted = [
        Requirement(line.removeprefix("Requires-Dist: "))
        for line in lines
        if line.startswith("Requires-Dist")
    ]
    return [each for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]


def with_all_they_need(wanted: list[Requirement]) -> dict[str, Distribution]:
    """Those distributions, and what they ask for in their turn, from the environment of the tests."""
    found: dict[str, Distribution] = {}
    asked: set[tuple[str, str]] = set()
    waiting = [(each, extra) for each in wanted for extra in ("", *each.extras)]
    while waiting:
        requirement, extra = waiting.pop()
        name = requirement.name.lower().replace("_", "-")
        if (name, extra) in asked:
            continue
        asked.add((name, extra))
        found[name] = distribution(requirement.name)
        for text in found[name].requires or ():
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                waiting += [(need, more) for more in ("", *need.extras)]
    return found


def test_nothing_of_the_site_comes_along(alone, tmp_path):
    assert {"torch", "httpx", "typer"} <= alone.brought
    assert not {"django", "celery", "redis", "scikit-learn", "pandas", "xarray", "pytest"} & alone.brought
    ended = alone.run("import django", tmp_path)
    assert "No module named 'django'" in ended.stderr


def test_every_file_that_the_code_reads_is_in_the_wheel(alone):
    with zipfile.ZipFile(alone.wheel) as archive:
        installed = set(archive.namelist())
    read = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in NOT_INSTALLED
    }
    assert {"starter_kit/configuration/configs/baseline.toml", "starter_kit/explain/page.css"} <= read
    assert read <= installed, read - installed


def test_every_module_can_be_imported(alone, tmp_path):
    ended = alone.run(IMPORT_EVERYTHING, tmp_path)
    assert ended.stdout == "all imported\n", ended.stderr


def test_every_command_tells_about_itself(alone, tmp_path):
    ended = alone.run(HELP_OF_EVERYTHING, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert {"starter_kit train", "scoring validate", "cloud_images build"} <= set(ended.stdout.splitlines())


def test_a_first_entry_is_trained_measured_and_written(alone, tmp_path):
    (tmp_path / "quick.toml").write_text(QUICK, encoding="utf-8")
    ended = alone.run(RUN_COMMANDS, tmp_path, stdin=A_FIRST_ENTRY.strip())
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "valid, 512 predictions" in ended.stdout
    assert "<style>" in (tmp_path / "why/index.html").read_text(encoding="utf-8")


def test_what_needs_an_extra_says_which(alone, tmp_path):
    ended = alone.run(RUN_COMMANDS, tmp_path, stdin="starter_kit detect run --fields x.nc --out found")
    assert "detect needs" in ended.stderr
    assert "pip install 'tamago[fields]'" in ended.stderr
