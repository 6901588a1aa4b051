"""Which processor does the work."""

import numpy as np
import torch

from starter_kit.errors import StarterKitError


def choose_device(wanted: str) -> torch.device:
    """`auto`, `cpu`, `cuda` or `mps` to a device. Raises StarterKitError where the one asked for is not
    there."""
    if wanted == "auto":
        apple = torch.backends.mps.is_available()
        wanted = "cuda" if torch.cuda.is_available() else "mps" if apple else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        built = "it finds no GPU" if torch.version.cuda else "this torch is made for CPUs"
        raise StarterKitError(
            f"A CUDA GPU was asked for, but {built}. Take what is there with --device auto (train: --set "
            "train.device=auto), or install a CUDA build of torch and see that `nvidia-smi` lists the GPU."
        )
    if wanted == "mps" and not torch.backends.mps.is_available():
        raise StarterKitError(
            "There is no Apple GPU (mps) here. Take --device auto (train: --set train.device=auto)."
        )
    return torch.device(wanted)


def seed_everything(*seeds: int) -> None:
    """Make weights, dropout and kernels follow from the seeds alone.

    The same seeds give the same weights on the same machine with the same number of threads; sums in another
    order differ in the last bits.
    """
    torch.manual_seed(int(np.random.SeedSequence(seeds).generate_state(1, np.uint64)[0] >> np.uint64(1)))
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
