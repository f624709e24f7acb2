"""Folders of images: where they come from, what is in them, and how they reach a network."""
