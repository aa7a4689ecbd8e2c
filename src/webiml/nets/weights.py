"""The networks that ship with the package, by name."""
