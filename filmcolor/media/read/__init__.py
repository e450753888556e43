"""Files in: opened, probed, decoded."""
