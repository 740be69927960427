"""Channels: how an alert travels to people."""
