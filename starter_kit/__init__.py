"""What a participant needs: train a model, predict, compare, submit. No Django anywhere."""
