"""A dataset written anew for other tools: plain files, archives, and lists that they read."""
