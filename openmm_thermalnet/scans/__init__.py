"""Scans of feed-forward networks: where descent ends against weight decay or width."""
