"""Links in, a store of pictures out: sources, manners, the net."""
