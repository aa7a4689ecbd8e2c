"""One training loop, what each network learns from, and how it is shipped."""
