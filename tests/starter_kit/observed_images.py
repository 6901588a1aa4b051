"""Observed images for the tests without satellite files: a release's own, with other values and days."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from cloud_images import Release
from starter_kit.observation.patches import COLUMNS, STORM, SYSTEM, WINDOW, Observations


def observations(release: Release, *, episodes: int = 2, warmer: int = 0) -> Observations:
    """12 images of a storm, 12 of other clouds and 6 windows in each of some episodes, a month apart;
    `warmer` greys darker than the simulation they are of."""
    labels = release.train_table()["label"].to_numpy()
    rng = np.random.default_rng(0)
    rows, table = [], []
    for episode in range(episodes):
        begin = datetime(2001, 8, 1, tzinfo=UTC) + timedelta(days=40 * episode)
        for kind, label, count in ((STORM, 1, 12), (SYSTEM, 0, 12), (WINDOW, None, 6)):
            rows.append(rng.permutation(np.flatnonzero(labels == (label or 0)))[:count])
            for number in range(count):
                is_storm = kind == STORM
                table.append(
                    {
                        "kind": kind,
                        "label": label,
                        "storm_id": f"storm {episode}" if is_storm else None,
                        "time": begin + timedelta(hours=12 * number),
                        "latitude": 15.0,
                        "longitude": 140.0,
                        "lead_time_hours": 24.0 - 12 * number if is_storm else None,
                        "basin": "WNP",
                        "episode": episode,
                    }
                )
    images = release.train_images[np.concatenate(rows)].astype(np.int64) - warmer
    return Observations(images.clip(0, 255).astype(np.uint8), pl.DataFrame(table, schema=COLUMNS))
