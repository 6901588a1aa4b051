"""What a metric prints: counted, and its beginning kept."""

KEPT_BYTES = 16 * 1024


class Output:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._total = 0
        self._kept = bytearray()

    def add(self, piece: bytes) -> None:
        self._total += len(piece)
        self._kept += piece[: KEPT_BYTES - len(self._kept)]

    @property
    def exceeded(self) -> bool:
        return self._total > self._limit

    def text(self) -> str:
        """Printable, and with a last line that tells how much was left out."""
        decoded = self._kept.decode("utf-8", "replace")
        cleaned = "".join(
            c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in decoded
        )
        left_out = self._total - len(self._kept)
        return cleaned.strip() + (f"\n… and {left_out:,} bytes more" if left_out else "")
