"""Which pixels an answer rests on, and whether one may believe the map that says so."""
