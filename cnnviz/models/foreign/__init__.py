"""Files that hold a whole network, read as data: no code of theirs is ever run."""
