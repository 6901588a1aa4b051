"""Reading configurations: named ones, TOML files, and single knobs from the command line.

A configuration is a TOML file: a named one (`baseline`, `winner`, …) of the folder `configs`, or your own. It
needs to hold only what differs from the defaults in `sections.py`. A *recipe* trains several members:
`[members.NAME.SECTION]` says what differs for each, `[ensemble]` how they become one score.
"""

from __future__ import annotations

import copy
import difflib
import json
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from starter_kit.configuration.sections import Config, EnsembleConfig, Section
from starter_kit.errors import StarterKitError

AnySection = TypeVar("AnySection", bound=Section)
MEMBER = "model"  # what the one member of a plain configuration is called


@dataclass(frozen=True)
class Recipe:
    """What to train and how to join it. `members`: by name, each with all of its knobs."""

    members: dict[str, Config]
    ensemble: EnsembleConfig

    def trainings(self) -> dict[str, Config]:
        """Every single training by its name, members × repeats × folds, in the order they are run."""
        planned = {}
        for name, member in self.members.items():
            for repeat in range(self.ensemble.repeats):
                seed = {"seed": member.train.seed + repeat}
                train = member.train.model_copy(update=seed)
                seeded = f"{name}-seed{train.seed}" if self.ensemble.repeats > 1 else name
                folds = range(member.validation.folds) if self.ensemble.cross_validate else [None]
                for fold in folds:
                    validation = member.validation
                    if fold is not None:
                        validation = validation.model_copy(update={"fold": fold})
                    planned[seeded if fold is None else f"{seeded}-fold{fold}"] = member.model_copy(
                        update={"train": train, "validation": validation}
                    )
        return planned


def named_configs() -> list[str]:
    """Names of the configurations that come with the kit."""
    folder = resources.files("starter_kit.configuration") / "configs"
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".toml"))


def summary(name: str) -> str:
    """What a named configuration is: the first paragraph of its file's comment, in one line."""
    lines = [line.removeprefix("#").strip() for line in _named_text(name).splitlines() if line[:1] in "#"]
    end = lines.index("") if "" in lines else len(lines)
    return " ".join(lines[:end])


def load_config(name_or_file: str | Path = "baseline", overrides: Iterable[str] = ()) -> Config:
    """Read a configuration that trains one model, then apply `section.knob=value` overrides in order.

    Raises StarterKitError for a file that is not there, an unknown knob (with the nearest name), a bad
    value, or a recipe of several trainings.
    """
    recipe = load_recipe(name_or_file, overrides)
    trainings = recipe.trainings()
    if len(trainings) > 1:
        raise StarterKitError(
            f"{name_or_file} trains {len(trainings)} models, and one is wanted here. "
            "`python -m starter_kit train` takes such a recipe."
        )
    return next(iter(trainings.values()))


def load_recipe(name_or_file: str | Path = "baseline", overrides: Iterable[str] = ()) -> Recipe:
    """Read a configuration of one or several members. Overrides hold for every member, whatever the file
    says. Raises StarterKitError as `load_config`."""
    source = str(name_or_file)
    values = _read_toml(name_or_file)
    _refuse_unknown(values, source)
    members = values.pop("members", {MEMBER: {}})
    ensemble = values.pop("ensemble", {})
    for name in members:
        members[name] = _merged(values, members[name])
    for override in overrides:
        key, value = _parse_override(override)
        section, knob = key.split(".")
        for target in (
            [ensemble] if section == "ensemble" else [m.setdefault(section, {}) for m in members.values()]
        ):
            target[knob] = value
    configs = {name: _validated(Config, member, source, name) for name, member in members.items()}
    return Recipe(configs, _validated(EnsembleConfig, ensemble, source, "ensemble"))


def parse_config(text: str, source: str) -> Config:
    """Read the JSON form that a run's folder keeps."""
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise StarterKitError(f"{source} is not JSON ({error}).") from None
    _refuse_unknown(values, source)
    return _validated(Config, values, source, MEMBER)


