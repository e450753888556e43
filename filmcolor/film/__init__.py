"""One film: its plan, and the chain of stages that colours it."""
