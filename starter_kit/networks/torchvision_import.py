"""torchvision, also where its compiled operators do not fit the installed torch.

The torchvision wheel of the package index is built for CUDA. Beside a CPU build of torch its operators cannot
be loaded, and `import torchvision` ends in “operator torchvision::nms does not exist”, although networks such
as ResNet need none of them. Declaring the two schemas that the import asks for lets it go on. Where the
operators load, nothing is declared.
"""

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

import torch

# Kept for the life of the process: a library that is collected takes its declarations along.
_declared: list[torch.library.Library] = []


def torchvision_models() -> ModuleType:
    """The module torchvision.models, without touching the network."""
    if not _operators_load() and not _declared:
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(library)
    return importlib.import_module("torchvision.models")


def _operators_load() -> bool:
    if hasattr(torch.ops.torchvision, "nms"):
        return True
    package = importlib.util.find_spec("torchvision")  # found, not imported
    if package is None or package.origin is None:
        return True  # importing will say better what is wrong
    for library in Path(package.origin).parent.glob("_C.*"):
        try:
            torch.ops.load_library(library)
        except OSError:
            continue
    return hasattr(torch.ops.torchvision, "nms")
