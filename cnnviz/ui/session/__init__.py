"""What there is once for a visit: the current photo and network, own photos, the link."""
