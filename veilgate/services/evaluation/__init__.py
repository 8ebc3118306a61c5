"""How well models find what is labelled in pictures, side by side."""
