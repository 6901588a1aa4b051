"""Images on their way to a model: read, brought to the device, varied."""
