"""A dataset that grows: whatever is new since the last time becomes one more generation, a dataset of its own."""
