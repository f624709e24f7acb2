"""A network run and read: its layers, feature maps, predictions and receptive fields."""
