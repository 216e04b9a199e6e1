"""Several networks and what a pipeline does between them, as one graph: `builder`, `deepfilter`."""
