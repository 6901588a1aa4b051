"""Where a wall is missing, no metric runs: the process tries its walls before it reads one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What is taken away from the code of the confinement, and what is then told.
MISSING = {
    "files are free": ("    _restrict_files(readable, scratch)\n", "", "listing / is still possible"),
    "calls are free": ("    _restrict_calls()\n", "", "opening a socket is still possible"),
    "sockets are free": ("read readv ", "socket read readv ", "opening a socket is still possible"),
    "limits are free": ('"prlimit64", arg0=0, arg2=0', '"prlimit64"', "raising a limit is still possible"),
    "a kernel without Landlock": (
        "LIBC.syscall(CREATE_RULESET, None",
        "LIBC.syscall(9999, None",
        "Linux 5.13",
    ),
    "no libseccomp": ("libseccomp.so.2", "libseccomp.so.none", "Debian package libseccomp2"),
}
RUN = """
from tests.scoring.own_metrics import run
try:
    print("ran:", run("def score(solution, submission): return 1").returned)
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("missing", MISSING)
def test_no_metric_runs_where(missing, tmp_path):
    shutil.copytree(ROOT / "tamago_metric", tmp_path / "tamago_metric")
    code = tmp_path / "tamago_metric" / "confinement.py"
    there, instead, told = MISSING[missing]
    assert there in code.read_text()
    code.write_text(code.read_text().replace(there, instead, 1))
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd="/",
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("SandboxUnavailable own metrics cannot run on this machine"), done.stdout
    assert told in done.stdout
