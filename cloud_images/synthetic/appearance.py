"""What a cloud system looks like from above: the parameters of its image, drawn from what it is."""

from dataclasses import dataclass, fields, replace

import numpy as np

from cloud_images.synthetic.world import DIFFICULTY

KINDS = {  # other cloud systems and their share of the negatives
    "cluster": 0.365,
    "mesoscale": 0.15,
    "itcz": 0.14,
    "front": 0.19,
    "nondeveloping": 0.04,
    "sparse": 0.115,
}
KIND_NAMES = tuple(KINDS)


@dataclass
class Appearance:
    """The parameters of n images, each (n,) float32.

    Lengths are in pixels of 14 km, angles in radians, OLR in W m⁻². Amplitudes are in units of the noise's
    standard deviation: cloud stands where the sum of all passes `dryness`.
    """

    # The wind that winds the clouds up: rotation by swirl / (1 + r / swirl_radius) about the centre.
    centre_x: np.ndarray
    centre_y: np.ndarray
    swirl: np.ndarray
    swirl_radius: np.ndarray
    orientation: np.ndarray
    # Where convection is favoured: core, second cluster, one spiral arm or a pair, overcast, front or ITCZ.
    core: np.ndarray
    core_x: np.ndarray
    core_y: np.ndarray
    core_radius: np.ndarray
    core_stretch: np.ndarray
    second: np.ndarray
    second_x: np.ndarray
    second_y: np.ndarray
    second_radius: np.ndarray
    arms: np.ndarray
    arms_paired: np.ndarray
    overcast: np.ndarray
    overcast_radius: np.ndarray
    eye: np.ndarray
    eye_radius: np.ndarray
    front: np.ndarray
    front_angle: np.ndarray
    front_width: np.ndarray
    front_offset: np.ndarray
    front_curvature: np.ndarray
    # Texture.
    noise: np.ndarray
    noise_stretch: np.ndarray
    dryness: np.ndarray
    sharpness: np.ndarray
    # Radiation.
    clear_sky: np.ndarray
    gradient_east: np.ndarray
    gradient_north: np.ndarray
    cirrus: np.ndarray
    anvil: np.ndarray
    cloud_top: np.ndarray
    # Not drawn, but what the rest was drawn from: 0 to 1 for storms and disturbances, NaN for all others.
    organisation: np.ndarray

    def __post_init__(self) -> None:
        for name in FIELD_NAMES:
            setattr(self, name, np.asarray(getattr(self, name), np.float32))

    def __len__(self) -> int:
        return len(self.swirl)

    def __getitem__(self, rows: np.ndarray) -> "Appearance":
        return Appearance(**{name: getattr(self, name)[rows] for name in FIELD_NAMES})

    def put(self, rows: np.ndarray, other: "Appearance") -> None:
        """Replace the parameters of these rows."""
        for name in FIELD_NAMES:
            getattr(self, name)[rows] = getattr(other, name)

    def columns(self, rows: slice) -> dict[str, np.ndarray]:
        """The parameters of some rows, each (B, 1, 1), ready to broadcast over images."""
        return {name: getattr(self, name)[rows, None, None] for name in FIELD_NAMES}


FIELD_NAMES = tuple(field.name for field in fields(Appearance))


@dataclass(frozen=True)
class Setting:
    """Where and when, each (n,): it decides the clear sky, the cloud tops and the sense of rotation."""

    latitude: np.ndarray
    """Degrees north."""
    season: np.ndarray
    """Time of the year in [0, 1), 0 at the start of January."""
    local_hour: np.ndarray
    """Solar time in [0, 24)."""

    def __len__(self) -> int:
        return len(self.latitude)

    def __getitem__(self, rows: np.ndarray) -> "Setting":
        return Setting(self.latitude[rows], self.season[rows], self.local_hour[rows])

    @property
    def cyclonic(self) -> np.ndarray:
        """+1 in the north, -1 in the south: the sign of cyclonic rotation."""
        return np.where(self.latitude >= 0, 1.0, -1.0)


