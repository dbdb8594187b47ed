"""Procedural stimuli."""
