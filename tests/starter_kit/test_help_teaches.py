"""`--help` of every command of every package: an example that parses, and a word about every option."""

import importlib
import re
import shlex

import pytest
import typer

from tests.starter_kit.command_line import Shell

PACKAGES = ("starter_kit", "cloud_images", "scoring")
GROUPS = {
    package: typer.main.get_command(importlib.import_module(f"{package}.__main__").app)
    for package in PACKAGES
}


def commands_of(group, *words: str):
    """Every command below a group, with the words that lead to it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands_of(command, *words, name)
        else:
            yield " ".join((*words, name)), command


COMMANDS = [
    pytest.param(package, name, command, id=f"{package} {name}")
    for package, group in GROUPS.items()
    for name, command in commands_of(group)
]


def examples_of(command) -> list[str]:
    """The command lines of its examples."""
    return re.findall(r"`(python -m [^`]+)`", (command.epilog or "").replace("\n", " "))


@pytest.mark.parametrize(("package", "name", "command"), COMMANDS)
def test_every_command_ends_with_an_example_of_itself(package, name, command):
    assert any(line.startswith(f"python -m {package} {name}") for line in examples_of(command))


@pytest.mark.parametrize(("package", "name", "command"), COMMANDS)
def test_every_option_and_argument_is_explained(package, name, command):
    for parameter in command.params:
        assert parameter.help, f"{parameter.name} of {package} {name}"
        # Square brackets that a mark-up takes for its own would vanish on the screen.
        text = re.sub(r"\[(default|env var): [^]]*\]", "", parameter.help).strip()
        assert text, f"{parameter.name} of {package} {name} tells only its default"


@pytest.mark.parametrize(("package", "name", "command"), COMMANDS)
def test_every_example_is_understood_as_it_stands(package, name, command):
    for line in examples_of(command):
        _, _, module, *words = shlex.split(line)
        spoken = GROUPS[module]
        while hasattr(spoken, "commands"):
            spoken = spoken.commands[words.pop(0)]
        spoken.make_context("it", words)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_list_of_commands_groups_them_and_says_in_a_line_what_each_does(package):
    for name, command in GROUPS[package].commands.items():
        assert command.rich_help_panel, name
        assert 10 < len(command.get_short_help_str(limit=200)) < 120, name


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_written_about_an_option_is_also_shown(package, monkeypatch, capsys):
    """Also what stands in square brackets, which rich takes for mark-up."""
    monkeypatch.setenv("COLUMNS", "200")
    for name, command in commands_of(GROUPS[package]):
        with pytest.raises(SystemExit):
            GROUPS[package].main([*name.split(), "--help"], prog_name=f"python -m {package}")
        shown = " ".join(re.sub(r"[│╭╮╰╯─]", " ", capsys.readouterr().out).split())
        for parameter in command.params:
            for word in parameter.help.replace("`", "").split():
                assert word in shown, f"{word} of {parameter.name} of {package} {name}"


def test_asking_for_help_does_not_wait_for_torch():
    import subprocess
    import sys

    code = "import sys, starter_kit.__main__; print('torch' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"


def test_a_word_that_is_no_command_is_answered_with_what_there_is(shell: Shell):
    ended = shell("trian")
    assert ended.status == 2
    assert "No such command 'trian'" in ended.err
    assert "--help" in ended.err
