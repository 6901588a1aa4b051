from typing_extensions import Buffer

def put_rows(text: Buffer, prefix: bytes, digits: int, after: bytes, by_number: Buffer, /) -> int | None:
    """How many rows of `text` were put into `by_number`; None at the first odd one, with those before it put.

    A row is `prefix`, a number of `digits` digits, `after`, a finite decimal number, and a line's end; blank
    lines are passed over. text: whole lines. by_number: float64, written at the rows' numbers, which must lie
    inside. Several threads may write into one `by_number`: the interpreter's lock is released.
    """
