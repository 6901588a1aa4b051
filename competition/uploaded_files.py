"""What is asked of any file that somebody uploads."""

import hashlib

from django.core.files import File

MEBIBYTE = 1024**2


def sha256_of(file: File) -> str:
    """The SHA-256 of the whole file, in hexadecimal; afterwards it is at its beginning again."""
    digest = hashlib.sha256()
    for chunk in file.chunks(MEBIBYTE):
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()
