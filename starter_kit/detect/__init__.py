"""From single images to whole fields: where on the map a model sees cyclones, and how often it is right."""
