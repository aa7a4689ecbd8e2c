"""The command line: one file a command, named like its command. It composes the rooms; no room imports it."""
