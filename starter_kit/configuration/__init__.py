"""Every knob of a training, and the named recipes in `configs/`."""
