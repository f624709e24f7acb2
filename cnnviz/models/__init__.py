"""Which network: catalog, architecture, weights, labels and preprocessing."""
