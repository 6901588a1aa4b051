"""The ocean basins of tropical cyclones, by position."""

import numpy as np

# IBTrACS calls the North Atlantic "NA", which pandas reads as "not available": three letters are safer.
BASINS = ("WNP", "ENP", "NAT", "NIO", "SIO", "SPO", "SAT")


def basin_of(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Name the basin of each position, as the agencies and IBTrACS divide the oceans.

    latitude, longitude: (N,) degrees north and east (any multiple of 360 added). Returns (N,) strings:
    WNP western North Pacific, ENP eastern (and central) North Pacific, NAT North Atlantic, NIO North Indian,
    SIO South Indian, SPO South Pacific, SAT South Atlantic. The equator counts as north. Between the Pacific
    and the Atlantic the border follows Central America: 100° W north of 18° N, 86° W down to 10° N, then
    77° W.
    """
    latitude = np.asarray(latitude, np.float64)
    east = np.asarray(longitude, np.float64) % 360
    american_coast = np.select([latitude >= 18, latitude >= 10], [260.0, 274.0], 283.0)
    north = np.select(
        [east < 30, east < 100, east < 180, east < american_coast], ["NAT", "NIO", "WNP", "ENP"], "NAT"
    )
    south = np.select([east < 20, east < 135, east < 290], ["SAT", "SIO", "SPO"], "SAT")
    return np.where(latitude >= 0, north, south)
