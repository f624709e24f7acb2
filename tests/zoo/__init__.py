"""Every network by every way in, held against plain PyTorch: `python -m tests.zoo` prints the table."""
