"""The commands `webiml dataset VERB`, one file each."""
