"""The design system's colours against WCAG 2.2 AA: 4.5 for text, 3 for what is only seen, in both themes."""

import re
from pathlib import Path

import pytest

from competition import settings

CSS = Path(settings.BASE_DIR) / "competition" / "static" / "css"
SURFACES = ("paper", "surface", "sunk", "hover")
TEXT_PAIRS = [
    *((text, ground) for text in ("ink", "muted", "accent", "accent-strong") for ground in SURFACES),
    *((text, ground) for text in ("good", "bad", "yolk-ink") for ground in ("paper", "surface", "hover")),
    *(("ink", f"{tint}-soft") for tint in ("accent", "yolk", "good", "bad")),
    *((f"{tint}", f"{tint}-soft") for tint in ("good", "bad")),
    *(("muted", f"{tint}-soft") for tint in ("accent", "yolk", "good", "bad")),
    ("accent-strong", "accent-soft"),
    ("accent", "accent-soft"),
    ("yolk-ink", "yolk-soft"),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("on-yolk", "yolk"),
    ("on-bad", "bad"),
    *((text, ground) for text in ("on-deep", "on-deep-muted") for ground in ("deep", "deep-2")),
]
SEEN_PAIRS = [
    *(("line-strong", ground) for ground in ("paper", "surface", "sunk")),
    *(("focus", ground) for ground in SURFACES),
    ("yolk", "deep"),
    ("yolk", "deep-2"),
]


def tokens(theme: str) -> dict[str, str]:
    """The colours of `theme` by name, as `#rrggbb`."""
    css = (CSS / "tokens.css").read_text()
    found = {}
    for name, value in re.findall(r"--([a-z0-9-]+):\s*([^;]+);", css):
        colours = re.findall(r"#[0-9a-f]{6}\b", value)
        if colours:
            found[name] = colours[-1] if theme == "dark" else colours[0]
    return found


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_the_measure_is_right():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=1e-3)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT_PAIRS)
def test_text_can_be_read(theme, text, ground):
    colours = tokens(theme)
    assert contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("shape", "ground"), SEEN_PAIRS)
def test_edges_and_focus_can_be_seen(theme, shape, ground):
    colours = tokens(theme)
    assert contrast(colours[shape], colours[ground]) >= 3


def test_every_variable_used_is_defined():
    styles = "".join(path.read_text() for path in CSS.glob("*.css"))
    used, defined = (
        set(re.findall(r"var\(--([a-z0-9-]+)", styles)),
        set(re.findall(r"--([a-z0-9-]+):", styles)),
    )
    assert used - defined == {"column"}  # set by the page, with a fallback
