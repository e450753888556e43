"""What holds for any input at all: `hypothesis` makes it up, and looks for what does not."""
