"""Results as people want to see them."""
