"""Lets every test import the shared helpers as `tests.clips`."""
