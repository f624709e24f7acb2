"""Experiments of the lectures on the network and the photo at hand."""