def knobs() -> Iterator[tuple[str, FieldInfo]]:
    """Every knob as (`section.knob`, its field), in the order of sections.py."""
    sections = {name: field.annotation for name, field in Config.model_fields.items()}
    for section, model in {**sections, "ensemble": EnsembleConfig}.items():
        assert isinstance(model, type)
        assert issubclass(model, Section)
        for knob, knob_field in model.model_fields.items():
            yield f"{section}.{knob}", knob_field


def _read_toml(name_or_file: str | Path) -> dict[str, Any]:
    path = Path(name_or_file)
    if path.suffix == ".toml" or path.is_file():
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise StarterKitError(f"The configuration file {path} could not be read: {error}.") from None
    elif str(name_or_file) in named_configs():
        text = _named_text(str(name_or_file))
    else:
        known = ", ".join(named_configs())
        raise StarterKitError(
            f"There is no configuration “{name_or_file}”.{_nearest(str(name_or_file), named_configs())} "
            f"The kit has {known}; a file of your own ends in .toml."
        )
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StarterKitError(f"{name_or_file} is not TOML: {error}.") from None


def _named_text(name: str) -> str:
    return (resources.files("starter_kit.configuration") / "configs" / f"{name}.toml").read_text(
        encoding="utf-8"
    )


def _merged(shared: dict[str, Any], member: dict[str, Any]) -> dict[str, Any]:
    """The shared sections with what the member changes in them."""
    merged = copy.deepcopy(shared)
    for section, content in member.items():
        merged.setdefault(section, {}).update(content)
    return merged


def _parse_override(override: str) -> tuple[str, Any]:
    key, equals, text = (part.strip() for part in override.partition("="))
    if not equals:
        raise StarterKitError(f"--set takes section.knob=value, such as train.epochs=5, not “{override}”.")
    _refuse_unknown_key(key, "--set")
    try:
        return key, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return key, text  # a bare word, as in sampler.name=natural


def _refuse_unknown(values: Any, source: str, *, is_member: bool = False) -> None:
    if not isinstance(values, dict):
        raise StarterKitError(f"{source} holds no table of sections.")
    for section, content in values.items():
        if section == "members" and not is_member:
            if not isinstance(content, dict) or not content:
                raise StarterKitError(f"In {source}, members are tables: [members.NAME.model], knobs below.")
            for name, member in content.items():
                _refuse_bad_name(name, source)
                _refuse_unknown(member, f"{source}, member {name}", is_member=True)
            continue
        if not isinstance(content, dict):
            _refuse_unknown_key(section, source)
            raise StarterKitError(
                f"In {source}, “{section}” is a section: write [{section}], its knobs below."
            )
        for knob in content or [""]:
            _refuse_unknown_key(f"{section}.{knob}" if knob else section, source)
        if section == "ensemble" and is_member:
            raise StarterKitError(f"In {source}: [ensemble] belongs to the whole recipe, not to a member.")


def _refuse_bad_name(name: str, source: str) -> None:
    if not name.replace("_", "").isalnum():
        raise StarterKitError(
            f"In {source}, a member is called “{name}”; it becomes a folder, so letters, digits and _ only."
        )


def _refuse_unknown_key(key: str, source: str) -> None:
    known = [name for name, _ in knobs()]
    if key in known or (source != "--set" and key in {name.split(".")[0] for name in known}):
        return
    same_ending = [name for name in known if name.split(".")[1] == key.rsplit(".", maxsplit=1)[-1]]
    hint = f" Did you mean {same_ending[0]}?" if same_ending else _nearest(key, known)
    raise StarterKitError(
        f"{source} names a knob that does not exist, “{key}”.{hint} "
        "`python -m starter_kit configs` lists them all."
    )


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f" Did you mean {close[0]}?" if close else ""


def _validated(model: type[AnySection], values: dict[str, Any], source: str, name: str) -> AnySection:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']} (it is {problem['input']!r})"
            for problem in error.errors()
        ]
        who = source if name == MEMBER else f"{source} ({name})"
        raise StarterKitError(f"The configuration {who} does not hold: " + "; ".join(lines)) from None
