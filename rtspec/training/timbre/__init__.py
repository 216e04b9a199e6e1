"""Timbre: the playable model (`playable`) and the paper's log-mel autoencoders (`paper`), their notes, batches and losses."""
