"""Training: a run is a directory, written by a process of its own."""
