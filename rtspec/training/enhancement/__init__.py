"""Bandwidth extension and repair of coded music: degradations, networks, losses, and the task that ties them."""
