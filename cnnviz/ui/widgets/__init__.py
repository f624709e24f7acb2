"""Controls, pictures and messages that every page uses."""
