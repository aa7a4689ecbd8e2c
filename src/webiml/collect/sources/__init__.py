"""Where links come from. A source is a function: a path in, links (types.Link) out, never all of them at once."""
