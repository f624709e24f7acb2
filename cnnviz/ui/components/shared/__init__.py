"""What all browser components share."""
