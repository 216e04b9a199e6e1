"""Timbre: the playable model (`playable`) and the paper's autoencoders (`paper`), their notes, batches, losses."""
