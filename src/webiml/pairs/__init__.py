"""Sources of pairs: folders and tables become a sorted list; nothing is opened but the table itself."""