def background(rng: np.random.Generator, setting: Setting) -> Appearance:
    """Ordinary tropical sky: scattered clouds, now and then a second cluster or a band of the ITCZ."""
    n = len(setting)
    uniform, normal = rng.uniform, rng.normal
    poleward = np.abs(setting.latitude)
    warmest = np.where(setting.latitude >= 0, 6.5, 0.5) / 12
    summer = np.cos((setting.season - warmest) * 2 * np.pi)
    itcz_near = rng.random(n) < np.clip(0.75 - 0.02 * poleward, 0.15, 0.7)
    second_direction, second_distance = uniform(0, 2 * np.pi, n), uniform(14, 34, n)
    zero = np.zeros(n)
    return Appearance(
        centre_x=zero,
        centre_y=zero,
        swirl=zero,
        swirl_radius=uniform(6, 12, n),
        orientation=uniform(0, 2 * np.pi, n),
        core=zero,
        core_x=zero,
        core_y=zero,
        core_radius=np.full(n, 9.0),
        core_stretch=np.ones(n),
        second=np.where(rng.random(n) < 0.55, uniform(0.3, 1.3, n), 0),
        second_x=second_distance * np.cos(second_direction),
        second_y=second_distance * np.sin(second_direction),
        second_radius=uniform(3, 8, n),
        arms=zero,
        arms_paired=rng.random(n) < 0.6,
        overcast=zero,
        overcast_radius=np.full(n, 5.0),
        eye=zero,
        eye_radius=np.full(n, 1.6),
        front=np.where(itcz_near, uniform(0.1, 0.75, n), 0),
        front_angle=normal(0, 0.25, n),
        front_width=uniform(4, 11, n),
        front_offset=normal(0, 14, n),
        front_curvature=normal(0, 0.006, n),
        noise=uniform(0.42, 0.78, n),
        noise_stretch=np.exp(np.abs(normal(0, 0.18, n))),
        dryness=0.72 + normal(0, 0.18, n),
        sharpness=uniform(1.1, 2.1, n),
        clear_sky=284
        + 2 * summer
        - 0.035 * np.maximum(poleward - 18, 0) ** 1.75 * (1 - 0.3 * summer)
        + normal(0, 3.5, n),
        gradient_east=normal(0, 4, n),
        gradient_north=normal(0, 5, n) - 3 * np.sign(setting.latitude),
        cirrus=uniform(3, 30, n),
        anvil=uniform(55, 110, n),
        # Tops are lowest in OLR before dawn, and warmer where the tropopause is lower.
        cloud_top=96
        + 0.9 * np.maximum(poleward - 15, 0)
        + np.abs(normal(0, 10, n))
        - 3 * np.cos((setting.local_hour - 4) / 24 * 2 * np.pi),
        organisation=np.full(n, np.nan),
    )


def storms(
    rng: np.random.Generator, setting: Setting, organisation: np.ndarray, wind: np.ndarray
) -> Appearance:
    """Cyclones and their precursors.

    organisation: (n,) from 0 (none) to 1: more of it means more rotation, a rounder core nearer the centre,
    stronger arms and, from 0.42, a central dense overcast. wind: (n,) knots; above 60 an eye may open.
    """
    n = len(setting)
    uniform, normal, hard = rng.uniform, rng.normal, DIFFICULTY
    look = background(rng, setting)
    q = np.clip(organisation, 0, 1.05)
    swirl = (
        hard.swirl_constant
        + hard.swirl_linear * q
        + hard.swirl_quadratic * q**2
        + normal(0, hard.swirl_spread, n) * (0.6 + q)
    )
    shear, shear_direction = np.abs(normal(0, 1, n)) * (7.5 - 5.2 * q), uniform(0, 2 * np.pi, n)
    centre_error = hard.centre_error * (1 - 0.72 * q)
    arms = np.maximum(0, 0.12 + 0.75 * q + normal(0, 0.16, n))
    overcast = np.maximum(0, (q - 0.42) * 3.4 + normal(0, 0.25, n))
    eye_open = (wind > 60) & (rng.random(n) < np.clip((wind - 50) / 55, 0, 0.9))
    return replace(
        look,
        centre_x=normal(0, 1, n) * centre_error,
        centre_y=normal(0, 1, n) * centre_error,
        swirl=setting.cyclonic * np.maximum(-0.3, swirl),
        core=0.42 + 0.72 * q + normal(0, 0.22, n),
        core_x=shear * np.cos(shear_direction),
        core_y=shear * np.sin(shear_direction),
        core_radius=uniform(7, 14.5, n) * (1 + 0.12 * q),
        core_stretch=np.exp(normal(0, 0.35 - 0.22 * q, n)),
        arms=arms * (rng.random(n) < 0.35 + 0.7 * q),
        overcast=overcast * (q > 0.42),
        overcast_radius=uniform(4, 9.5, n),
        eye=np.where(eye_open, uniform(1.2, 3.2, n) * np.clip((wind - 45) / 50, 0.3, 1.3), 0),
        eye_radius=uniform(0.9, 2.5, n),
        dryness=look.dryness - 0.05 * q,
        noise=look.noise * (1 - 0.6 * np.clip(q - 0.5, 0, 0.5)),
        organisation=q,
    )


