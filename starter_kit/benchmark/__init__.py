"""The benchmark: how fast images come, and whether the device ever waits for them.

The ordinary way is that of a first tutorial: a folder of PNG files, PIL, albumentations, torch's DataLoader
with worker processes. It and the kit take turns in one run, after both have delivered the same images.
"""
