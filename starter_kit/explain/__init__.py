"""What a trained model looks at, where it errs, and how two models differ."""
