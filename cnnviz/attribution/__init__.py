"""Which pixels an answer rests on, and whether one may trust the map."""
