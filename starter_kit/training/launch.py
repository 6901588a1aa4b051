"""One processor or several, and in which arithmetic: Lightning Fabric, set up for a training.

`torchrun --nproc-per-node 4 -m starter_kit train …` starts four processes that train one model on four GPUs.
Each takes every fourth image of a batch, and Fabric's DDP makes their gradients one.
"""

import logging
import os
import warnings
from typing import Any, Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import nn

from starter_kit.configuration.sections import TrainConfig
from starter_kit.device import choose_device
from starter_kit.errors import StarterKitError

PRECISIONS: dict[str, Any] = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}


def start_fabric(knobs: TrainConfig) -> Fabric:
    """Fabric for one processor, or for as many as torchrun has started processes.

    Raises StarterKitError for a device or an arithmetic that is not there, or a batch that the processes
    cannot share.
    """
    device = choose_device(knobs.device)
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if knobs.batch_size % processes:
        raise StarterKitError(
            f"train.batch_size={knobs.batch_size} is shared by {processes} processes, so it must be a "
            f"multiple of {processes}."
        )
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it announces what was asked for
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice for programmers of Fabric
        fabric = Fabric(
            accelerator=device.type,
            devices=here if processes > 1 else 1,
            num_nodes=processes // here,
            strategy="ddp" if processes > 1 else "auto",
            precision=PRECISIONS[arithmetic(knobs.precision, device)],
        )
    fabric.launch()
    return fabric


def arithmetic(
    wanted: Literal["auto", "float32", "bfloat16", "float16"], device: torch.device
) -> Literal["float32", "bfloat16", "float16"]:
    """What convolutions compute in; weights and losses stay float32. Raises StarterKitError for float16 where
    there is no CUDA: its gradients need scaling, which only CUDA has."""
    if wanted == "auto":
        if device.type != "cuda":
            return "float32"
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    if wanted == "float16" and device.type != "cuda":
        raise StarterKitError(
            f"train.precision=float16 needs a CUDA GPU, and this is {device.type}. "
            "Use auto, or bfloat16, which the CPU has too."
        )
    return wanted


def shared_out(fabric: Fabric, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """This process's part: every world_size-th."""
    return positions[fabric.global_rank :: fabric.world_size]


def gathered(fabric: Fabric, mine: NDArray[np.float64], total: int) -> NDArray[np.float64]:
    """The values of all processes' parts, `mine` being one per image of this process's, in the order before
    `shared_out`: (total,), the same in every process."""
    if fabric.world_size == 1:
        return mine
    padded = np.zeros(-(-total // fabric.world_size))
    padded[: len(mine)] = mine
    part = torch.from_numpy(padded).to(fabric.device)
    parts = [torch.empty_like(part) for _ in range(fabric.world_size)]
    torch.distributed.all_gather(parts, part)
    return torch.stack(parts).cpu().numpy().T.reshape(-1)[:total]


def share_buffers(fabric: Fabric, model: nn.Module) -> None:
    """Batch norm's running statistics differ by process; all go on with those of the first."""
    if fabric.world_size > 1:
        for buffer in model.buffers():
            torch.distributed.broadcast(buffer, src=0)
