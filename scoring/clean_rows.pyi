import numpy as np
import numpy.typing as npt
import pyarrow as pa

def put_rows(
    text: bytes | memoryview | pa.Buffer,
    prefix: bytes,
    digits: int,
    after: bytes,
    by_number: npt.NDArray[np.float64],
    /,
) -> int | None:
    """How many rows of `text` were put into `by_number`; None where one is odd: some before it may be put.

    A row is `prefix`, a number of `digits` digits, `after`, a finite decimal number, and a line's end; blank
    lines are passed over. text: whole lines. by_number: (M,), contiguous, written at the rows' numbers, which
    must be under M. Several threads may write into one `by_number`: the interpreter's lock is released.
    """
