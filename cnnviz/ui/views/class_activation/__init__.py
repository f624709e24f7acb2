"""Parts of the page Class activation."""
