"""Translations between simulation and observation, and their folder.

translation.json          the method, its options, what it was learned from
translation.safetensors   look-up tables, styles, or the generators' weights
checkpoint.pt             of a CycleGAN that was stopped: all that it needs to go on
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from starter_kit.atomic_file import written_whole
from starter_kit.errors import StarterKitError, first_line
from starter_kit.observation.cycle_gan import GanKnobs, Generators, as_grey, as_input
from starter_kit.observation.fourier_style import with_style
from starter_kit.observation.patches import Images
from starter_kit.observation.quantile_mapping import LookUp, histogram, quantile_map

Domain = Literal["observed", "simulated"]
Method = Literal["histogram", "fourier", "cyclegan"]
RECORD, TENSORS = "translation.json", "translation.safetensors"
BATCH = 256


class Translation(Protocol):
    """Images of one domain made to look like the other's."""

    def translate(self, images: Images, to: Domain, *, seed: int = 0) -> Images:
        """uint8 (N, 64, 64) to the same shape; `seed` decides where a method draws at random."""

    def tensors(self) -> dict[str, torch.Tensor]:
        """All that was learned."""


class NoTranslation:
    """Images as they are: what every other method must beat."""

    def translate(self, images: Images, to: Domain, *, seed: int = 0) -> Images:
        return images

    def tensors(self) -> dict[str, torch.Tensor]:
        return {}


class HistogramMatching:
    """Quantile mapping of the greys, one table for all images (`quantile_mapping`)."""

    def __init__(self, to_observed: LookUp, to_simulated: LookUp) -> None:
        self.tables: dict[Domain, LookUp] = {"observed": to_observed, "simulated": to_simulated}

    @classmethod
    def learn(cls, simulated: Images, observed: Images) -> HistogramMatching:
        here, there = histogram(simulated), histogram(observed)
        return cls(quantile_map(here, there), quantile_map(there, here))

    def translate(self, images: Images, to: Domain, *, seed: int = 0) -> Images:
        return self.tables[to][images]

    def tensors(self) -> dict[str, torch.Tensor]:
        return {name: torch.from_numpy(table) for name, table in self.tables.items()}


class FourierStyle:
    """The amplitudes of an image of the other domain, drawn anew for each image (`fourier_style`)."""

    def __init__(self, simulated: Images, observed: Images, waves: int) -> None:
        self.styles: dict[Domain, Images] = {"observed": observed, "simulated": simulated}
        self.waves = waves

    def translate(self, images: Images, to: Domain, *, seed: int = 0) -> Images:
        styles, rng = self.styles[to], np.random.default_rng(seed)
        drawn = rng.integers(len(styles), size=len(images))
        parts = [images[:0]]
        for first in range(0, len(images), BATCH):
            some = slice(first, first + BATCH)
            parts.append(
                with_style(
                    torch.from_numpy(images[some]), torch.from_numpy(styles[drawn[some]]), self.waves
                ).numpy()
            )
        return np.concatenate(parts)

    def tensors(self) -> dict[str, torch.Tensor]:
        tensors = {str(name): torch.from_numpy(styles) for name, styles in self.styles.items()}
        return {**tensors, "waves": torch.tensor(self.waves)}


class CycleGan:
    """Two trained generators (`cycle_gan`)."""

    def __init__(self, generators: Generators) -> None:
        self.generators = generators.eval()

    @torch.inference_mode()
    def translate(self, images: Images, to: Domain, *, seed: int = 0) -> Images:
        generator = self.generators.to_observed if to == "observed" else self.generators.to_simulated
        device = next(generator.parameters()).device
        parts = [images[:0]]
        for first in range(0, len(images), BATCH):
            batch = torch.from_numpy(images[first : first + BATCH]).to(device)
            parts.append(as_grey(generator(as_input(batch))).cpu().numpy())
        return np.concatenate(parts)

    def tensors(self) -> dict[str, torch.Tensor]:
        return {name: value.cpu().contiguous() for name, value in self.generators.state_dict().items()}


class TranslationRecord(BaseModel):
    """What translation.json holds. release, observed: what it was learned from; cyclegan: its knobs; losses:
    their means every some steps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method
    release: str
    observed: str
    images: int
    cyclegan: GanKnobs | None = None
    losses: list[dict[str, float]] = []


def save_translation(folder: Path, translation: Translation, record: TranslationRecord) -> None:
    """Write it, each file whole or not at all; the record, which says that it is complete, comes last."""
    with written_whole(folder / TENSORS) as draft:
        save_file(translation.tensors(), draft)
    with written_whole(folder / RECORD) as draft:
        draft.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")


def open_translation(folder: Path, device: torch.device) -> tuple[Translation, TranslationRecord]:
    """Read it, ready to translate. Raises StarterKitError that says what is wrong with the folder."""
    try:
        record = TranslationRecord.model_validate_json((folder / RECORD).read_bytes())
        tensors = load_file(folder / TENSORS)
        return _restored(record, tensors, device), record
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StarterKitError(
            f"{folder} is no translation: {Path(error.filename or TENSORS).name} is missing. `python -m "
            "starter_kit observe learn METHOD` makes one; run it again where it was stopped."
        ) from None
    except (OSError, ValidationError, SafetensorError, KeyError, RuntimeError) as error:
        raise StarterKitError(f"The translation {folder} cannot be read: {first_line(error)}") from None


def _restored(
    record: TranslationRecord, tensors: dict[str, torch.Tensor], device: torch.device
) -> Translation:
    if record.method == "histogram":
        return HistogramMatching(tensors["observed"].numpy(), tensors["simulated"].numpy())
    if record.method == "fourier":
        return FourierStyle(tensors["simulated"].numpy(), tensors["observed"].numpy(), int(tensors["waves"]))
    knobs = record.cyclegan or GanKnobs()
    generators = Generators(knobs.width, knobs.blocks)
    generators.load_state_dict(tensors)
    return CycleGan(generators.to(device))
