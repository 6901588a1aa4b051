"""`croissant.json`: the release described in MLCommons Croissant 1.0, so that data tools can read it.

Croissant knows no `.npy` shards of images yet, so the shards are described as files, and the tables in full:
their rows stand in the order of the images.
"""

import json
from pathlib import PurePosixPath
from typing import Any

from cloud_images.manifest import Manifest, ReleaseFile

CROISSANT_NAME = "croissant.json"

_MEDIA_TYPES = {".csv": "text/csv", ".npy": "application/x-npy"}

_COLUMNS = {
    "image_id": ("sc:Text", "Name of the image; the number is its position in the shards."),
    "label": ("sc:Integer", "1 for a tropical cyclone or its precursor, 0 for any other cloud system."),
    "storm_id": ("sc:Text", "Which storm; empty for negatives."),
    "time": ("sc:DateTime", "When, in UTC."),
    "latitude": ("sc:Float", "Of the image's centre, in degrees north."),
    "longitude": ("sc:Float", "Of the image's centre, in degrees east, from -180 to 180."),
    "lead_time_hours": (
        "sc:Float",
        "Hours until the storm's genesis, negative after it; empty for negatives.",
    ),
    "basin": ("sc:Text", "Ocean basin."),
}
_TABLES = {
    "train": ("train.csv", tuple(_COLUMNS)),
    "test": ("test.csv", ("image_id",)),
}
# The context that Croissant 1.0 prescribes, word for word.
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def croissant_text(manifest: Manifest) -> str:
    """The description of a release's served files, as JSON-LD."""
    described = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": manifest.name,
        "description": f"{manifest.title}. {manifest.description}",
        "version": manifest.version,
        "license": manifest.licence.url,
        "creditText": manifest.attribution,
        "citeAs": f"{manifest.title}, version {manifest.version}. {manifest.source}.",
        "datePublished": manifest.created.strftime("%Y-%m-%d"),
        **({"url": manifest.url} if manifest.url else {}),
        "distribution": [_file_object(file) for file in manifest.served_files()],
        "recordSet": [_record_set(name, *table) for name, table in _TABLES.items()],
    }
    return json.dumps(described, indent=1, ensure_ascii=False) + "\n"


def _file_object(file: ReleaseFile) -> dict[str, object]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": f"{file.size} B",
        "encodingFormat": _MEDIA_TYPES.get(PurePosixPath(file.path).suffix, "application/octet-stream"),
        "sha256": file.sha256,
    }


def _record_set(name: str, path: str, columns: tuple[str, ...]) -> dict[str, object]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"One row for each image of {name}/images-*.npy, in their order.",
        "key": {"@id": f"{name}/image_id"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column}",
                "name": f"{name}/{column}",
                "description": _COLUMNS[column][1],
                "dataType": _COLUMNS[column][0],
                "source": {"fileObject": {"@id": path}, "extract": {"column": column}},
            }
            for column in columns
        ],
    }
