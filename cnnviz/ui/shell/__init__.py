"""The frame around every page: navigation, sidebar, presenter mode."""
