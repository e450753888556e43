"""What one command does from beginning to end: films, pictures, batches, plans, stills."""
