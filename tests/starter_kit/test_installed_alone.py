"""The kit needs what `pip install` of it alone brings: no Django, none of the extras."""

import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"

IMPORT_EVERYTHING = """
import importlib, pkgutil, sys

for name in {forbidden}:
    sys.modules[name] = None  # as if it were not installed
import starter_kit
for module in pkgutil.iter_modules(starter_kit.__path__):
    if module.name != "__main__":
        importlib.import_module("starter_kit." + module.name)
print("all imported")
"""


def names_of(requirements: list[str]) -> set[str]:
    plain = {requirement.partition(";")[0] for requirement in requirements}
    for separator in "[<>=!~ ":
        plain = {name.partition(separator)[0] for name in plain}
    return {name.lower().replace("_", "-") for name in plain}


def test_every_module_comes_without_what_only_the_extras_bring():
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    core = names_of(project["dependencies"])
    extras = set().union(*(names_of(each) for each in project["optional-dependencies"].values())) - core
    assert {"django", "celery", "xarray", "scikit-learn"} <= extras
    forbidden = {
        module
        for module, distributions in packages_distributions().items()
        if {name.lower().replace("_", "-") for name in distributions} & extras
    }
    assert {"django", "celery", "sklearn"} <= forbidden
    code = IMPORT_EVERYTHING.format(forbidden=repr(forbidden))
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stdout == "all imported\n", ended.stderr
