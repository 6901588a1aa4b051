"""From trained weights to scores: predicting, joining models, calibrating, evaluating."""
