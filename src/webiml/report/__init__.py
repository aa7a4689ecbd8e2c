"""What became of a dataset, for a person: counts (tally.py) and one page that opens without a server (html.py)."""
