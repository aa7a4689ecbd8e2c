"""What the two pictures of a pair say about one another, before anything is decided."""
