"""What is seen in grey frames: bars, shots."""
