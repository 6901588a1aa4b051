"""What each method brings, measured."""
