"""What is typed: one module for each group of commands."""
