"""One pair, or many, to masks that can be trusted."""
