"""The site's catalogues: `python -m competition.translations` checks them, with `--update` writes them.

Checked: every text of the sources is in the catalogue and nothing else is, each has its translation and
none is a guess (fuzzy), and the compiled file is this catalogue's. Needs GNU gettext.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

PACKAGE = Path(__file__).resolve().parent
LANGUAGES = ("ja",)
# No line numbers, no wrapping, no leftovers: a change of the sources changes the lines of its texts alone.
OPTIONS = ("--no-location", "--no-wrap", "--no-obsolete", "--verbosity", "0")
DATE = '"POT-Creation-Date:'


def catalogue(language: str, package: Path = PACKAGE) -> Path:
    return package / "locale" / language / "LC_MESSAGES" / "django.po"


def update(package: Path = PACKAGE) -> None:
    """Collect the texts of `package` into its catalogues, and compile these."""
    for language in LANGUAGES:
        po = catalogue(language, package)
        po.parent.mkdir(parents=True, exist_ok=True)
        _run(sys.executable, "-m", "django", "makemessages", "--locale", language, *OPTIONS, cwd=package)
        _run("msgfmt", "--check", "--output-file", str(po.with_suffix(".mo")), str(po), cwd=package)


def problems(package: Path = PACKAGE) -> list[str]:
    """What is wrong with the catalogues, each with what to do; empty when they are complete and current."""
    found = []
    with TemporaryDirectory() as folder:
        copy = Path(folder) / package.name
        shutil.copytree(package, copy, ignore=shutil.ignore_patterns("static", "__pycache__", "migrations"))
        update(copy)
        for language in LANGUAGES:
            committed, collected = catalogue(language, package), catalogue(language, copy)
            if _texts(committed) != _texts(collected):
                found.append(
                    f"{committed.name} ({language}) is not what the sources say: "
                    "run `python -m competition.translations --update` and translate what is new"
                )
            for kind in ("--untranslated", "--only-fuzzy"):
                listed = _run("msgattrib", kind, "--no-obsolete", "--no-wrap", str(collected), cwd=copy)
                texts = [line for line in listed.splitlines() if line.startswith("msgid ")][1:]
                found += [f"{language}, {kind.strip('-')}: {text.removeprefix('msgid ')}" for text in texts]
            fresh = copy / "fresh.mo"
            _run("msgfmt", "--check", "--output-file", str(fresh), str(committed), cwd=copy)
            compiled = committed.with_suffix(".mo")
            if not compiled.exists() or compiled.read_bytes() != fresh.read_bytes():
                found.append(
                    f"{compiled.name} ({language}) is not compiled from {committed.name}: "
                    "run `python -m competition.translations --update`"
                )
    return found


def _texts(po: Path) -> list[str]:
    """The catalogue's lines but for the date of its making."""
    return [line for line in po.read_text().splitlines() if not line.startswith(DATE)] if po.exists() else []


def _run(*command: str, cwd: Path) -> str:
    # Collecting needs no settings of a site, and must not depend on whose they are.
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(  # noqa: S603
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(
            f"{' '.join(command)} failed (is GNU gettext installed?)\n{done.stdout}{done.stderr}"
        )
    return done.stdout


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--update", action="store_true", help="collect the sources' texts and compile")
    if parser.parse_args().update:
        update()
    wrong = problems()
    print("\n".join(wrong) or "The translations are complete.")  # noqa: T201
    sys.exit(bool(wrong))
