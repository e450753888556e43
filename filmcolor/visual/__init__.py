"""Pictures for people: frames as RGB, sheets, two films side by side."""
