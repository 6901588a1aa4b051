"""From the parameters of a cloud system to its OLR, all in float32.

The arrays of one batch stay in the processor's cache, and most steps work in place: this is the hot path.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cloud_images.scale import olr_to_grey
from cloud_images.shards import IMAGE_SIZE
from cloud_images.synthetic.appearance import Appearance
from cloud_images.synthetic.noise import SAMPLES_PER_PIXEL, TILE_SIZE

Array = npt.NDArray[Any]  # float32 throughout
Columns = Mapping[str, Array]  # the fields of Appearance, each (B, 1, 1)

BATCH = 32
_WRAP = TILE_SIZE - 1  # the size is a power of two: & wraps an index around the periodic tile
_F = np.float32


@dataclass(frozen=True)
class Seats:
    """Where in the noise each image reads: (n,) integers. The second seat is for cirrus and moisture."""

    tile: np.ndarray
    row: np.ndarray
    column: np.ndarray
    second_tile: np.ndarray
    second_row: np.ndarray
    second_column: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator, n: int, tiles: int) -> "Seats":
        highest = (tiles, TILE_SIZE, TILE_SIZE)
        return cls(*rng.integers(0, np.tile(highest, 2)[:, None], (6, n), dtype=np.int32))

    def __getitem__(self, rows: slice) -> "Seats":
        return Seats(**{name: values[rows] for name, values in vars(self).items()})


def render_grey(look: Appearance, tiles: np.ndarray, seats: Seats) -> np.ndarray:
    """Images as they stand in a release: (n, 64, 64) uint8, north up, on `cloud_images.scale`."""
    out = np.empty((len(look), IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    for rows in _batches(len(look)):
        out[rows] = olr_to_grey(_render(look.columns(rows), tiles, seats[rows]))
    return out


def render_olr(look: Appearance, tiles: np.ndarray, seats: Seats) -> np.ndarray:
    """The same in W m⁻²: (n, 64, 64) float32."""
    return np.concatenate([_render(look.columns(rows), tiles, seats[rows]) for rows in _batches(len(look))])


def _batches(n: int) -> list[slice]:
    return [slice(first, first + BATCH) for first in range(0, n, BATCH)]


def _render(p: Columns, tiles: Array, seats: Seats) -> Array:
    axis = np.arange(IMAGE_SIZE, dtype=_F) - _F((IMAGE_SIZE - 1) / 2)
    east, north = axis[None, None, :], -axis[None, :, None]
    x, y = np.broadcast_arrays(east - p["centre_x"], north - p["centre_y"])
    distance2 = x * x
    distance2 += y * y

    distance = np.sqrt(distance2)
    wound_x, wound_y = _wind_up(x, y, distance, p)
    convection = _spiral_arms(wound_x, distance, distance2, p)
    texture = _read_wound(tiles, seats, wound_x, wound_y, p)
    convection += texture
    convection += _core(x, y, p)
    _add_where(convection, "second", _second_cluster, (east, north), p)
    _add_where(convection, "overcast", _overcast, (distance2,), p)
    _add_where(convection, "front", _front, (east, north), p)
    convection -= p["dryness"]
    convection *= p["sharpness"]
    sky = _clear_sky(east, north, _read_straight(tiles, seats), p)
    return _cover(sky, convection, texture, distance2, p)


def _wind_up(x: Array, y: Array, distance: Array, p: Columns) -> tuple[Array, Array]:
    """Coordinates turned by differential rotation, fast at the centre and slow outside.

    Noise that is read at these coordinates lies in spiral bands.
    """
    angle = distance / p["swirl_radius"]
    angle += 1
    np.divide(p["swirl"], angle, out=angle)
    angle += p["orientation"]
    cos, sin = np.cos(angle), np.sin(angle)
    wound_x = cos * x
    wound_x += sin * y
    wound_y = np.multiply(cos, y, out=cos)
    wound_y -= np.multiply(sin, x, out=sin)
    return wound_x, wound_y


def _spiral_arms(wound_x: Array, distance: Array, distance2: Array, p: Columns) -> Array:
    """One arm or a pair: the first or second harmonic of the wound angle, strongest at 15 pixels."""
    weight = distance2 * _F(-1 / 450)
    np.exp(weight, out=weight)
    weight *= distance
    weight *= _F(1 / 9)
    weight *= p["arms"]
    one = distance + _F(0.5)
    np.divide(wound_x, one, out=one)  # cos(angle)
    pair = one * one
    pair *= 2
    pair -= 1  # cos(2 angle)
    pair -= one
    pair *= p["arms_paired"]
    one += pair
    one *= weight
    return one


def _read_wound(tiles: Array, seats: Seats, wound_x: Array, wound_y: Array, p: Columns) -> Array:
    """Noise at the wound coordinates."""
    # One tile more keeps the coordinates positive, where truncation is the floor.
    column = wound_x * (SAMPLES_PER_PIXEL * p["noise_stretch"])
    column += (seats.column[:, None, None] + TILE_SIZE).astype(_F)
    row = wound_y * (SAMPLES_PER_PIXEL / p["noise_stretch"])
    row += (seats.row[:, None, None] + TILE_SIZE).astype(_F)
    index = row.astype(np.int32)
    index &= _WRAP
    index *= TILE_SIZE
    columns = column.astype(np.int32)
    columns &= _WRAP
    index += columns
    index += seats.tile[:, None, None] * (TILE_SIZE * TILE_SIZE)
    texture = tiles.reshape(-1).take(index)
    texture *= p["noise"]
    return texture


def _read_straight(tiles: Array, seats: Seats) -> Array:
    """Noise that no storm winds up, for what lies far above or below it."""
    steps = np.arange(IMAGE_SIZE, dtype=np.int32) * SAMPLES_PER_PIXEL
    row = (seats.second_row[:, None] + steps) & _WRAP
    column = (seats.second_column[:, None] + steps) & _WRAP
    row = row * TILE_SIZE + seats.second_tile[:, None] * (TILE_SIZE * TILE_SIZE)
    return tiles.reshape(-1).take(row[:, :, None] + column[:, None, :])


def _core(x: Array, y: Array, p: Columns) -> Array:
    """An elliptic cluster, displaced from the centre of rotation by wind shear."""
    along = x - p["core_x"]
    along *= along
    along *= p["core_stretch"]
    across = y - p["core_y"]
    across *= across
    across /= p["core_stretch"]
    along += across
    along *= _F(-0.5) / p["core_radius"] ** 2
    np.exp(along, out=along)
    along *= p["core"]
    return along


def _second_cluster(east: Array, north: Array, p: Columns) -> Array:
    scale = _F(-0.5) / p["second_radius"] ** 2
    across = np.exp((east - p["second_x"]) ** 2 * scale) * p["second"]
    return across * np.exp((north - p["second_y"]) ** 2 * scale)


def _overcast(distance2: Array, p: Columns) -> Array:
    """The central dense overcast of an organised storm."""
    return p["overcast"] * np.exp(distance2 / -(p["overcast_radius"] ** 2))


def _front(east: Array, north: Array, p: Columns) -> Array:
    """A curved band, at any angle: a front, or the ITCZ when it lies flat."""
    cos, sin = np.cos(p["front_angle"]), np.sin(p["front_angle"])
    along = cos * east + sin * north
    across = cos * north - sin * east
    along *= along
    along *= p["front_curvature"]
    across += along
    across -= p["front_offset"]
    across /= p["front_width"]
    across *= across
    np.negative(across, out=across)
    np.exp(across, out=across)
    across *= p["front"]
    return across


def _add_where(
    convection: Array, name: str, shape: Callable[..., Array], fields: Sequence[Array], p: Columns
) -> None:
    """Add a shape to the images whose amplitude of that name is not zero: many have none."""
    rows = np.flatnonzero(p[name][:, 0, 0])
    if len(rows):
        fields = [field if len(field) == 1 else field[rows] for field in fields]
        convection[rows] += shape(*fields, {field: values[rows] for field, values in p.items()})


def _smoothstep(x: Array) -> Array:
    """3 x² - 2 x³ of x clipped to [0, 1]; x is overwritten."""
    np.clip(x, 0, 1, out=x)
    y = x * _F(-2)
    y += 3
    y *= x
    y *= x
    return y


def _clear_sky(east: Array, north: Array, moisture: Array, p: Columns) -> Array:
    """OLR of the sea under moist air and cirrus. moisture: (B, 64, 64) noise, overwritten."""
    olr = p["clear_sky"] + (p["gradient_east"] * east + p["gradient_north"] * north) * _F(1 / 32)
    cirrus = moisture + _F(0.2)
    np.maximum(cirrus, 0, out=cirrus)
    cirrus *= p["cirrus"]
    olr -= cirrus
    moisture *= 2
    olr += moisture
    return olr


def _cover(olr: Array, convection: Array, texture: Array, distance2: Array, p: Columns) -> Array:
    """Cover the sky with soft anvils and sharp deep cloud, and open an eye; overwrites the first three."""
    anvil = convection * _F(0.40)
    anvil += _F(0.74)
    anvil = _smoothstep(anvil)
    convection *= _F(0.62)
    convection += _F(0.28)
    rows = np.flatnonzero(p["eye"][:, 0, 0])
    if len(rows):
        eye = np.exp(distance2[rows] / -(p["eye_radius"][rows] ** 2))
        eye *= p["eye"][rows]
        convection[rows] -= eye
        anvil[rows] *= 1 - np.clip(eye * _F(0.33), 0, _F(0.9))
    deep = _smoothstep(convection)

    anvil *= p["anvil"]
    olr -= anvil
    below = olr - p["cloud_top"]  # what deep cloud hides; its top has a texture of its own
    texture *= 6
    below -= texture
    deep *= below
    olr -= deep
    return olr
