"""What is done with a finished dataset: count, check, judge again, join, divide, clean, export, take out."""
