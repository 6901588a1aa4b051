"""From a release to trained weights."""