def others(rng: np.random.Generator, setting: Setting, kind: np.ndarray) -> Appearance:
    """Clouds that are no storm and become none. kind: (n,) indices into KIND_NAMES."""
    n = len(setting)
    uniform, normal, hard = rng.uniform, rng.normal, DIFFICULTY
    look = replace(
        background(rng, setting),
        centre_x=normal(0, 4, n),
        centre_y=normal(0, 4, n),
        swirl=normal(0, hard.other_swirl_spread, n) + hard.other_swirl_bias * setting.cyclonic,
        core=0.45 + 0.22 * normal(0, 1, n),
        core_x=normal(0, 6.5, n),
        core_y=normal(0, 6.5, n),
        core_radius=uniform(7, 15, n),
        core_stretch=np.exp(normal(0, 0.38, n)),
        arms=np.where(rng.random(n) < 0.2, uniform(0, 0.35, n), 0),
    )
    for index, draw in enumerate((None, _mesoscale, _itcz, _front, _nondeveloping, _sparse)):
        rows = np.flatnonzero(kind == index)
        if draw is not None and len(rows):
            look.put(rows, draw(rng, look[rows], setting[rows]))
    return look


def _mesoscale(rng: np.random.Generator, look: Appearance, setting: Setting) -> Appearance:
    """A compact, cold, sharp-edged system, sometimes as round as a young storm."""
    n = len(setting)
    return replace(
        look,
        core=rng.uniform(0.9, 2.0, n),
        core_radius=rng.uniform(3.5, 8.5, n),
        core_stretch=np.exp(np.abs(rng.normal(0, 0.5, n))),
        core_x=rng.normal(0, 4, n),
        core_y=rng.normal(0, 4, n),
        sharpness=rng.uniform(1.8, 3.2, n),
        overcast=np.where(rng.random(n) < 0.35, rng.uniform(0.3, 1.3, n), 0),
        overcast_radius=rng.uniform(3, 7, n),
    )


def _itcz(rng: np.random.Generator, look: Appearance, setting: Setting) -> Appearance:
    """A piece of the intertropical convergence zone: a band from east to west."""
    n = len(setting)
    return replace(
        look,
        front=rng.uniform(0.7, 1.6, n),
        front_offset=rng.normal(0, 7, n),
        front_width=rng.uniform(5, 12, n),
        front_curvature=rng.normal(0, 0.012, n),
        core=rng.uniform(0, 0.6, n),
    )


def _front(rng: np.random.Generator, look: Appearance, setting: Setting) -> Appearance:
    """A front of the middle latitudes; every second is a comma cloud, which can turn as fast as a storm."""
    n = len(setting)
    comma = rng.random(n) < 0.5
    return replace(
        look,
        front=rng.uniform(0.7, 1.7, n),
        front_angle=setting.cyclonic * rng.uniform(0.1, 1.3, n),
        front_width=rng.uniform(3, 9, n),
        front_offset=rng.normal(0, 9, n),
        front_curvature=rng.normal(0, 0.02, n),
        swirl=np.where(comma, setting.cyclonic * rng.uniform(0.6, 3.2, n), look.swirl),
        core=rng.uniform(-0.2, 0.75, n),
        core_x=np.where(comma, rng.normal(0, 8, n), look.core_x),
        core_y=np.where(comma, rng.normal(0, 8, n), look.core_y),
        cloud_top=look.cloud_top + 18,
        noise_stretch=rng.uniform(1.1, 1.65, n),
        gradient_north=-setting.cyclonic * rng.uniform(5, 22, n),
    )


def _nondeveloping(rng: np.random.Generator, look: Appearance, setting: Setting) -> Appearance:
    """A disturbance that looks like a precursor and becomes nothing: the hardest negatives."""
    organisation = rng.normal(
        DIFFICULTY.nondeveloping_organisation, DIFFICULTY.nondeveloping_spread, len(setting)
    )
    return storms(rng, setting, organisation, wind=np.full(len(setting), 20.0))


def _sparse(rng: np.random.Generator, look: Appearance, setting: Setting) -> Appearance:
    """Dry air with thin high cloud."""
    n = len(setting)
    return replace(
        look,
        core=rng.uniform(-0.3, 0.3, n),
        dryness=look.dryness + rng.uniform(0.1, 0.6, n),
        cirrus=rng.uniform(10, 40, n),
    )
