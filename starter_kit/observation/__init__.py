"""From simulation to observation: real frames as images, translations, and the gap between the two."""
