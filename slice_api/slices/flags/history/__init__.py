"""What a flag was before: its versions, what is different between two of them, and the way back."""
