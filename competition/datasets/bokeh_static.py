"""Bokeh's JavaScript as a static file of the site, out of the installed package: no CDN, one version."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import bokeh
from django.contrib.staticfiles.finders import BaseFinder
from django.core.checks import CheckMessage
from django.core.files.storage import FileSystemStorage


class BokehFinder(BaseFinder):
    """Finds `bokeh/bokeh.min.js`, and nothing else of the 20 MB that lie beside it."""

    name = "bokeh.min.js"

    def __init__(self, app_names: Iterable[str] | None = None, *args: Any, **kwargs: Any) -> None:
        self.folder = Path(bokeh.__file__).parent / "server" / "static" / "js"
        self.storage = FileSystemStorage(location=self.folder)
        self.storage.prefix = "bokeh"  # type: ignore[attr-defined]  # where collectstatic puts it

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        if path != f"bokeh/{self.name}":
            return []
        found = str(self.folder / self.name)
        return [found] if find_all else found

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, FileSystemStorage]]:
        yield self.name, self.storage
