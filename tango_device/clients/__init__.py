"""Adapters for scan software: they know attributes and commands of the device, and nothing else of ours."""
