"""Solutions in the worker's memory: loaded once, then there for every submission."""

import threading
from collections import OrderedDict
from pathlib import Path

from scoring import Solution

# A solution of a million images takes about 50 MB.
KEPT = 4

_kept: "OrderedDict[tuple[Path, int, int], Solution]" = OrderedDict()
_lock = threading.Lock()


def solution_at(path: Path) -> Solution:
    """The solution in the file `path`, read again only when the file has changed. Raises OSError,
    SolutionError."""
    found = path.stat()
    key = (path, found.st_mtime_ns, found.st_size)
    with _lock:
        if key not in _kept:
            _kept[key] = Solution.load(path)
        _kept.move_to_end(key)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
        return _kept[key]
